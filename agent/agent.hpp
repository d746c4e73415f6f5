// One host's agent: owns the loop's objects and ties them together. Everything runs on one thread,
// the main one; what blocks is behind the executor and the store.
//
//   Transport -> Node      -> Outbox -> Store (what must be on disk first) -> Transport, facts
//   Transport -> Worker    <- Provider           (commands in, reports and results out)
//   facts     -> Leader    -> Transport          (while this host leads)
//   Server    -> Requests  -> Leader or Transport
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "agent/config.hpp"

namespace boost::asio {
class io_context;
}

namespace cierzo {

inline constexpr const char* software_version = CIERZO_VERSION;

class Agent {
 public:
  // Takes the state folder, binds the sockets, connects to the hypervisor. Throws
  // std::runtime_error with one sentence where that is impossible.
  Agent(boost::asio::io_context& io, Config config);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  void start();

  // A clean stop: asks that this host be held, so that its VMs run on and nothing of it is replaced
  // (rule 14), gives up leading (rule 8), and then stops the loop. Without a leader to ask it stops
  // all the same.
  void stop();

  // What main() returns: 0, or 2 where the agent had to stop because its state cannot be written.
  [[nodiscard]] int exit_code() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cierzo
