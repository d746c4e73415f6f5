// The envelope of what agents say to one another.
#include "agent/net/codec.hpp"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <climits>

#include "agent/net/codec_parts.hpp"

namespace cierzo {
namespace {

using codec::Checker;

void put(const Hello& from, wire::Envelope& to) {
  to.mutable_hello()->set_version(from.version);
  to.mutable_hello()->set_software(from.software);
  to.mutable_hello()->set_process(from.process);
  to.mutable_hello()->set_answer(from.answer);
}
void put(const election::Message& from, wire::Envelope& to) {
  *to.mutable_election() = codec::put(from);
}
void put(const Report& from, wire::Envelope& to) { *to.mutable_report() = codec::put(from); }
void put(const ReportRequest& from, wire::Envelope& to) {
  for (const std::string& image : from.images) to.mutable_report_request()->add_images(image);
  to.mutable_report_request();
}
ReportRequest get(const wire::ReportRequest& from, Checker& check) {
  ReportRequest to;
  for (const std::string& image : from.images()) {
    to.images.push_back(check.name(image, "report request: path of an image too long"));
  }
  return to;
}
void put(const Command& from, wire::Envelope& to) { *to.mutable_command() = codec::put(from); }
void put(const CommandResult& from, wire::Envelope& to) {
  wire::CommandResult& result = *to.mutable_command_result();
  *result.mutable_id() = codec::put(from.id);
  result.set_refused(from.refused);
  result.set_ok(from.ok);
  result.set_error(from.error);
}
void put(const Forward& from, wire::Envelope& to) {
  wire::Forward& forward = *to.mutable_forward();
  forward.set_id(from.id);
  forward.set_method(from.method);
  forward.set_target(from.target);
  forward.set_body(from.body);
  *forward.mutable_term() = codec::put(from.term);
  forward.set_heard(from.heard.count());
  forward.set_valid(from.valid.count());
}
void put(const ForwardAnswer& from, wire::Envelope& to) {
  to.mutable_forward_answer()->set_id(from.id);
  to.mutable_forward_answer()->set_status(from.status);
  to.mutable_forward_answer()->set_body(from.body);
}

Hello get(const wire::Hello& from, Checker& check) {
  return {from.version(), check.name(from.software(), "hello: version too long"),
          check.name(from.process(), "hello: process too long"), from.answer()};
}

CommandResult get(const wire::CommandResult& from, Checker& check) {
  check.require(from.has_id(), "command result: no id");
  check.require(!from.refused() || !from.ok(), "command result: both refused and done");
  return {codec::get(from.id(), check), from.refused(), from.ok(), from.error()};
}

Forward get(const wire::Forward& from, Checker& check) {
  check.require(!from.id().empty() && !from.method().empty() && !from.target().empty(),
                "forward: a part is missing");
  return {check.name(from.id(), "forward: id too long"),
          check.name(from.method(), "forward: method too long"),
          from.target(),
          from.body(),
          codec::get(from.term()),
          Time(from.heard()),
          Duration(from.valid())};
}

ForwardAnswer get(const wire::ForwardAnswer& from, Checker& check) {
  check.require(!from.id().empty(), "forward answer: no id");
  check.require(from.status() >= 100 && from.status() <= 599, "forward answer: impossible status");
  return {check.name(from.id(), "forward answer: id too long"), from.status(), from.body()};
}

PeerMessage message_of(const wire::Envelope& from, Checker& check) {
  using Case = wire::Envelope::KindCase;
  switch (from.kind_case()) {
    case Case::kHello:
      return get(from.hello(), check);
    case Case::kElection:
      return codec::get(from.election(), check);
    case Case::kReport:
      return codec::get(from.report(), check);
    case Case::kReportRequest:
      return get(from.report_request(), check);
    case Case::kCommand:
      return codec::get(from.command(), check);
    case Case::kCommandResult:
      return get(from.command_result(), check);
    case Case::kForward:
      return get(from.forward(), check);
    case Case::kForwardAnswer:
      return get(from.forward_answer(), check);
    case Case::KIND_NOT_SET:
      break;
  }
  check.require(false, "unknown kind of message");
  return {};
}

namespace pb = google::protobuf;

constexpr std::size_t surely_few_bytes = 64 * 1024;  // Not worth counting.
constexpr int depth_max = 32;                        // Of messages in messages: ours have 6.

// Takes the fields of a message, and of the messages in it, from `left`. False: there are more.
// What is torn is not judged here: the parser will say so.
bool count_parts(std::string_view bytes, const pb::Descriptor* type, int depth, std::size_t& left) {
  using Wire = pb::internal::WireFormatLite;
  if (depth > depth_max) return false;
  pb::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                              static_cast<int>(bytes.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    if (left == 0) return false;
    --left;
    if (Wire::GetTagWireType(tag) != Wire::WIRETYPE_LENGTH_DELIMITED) {
      if (!Wire::SkipField(&in, tag)) return true;
      continue;
    }
    std::uint32_t length = 0;
    if (!in.ReadVarint32(&length)) return true;
    const auto begin = static_cast<std::size_t>(in.CurrentPosition());
    if (length > bytes.size() - begin) return true;
    const auto* field = type->FindFieldByNumber(Wire::GetTagFieldNumber(tag));
    const bool message = field != nullptr && field->type() == pb::FieldDescriptor::TYPE_MESSAGE;
    if (message &&
        !count_parts(bytes.substr(begin, length), field->message_type(), depth + 1, left))
      return false;
    if (!in.Skip(static_cast<int>(length))) return true;
  }
  return true;
}

bool few_parts(std::string_view bytes) {
  std::size_t left = message_parts_max;
  return bytes.size() <= surely_few_bytes ||
         count_parts(bytes, wire::Envelope::descriptor(), 0, left);
}

}  // namespace

std::string encode(const PeerMessage& message) {
  wire::Envelope envelope;
  envelope.set_version(wire_version);
  std::visit([&envelope](const auto& kind) { put(kind, envelope); }, message);
  return envelope.SerializeAsString();
}

std::optional<PeerMessage> decode(std::string_view bytes, std::string& error) {
  // protobuf would print to stderr what a stranger sends: what is wrong is in `error`, and is said
  // once per peer.
  static const bool quiet = (google::protobuf::SetLogHandler(nullptr), true);
  (void)quiet;
  Checker check(error);
  wire::Envelope envelope;
  check.require(bytes.size() <= INT_MAX && few_parts(bytes), "it has too many parts");
  if (!check.ok()) return std::nullopt;
  const bool parsed = envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  check.require(parsed, "the bytes are torn, or not ours");
  if (!parsed) return std::nullopt;
  check.require(envelope.version() == wire_version, "it is of another version of the protocol");
  if (!check.ok()) return std::nullopt;
  PeerMessage message = message_of(envelope, check);
  if (!check.ok()) return std::nullopt;
  return message;
}

}  // namespace cierzo
