// The way to one peer: a PUSH socket, and what is known of it. Gate file: libzmq's types stay in
// this folder.
//
// libzmq reconnects by itself, but a peer that was refused once never comes back (TRAPS S7), and
// nothing tells a sender that nobody reads. So a Hello goes out until it is answered, and from time
// to time after that; while it is not answered the socket is made anew, at growing intervals. Who
// is in `hosts:` of only one side is found here too.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "agent/net/budget.hpp"
#include "agent/net/endpoint.hpp"
#include "agent/net/transport.hpp"

namespace cierzo {

// Of this process: Asio's timers run on it. It only spaces attempts; nothing safe depends on it.
using Instant = std::chrono::steady_clock::time_point;

class PeerLink {
 public:
  struct Shared {  // The same for every link of a transport; outlives them.
    asio::io_context& io;
    zmq::context_t context;
    TransportConfig config;
    std::string public_key;  // Our own.
    std::string process;     // Random for each start.
    std::function<void(const std::string&)> log;
    std::function<void(HostId, bool up)> changed;
    std::function<void()> look;   // A link is not calm any more: tick soon.
    std::uint64_t monitors = 0;   // Made so far.
    bool unwatched_told = false;  // That libzmq cannot watch a connection.
  };

  PeerLink(Shared& shared, Peer peer, Instant now);
  ~PeerLink();
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;

  bool send(const std::string& bytes, Instant now);
  // Answers, says Hello, gives up, connects anew. Called every tick_every; every tick_every_calm
  // will do while the link is calm().
  void tick(Instant now);
  // It is up and nothing is awaited: what happens to it is told by libzmq (a connection that
  // breaks) or noticed by who sends.
  [[nodiscard]] bool calm() const;
  void heard(const Hello& hello, Instant now);
  // A message of so many bytes came; `admitted`: its connection's own share suffices. False: it is
  // beyond what is read of a peer; do not even decode it, and hang up.
  [[nodiscard]] bool received(std::size_t bytes, bool admitted, Instant now);
  void understood() { rubbish_in_a_row_ = 0; }
  // True: it says nothing else any more; hang up.
  [[nodiscard]] bool rubbish(const std::string& why);

  [[nodiscard]] const Peer& peer() const { return peer_; }
  [[nodiscard]] const Link& link() const { return link_; }

  static constexpr std::chrono::milliseconds tick_every{100};
  static constexpr std::chrono::milliseconds tick_every_calm{2000};

 private:
  void connect(Instant now);
  void disconnect();
  void watch_events(const std::string& name);
  void take_event(const Endpoint::Frames& frames);
  [[nodiscard]] bool connected();
  bool say_hello(bool answer);
  bool push(const std::string& bytes);
  void refuse_oversized(std::size_t bytes);
  void set_up(bool up);

  Shared& shared_;
  Peer peer_;
  Link link_;
  std::optional<zmq::socket_t> socket_;  // None: it could not be made.
  std::shared_ptr<Endpoint> monitor_;    // What libzmq tells of the socket.
  bool broken_ = false;                  // Its connection broke since the last tick.
  Instant connected_at_{};               // When the socket was made.
  Instant next_hello_{};
  Instant next_connect_{};             // While not up.
  std::optional<Instant> asked_;       // The first Hello since the last answer.
  std::chrono::milliseconds pause_{};  // Before the next attempt; doubles.
  int ticks_unconnected_ = 0;
  bool owes_answer_ = false;
  bool refusal_told_ = false;  // Since it was last up.
  bool oversized_told_ = false;
  bool unmade_told_ = false;
  Budget budget_;
  std::uint64_t rubbish_in_a_row_ = 0;
};

}  // namespace cierzo
