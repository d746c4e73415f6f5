// Messages between agents: ZeroMQ with CURVE. Runs on the main loop; libzmq's types do not leave
// this folder.
//
// One bound PULL takes everything, one PUSH per peer sends: traffic is one-way, so no routing ids,
// and nobody can take another's (TRAPS R1-R3). Who a message is from is what the sender's key
// proves, looked up for every message, so that a key which was taken off the list is deaf and dumb
// at once, open connections included (S5).
//
// Delivery is at most once, without order across reconnections. Nothing waits in queues for a peer
// that is not connected (`immediate`): old election messages must not arrive minutes later.
// Protocols repeat themselves.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/messages.hpp"
#include "resources/ids.hpp"

namespace boost::asio {
class io_context;
}

namespace cierzo {

// Of one message. A longer one is never sent: whoever received it would close the connection, and
// again each time the sender repeats itself.
inline constexpr std::size_t message_bytes_max = 8 * 1024 * 1024;
// Of the catalog: the sum of its keys and values. A voter that was away gets all of it in one
// message (Store), and so does a new leader (FetchReply, rule 5), so whoever would write beyond
// this must be refused: a catalog that fits into no message can never be led again. The 2 MiB
// between are for the encoding: at most 14 bytes for an entry, so enough for 149,000 of them.
inline constexpr std::size_t catalog_bytes_max = 6 * 1024 * 1024;
// For each connection; approximate in libzmq. Of what comes in less, since a host that floods must
// not fill the memory: the others' TCP holds the rest back.
inline constexpr int queued_messages_max = 64;
inline constexpr int received_messages_max = 16;

struct Peer {
  HostId id;
  std::string name;        // For messages to people.
  std::string address;     // endpoint_of() accepts it.
  std::string public_key;  // Z85
  bool operator==(const Peer&) const = default;
};

struct TransportConfig {
  HostId self;
  std::string listen;      // endpoint_of() accepts it.
  std::string secret_key;  // Z85
  std::vector<Peer> peers;
  std::string software;  // Of Hello: "0.1.0"
  // A connection over which nothing came for so long is closed and made anew: a half-open one would
  // swallow messages for minutes (R4). Not a verdict over the host: that is what permits are for.
  Duration link_timeout = std::chrono::seconds(1);
};

// What is known of the link to one peer, for status and metrics.
struct Link {
  HostId id;
  bool up = false;                // Our last Hello was answered: keys are accepted, both ways work.
  std::string software, process;  // Of its last Hello.
  std::uint64_t sent = 0, unsent = 0;  // Unsent: not connected, its queue was full, or too long.
  std::uint64_t received = 0, rubbish = 0;  // Rubbish: decode() refused it.
  std::uint64_t unread = 0;                 // Beyond its Budget.
};

class Transport {
 public:
  // Called on the loop. They may call the transport, but not destroy it.
  struct Events {
    // From main's loop, one at a time; `from` is never self unless self sent it. Hello messages are
    // kept here.
    std::function<void(HostId from, PeerMessage)> message;
    std::function<void(HostId, bool up)> link;    // May be empty.
    std::function<void(const std::string&)> log;  // One line for people; seldom. May be empty.
  };

  // Binds at once. Throws std::runtime_error with one sentence where that is impossible (address in
  // use, a key that is none, a libzmq without CURVE).
  Transport(boost::asio::io_context& io, TransportConfig config, Events events);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // True: handed to libzmq, no more. False: the peer is unknown, not connected or slow; drop it and
  // let the next tick repeat. Also one that is longer than message_bytes_max, which no repetition
  // will send: logged once for each link. A message to self comes back through the loop.
  bool send(HostId to, const PeerMessage& message);

  // Replaces the list: keys, addresses, everything. Links to unchanged peers go on undisturbed.
  void set_peers(std::vector<Peer> peers);

  [[nodiscard]] std::vector<Link> links() const;  // By id.
  [[nodiscard]] std::string endpoint() const;     // What was bound, with the real port.

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cierzo
