// Any bytes, taken for a request of the control socket: the first line is its method and target,
// the rest its body. Nothing crashes; what is accepted can be passed on to the leader and is the
// same request there. Bodies are also read as the answers that agentctl reads.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/api/request.hpp"
#include "agent/net/codec_api.hpp"

namespace {

using namespace cierzo::api;

void check(bool holds, const char* what, const std::string& text) {
  if (holds) return;
  std::fprintf(stderr, "%s: %s\n", what, text.c_str());
  std::abort();
}

// protobuf's maps have no order: of a request that has some the values are compared, not the text.
bool same(const ApplyRequest& a, const ApplyRequest& b) {
  return a.resources == b.resources && a.types == b.types && a.places.size() == b.places.size();
}
template <class View>
bool same(const View& a, const View& b) {
  return to_json(a) == to_json(b);
}

template <class View>
void check_body(std::string_view body, const char* what) {
  const auto read = from_json<View>(body);
  if (const auto* refused = std::get_if<JsonError>(&read)) {
    return check(!refused->text.empty(), what, "refused without a reason");
  }
  const std::string sent = to_json(std::get<View>(read));
  const auto again = from_json<View>(sent);
  check(std::holds_alternative<View>(again), what, sent);
  check(same(std::get<View>(again), std::get<View>(read)), what, sent);
}

void check_target(std::string_view line) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string method(line.substr(0, space));
  const std::string target(line.substr(std::min(space + 1, line.size())));
  const auto parsed = parse_target(method, target);
  if (const auto* found = std::get_if<Target>(&parsed)) {
    check(found->wait >= found->wait.zero() && found->wait <= events_wait_max, "wait", target);
    return;
  }
  const auto& refusal = std::get<ApiResponse>(parsed);
  check(refusal.status >= 400 && refusal.status < 500, "status of a refusal", target);
  check_body<ErrorView>(refusal.body, "refusal");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  check_target(text.substr(0, end));
  const std::string_view body = text.substr(std::min(end + 1, text.size()));
  check_body<ApplyRequest>(body, "apply");
  check_body<ApplyAnswer>(body, "answer");
  check_body<StatusView>(body, "status");
  check_body<PlanView>(body, "plan");
  check_body<EventsView>(body, "events");
  check_body<TypesView>(body, "types");
  return 0;
}
