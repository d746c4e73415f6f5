// The control socket: HTTP/1.1 with JSON on a Unix socket, for agentctl, scripts and
// `curl --unix-socket`. It knows nothing of the agent: requests go to one handler.
//
// Thread: everything on the io_context's one thread. Limits, beyond which it refuses or waits, are
// the constants below. A connection stays open for further requests until it idles too long.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "agent/api/access.hpp"
#include "agent/api/request.hpp"

namespace boost::asio {
class io_context;
}

namespace cierzo::api {

// Bytes; beyond: 413. A request travels to the leader in one message (message_bytes_max, 8 MiB),
// and what it declares is sent on to voters in one: half of that leaves room for what is around it.
inline constexpr std::size_t body_max = 4 * 1024 * 1024;
inline constexpr std::size_t header_max = 16 * 1024;  // bytes; beyond: the connection is closed
// Beyond: further ones wait in the kernel's queue until one closes.
inline constexpr std::size_t connections_max = 64;
// Of those, of users other than root and the agent's own; beyond: 429. So nobody keeps root out.
inline constexpr std::size_t connections_of_others_max = 48;
// Of those, of any one of these users; beyond: 429. So no reader keeps the others out.
inline constexpr std::size_t connections_of_one_max = 16;
// For a whole request to arrive, from the first byte or since the last answer; and for an answer to
// be taken.
inline constexpr auto request_timeout = std::chrono::seconds(30);

class Server {
 public:
  // Listens on `path`; its group and mode are those of socket_owner(). What a caller's role does
  // not allow is refused here (403) and never reaches the handler. A socket that nobody listens on
  // any more is removed first. Throws std::runtime_error, with what to do, where another process
  // listens or the path cannot be used.
  Server(boost::asio::io_context& io, std::string path, Access access, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Accepts nothing more, closes every connection and removes the socket. Answers that come later
  // go nowhere.
  void close();

  struct State;  // In server.cpp, with the heavy headers.

 private:
  std::shared_ptr<State> state_;  // Shared with what is under way on the io_context.
};

}  // namespace cierzo::api
