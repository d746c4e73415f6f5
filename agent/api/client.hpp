// The other end of the control socket, for agentctl: one request, one answer, with a deadline.
// Blocking, for any thread; each request is a connection of its own.
#pragma once

#include <string>
#include <variant>

#include "agent/api/request.hpp"

namespace cierzo::api {

// The agent gave no answer. `error` is one line, `next` what to do about it.
struct Unreachable {
  std::string error, next;
  bool sent = false;  // The whole request had gone out: what it asks for may have been done.
};

using Reply = std::variant<ApiResponse, Unreachable>;

// `deadline` is for everything: connecting, sending, waiting, receiving.
[[nodiscard]] Reply ask(const std::string& socket_path, const std::string& method,
                        const std::string& target, const std::string& body, Duration deadline);

}  // namespace cierzo::api
