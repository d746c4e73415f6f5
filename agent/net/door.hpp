// Who is connected to the receiving socket, and who must go: bookkeeping only, no socket. Whoever
// can reach the port may connect, and libzmq itself accepts without end: ten thousand connections
// that never say a word would use up the agent's descriptors, and a host that floods would use up
// its memory by connecting again and again.
//
// A connection is named by its descriptor, as the kernel does: numbers are used again, after the
// end of the connection was told.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/net/budget.hpp"
#include "resources/ids.hpp"

namespace cierzo {

class Door {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  // Connections over which nobody has proven who he is, beside one for each host of the site, since
  // all of them may connect at once. Each of these may hold one message that is coming in, so they
  // bound what strangers can make the agent allocate: 32 times message_bytes_max.
  static constexpr std::size_t strangers_max = 32;
  // An agent says who it is within some round trips, or, where only the connection was made anew,
  // with its next Hello.
  static constexpr std::chrono::seconds silent_for_most{15};
  // Of one host: the one in use, and one that it has given up and that nobody noticed yet.
  static constexpr std::size_t of_host_max = 2;

  // Each returns whom to hang up on; they are forgotten here already.
  // Too many silent ones: the oldest of the address that has most of them, so that one address
  // cannot keep the others out; of several such addresses the oldest of all.
  [[nodiscard]] std::optional<int> accepted(int connection, std::string address, Instant now);
  // A message came whose sender's key is listed. Too many of one host: its oldest.
  [[nodiscard]] std::optional<int> spoke(int connection, HostId from, Instant now);
  // Those that have been silent for too long.
  [[nodiscard]] std::vector<int> overdue(Instant now);

  // A message of so many bytes came over it. True: its own share of what is read suffices.
  [[nodiscard]] bool admits(int connection, std::size_t bytes, Instant now);

  // True: it was known. One that is hung up on is forgotten at once, so that it does not count
  // among those of its host, and what it had sent before ends nobody else's.
  bool ended(int connection) { return open_.erase(connection) != 0; }

  void set_hosts(std::size_t count) { hosts_ = count; }  // Of the site.

  [[nodiscard]] std::size_t connections() const { return open_.size(); }

 private:
  struct Connection {
    std::string address;
    Instant since;
    std::optional<HostId> host;  // Proven.
    Budget budget;
  };

  std::size_t hosts_ = 0;
  std::map<int, Connection> open_;
};

}  // namespace cierzo
