// The other end of the control socket, for agentctl: one request, one answer, with a deadline.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "agent/api/request.hpp"

namespace cierzo::api {

// The agent gave no answer. `error` is one line, `next` what to do about it.
struct Unreachable {
  std::string error, next;
  bool sent = false;  // The request had gone out whole: a change may have been done.
};

using Reply = std::variant<ApiResponse, Unreachable>;

// Blocking, for one thread. Keeps its connection from one request to the next.
class Client {
 public:
  explicit Client(std::string socket_path);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // `deadline` is for everything: connecting, sending, waiting, receiving.
  [[nodiscard]] Reply request(const std::string& method, const std::string& target,
                              const std::string& body, Duration deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cierzo::api
