// The agent of a real host: what agentd runs. Owns the loop's objects that the agent stands on,
// ZeroMQ, SQLite, libvirt, the control socket, and hands what they bring to it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "agent/config.hpp"

namespace boost::asio {
class io_context;
}

namespace cierzo {

// What the configuration names and this host does not have, a sentence each: groups, without which
// the agent does not start, and files, without which it starts and something fails later. For
// `agentd --check`, which systemd runs before each start.
struct Lacks {
  std::vector<std::string> groups, files;
};
[[nodiscard]] Lacks lacks_here(const Config& config);

class Daemon {
 public:
  // Takes the state folder, binds the sockets, connects to the hypervisor. Throws
  // std::runtime_error with one sentence where that is impossible.
  Daemon(boost::asio::io_context& io, const Config& config);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void start();

  // A clean stop of the agent, and then of the loop.
  void stop();

  // What main() returns: 0, or 2 where the agent had to stop because its state cannot be written.
  [[nodiscard]] int exit_code() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cierzo
