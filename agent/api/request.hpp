// One request of the control socket and its answer, as values: what the server (server.hpp) hands
// to the agent, what travels to the leader where only it can answer (Forward in
// agent/messages.hpp), and what the client (client.hpp) sends. Bodies are the JSON of views.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "resources/ids.hpp"

namespace cierzo::api {

struct ApiRequest {
  std::string method;  // GET POST DELETE
  std::string target;  // "/v1/events?after=3&wait=10"
  std::string body;
  std::uint32_t uid = 0, gid = 0;  // Of the process at the other end, as the kernel knows them.
};

// Statuses: 200; 400 usage; 403 not with this role; 404 unknown; 405 wrong method; 409 refused; 413
// too large; 429 too many connections; 503 no leader; 504 the outcome is not known. Every one but
// 200 has an ErrorView as its body.
struct ApiResponse {
  int status = 200;
  std::string body;
};

// To be called once, on the thread of the io_context, now or later; later calls do nothing, and so
// does a call after the client or the server has gone.
using Answer = std::function<void(ApiResponse)>;
using Handler = std::function<void(ApiRequest, Answer)>;

// The path table of the API, in one place.
enum class Route {
  status,        // GET /v1/status
  hosts,         // GET /v1/hosts
  members,       // POST /v1/hosts/change   HostChange -> ApplyAnswer
  events,        // GET /v1/events?after=N&wait=SECONDS
  types,         // GET /v1/types
  version,       // GET /v1/version
  health,        // GET /v1/health
  plan,          // POST /v1/plan           ApplyRequest -> PlanView
  apply,         // POST /v1/apply          ApplyRequest -> ApplyAnswer
  stop,          // POST /v1/resources/NAME/stop
  start,         // POST /v1/resources/NAME/start
  scale,         // POST /v1/resources/NAME/scale   ScaleRequest -> ApplyAnswer
  reset,         // POST /v1/resources/NAME/reset   ResetRequest -> ApplyAnswer
  outputs,       // GET /v1/resources/NAME/outputs  OutputsView
  confirm_lost,  // POST /v1/confirm-lost  ConfirmRequest -> ConfirmView
  recover,       // POST /v1/site/recover  RecoverRequest -> RecoverView
  remove,        // DELETE /v1/resources/NAME
};

inline constexpr Duration events_wait_max = std::chrono::seconds(30);

struct Target {
  Route route = Route::status;
  ResourceName name;        // Of stop, start, scale, reset, outputs and remove.
  std::uint64_t after = 0;  // Of events.
  Duration wait{};          // Of events; at most events_wait_max.
};

// What a request asks for, or the answer that refuses it: 404 for a path that is none, 405 for a
// method that this path does not have, 400 for a query it does not know. Pure.
[[nodiscard]] std::variant<Target, ApiResponse> parse_target(const std::string& method,
                                                             const std::string& target);

// The answers that every handler needs. `next` is what to do about it.
[[nodiscard]] ApiResponse usage(const std::string& error, const std::string& next = {});
[[nodiscard]] ApiResponse not_found(const std::string& error, const std::string& next = {});
[[nodiscard]] ApiResponse refused(const std::string& error, std::vector<std::string> mistakes,
                                  const std::string& next = {});
// `who_is_missing`: "1 of 3 voters reachable, 2 needed; missing: node2, node3"
[[nodiscard]] ApiResponse no_leader(const std::string& who_is_missing);
// It may have been done. `why`: "the leader has not answered"
[[nodiscard]] ApiResponse outcome_unknown(const std::string& why);

}  // namespace cierzo::api
