// Who is connected to the receiving socket, and who must go: bookkeeping only, no socket. Whoever
// can reach the port may connect, and libzmq itself accepts without end: ten thousand connections
// that never say a word would use up the agent's descriptors, and a host that floods would use up
// its memory by connecting again and again.
//
// A connection is named by its descriptor, as the kernel does: numbers are used again, after the
// end of the connection was told.
#pragma once
#include <chrono>
#include <cstdint>
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
  // Of a connection, before it is hung up on: while somebody floods with the key of its host, the
  // first words of a new one have nothing to draw on.
  static constexpr std::uint64_t unread_max = 64;

  // Each returns whom to hang up on; they are forgotten here already.
  // Too many silent ones: the oldest of the address that has most of them, so that one address
  // cannot keep the others out; of several such addresses the oldest of all.
  [[nodiscard]] std::optional<int> accepted(int connection, std::string address, Instant now);
  // A message came whose sender's key is listed. Too many of one host: the one of which most was
  // left unread, so that somebody who floods with its key does not push its own agent out; of those
  // with as much its oldest.
  [[nodiscard]] std::optional<int> spoke(int connection, HostId from, Instant now);
  // Those that have been silent for too long.
  [[nodiscard]] std::vector<int> overdue(Instant now);

  // A message of so many bytes came over it. True: its own share of what is read suffices.
  [[nodiscard]] bool admits(int connection, std::size_t bytes, Instant now);

  // A message that came over it is left unread. True: so many were that it must be hung up on; it
  // is forgotten already, so that it does not count among those of its host.
  [[nodiscard]] bool unread(int connection);

  void ended(int connection) { open_.erase(connection); }

  void set_hosts(std::size_t count) { hosts_ = count; }  // Of the site.

  [[nodiscard]] std::size_t connections() const { return open_.size(); }

 private:
  struct Connection {
    std::string address;
    Instant since;
    std::optional<HostId> host;  // Proven.
    Budget budget;
    std::uint64_t unread = 0;
  };

  std::size_t hosts_ = 0;
  std::map<int, Connection> open_;
};

}  // namespace cierzo
