// The envelope of what agents say to one another.
#include "agent/net/codec.hpp"

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
          check.name(from.method(), "forward: method too long"), from.target(), from.body()};
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
  const bool parsed = bytes.size() <= INT_MAX &&
                      envelope.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  check.require(parsed, "the bytes are torn, or not ours");
  if (!parsed) return std::nullopt;
  check.require(envelope.version() == wire_version, "it is of another version of the protocol");
  if (!check.ok()) return std::nullopt;
  PeerMessage message = message_of(envelope, check);
  if (!check.ok()) return std::nullopt;
  return message;
}

}  // namespace cierzo
