#include "agent/net/link.hpp"

#include <utility>

#include "agent/net/address.hpp"
#include "agent/net/codec.hpp"
#include "agent/net/endpoint.hpp"

namespace cierzo {
namespace {

using std::chrono::milliseconds;

// While a Hello is not answered: the first new attempt, and the longest pause between two. A socket
// that is being made anew loses nothing: `immediate` keeps nothing for peers that are not there.
constexpr milliseconds pause_least{1000};
constexpr milliseconds pause_most{8000};
// A peer that says Hello is there: then it is worth to try at once, but not over and over.
constexpr milliseconds pause_when_heard{300};
constexpr milliseconds hello_every{5000};    // While up.
constexpr milliseconds answer_within{2000};  // Then the link is down.
constexpr milliseconds connect_timeout{500};
constexpr milliseconds reconnect_first{100};
constexpr milliseconds reconnect_most{500};
constexpr int ticks_until_down = 2;
constexpr std::uint64_t rubbish_told_every = 1000;
constexpr std::uint64_t rubbish_in_a_row_max = 64;
constexpr std::uint64_t unread_told_every = 100'000;

int count(milliseconds length) { return static_cast<int>(length.count()); }

// Everything about a sending socket in one place, with the reasons.
zmq::socket_t sending_socket(PeerLink::Shared& shared, const Peer& peer,
                             const std::string& endpoint) {
  zmq::socket_t socket(shared.context, zmq::socket_type::push);
  // Closing never waits for a peer (Z7).
  socket.set(zmq::sockopt::linger, 0);
  // Not connected: refuse, do not queue. Old messages must not arrive later.
  socket.set(zmq::sockopt::immediate, 1);
  socket.set(zmq::sockopt::sndhwm, queued_messages_max);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(message_bytes_max));
  // A peer whose host went dark and came back must be reached again well within a second: TCP alone
  // would wait for its next retransmission, which may be many seconds away.
  const auto timeout = std::chrono::duration_cast<milliseconds>(shared.config.link_timeout);
  socket.set(zmq::sockopt::connect_timeout, count(connect_timeout));
  socket.set(zmq::sockopt::reconnect_ivl, count(reconnect_first));
  socket.set(zmq::sockopt::reconnect_ivl_max, count(reconnect_most));
  // A ping is due after two thirds and must be answered within as long: few of them, since each
  // wakes a thread on either side, and a silent peer is found out after 1.3 timeouts at the latest.
  socket.set(zmq::sockopt::heartbeat_ivl, count(timeout * 2 / 3));
  socket.set(zmq::sockopt::heartbeat_timeout, count(timeout * 2 / 3));
  // The other side forgets the connection, too, when two pings are missing.
  socket.set(zmq::sockopt::heartbeat_ttl, count(timeout * 4 / 3));
  socket.set(zmq::sockopt::tcp_maxrt, count(timeout));
  socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
  socket.set(zmq::sockopt::curve_serverkey, peer.public_key);
  socket.set(zmq::sockopt::curve_publickey, shared.public_key);
  socket.set(zmq::sockopt::curve_secretkey, shared.config.secret_key);
  return socket;
}

}  // namespace

PeerLink::PeerLink(Shared& shared, Peer peer, Instant now)
    : shared_(shared), peer_(std::move(peer)), pause_(pause_least), budget_(Budget::for_host(now)) {
  link_.id = peer_.id;
  connect(now);
}

void PeerLink::connect(Instant now) {
  const std::string endpoint = endpoint_of(peer_.address).value_or("");
  // A closed socket's monitor lives on for a moment: names are not used twice.
  const std::string events = "inproc://cierzo.link." + std::to_string(++shared_.monitors);
  disconnect();
  broken_ = false;
  try {
    socket_ = sending_socket(shared_, peer_, endpoint);
    watch_events(events);
    socket_->connect(endpoint);
    unmade_told_ = false;
  } catch (const zmq::error_t& error) {
    // No descriptors are left, for instance: the other links go on, and this one is tried again.
    disconnect();
    if (!std::exchange(unmade_told_, true)) {
      shared_.log("warning: cannot connect to " + peer_.name + ": " + error.what() +
                  "; it is tried again");
    }
  }
  connected_at_ = now;
  next_connect_ = now + pause_;
  pause_ = std::min(pause_ * 2, pause_most);
  next_hello_ = now;
}

// libzmq's only I/O thread waits, for good, until an event that it was told to watch is taken: so
// the watching ends before its reader does. (TRAPS Z10)
void PeerLink::disconnect() {
  if (socket_) zmq_socket_monitor(socket_->handle(), nullptr, 0);
  if (monitor_) {
    monitor_->stop();
    monitor_.reset();
  }
  socket_.reset();
}

PeerLink::~PeerLink() { disconnect(); }

bool PeerLink::calm() const {
  return link_.up && !asked_ && !owes_answer_ && !broken_ && ticks_unconnected_ == 0;
}

bool PeerLink::connected() {
  if (!socket_) return false;
  const auto events = [this] { return socket_->get(zmq::sockopt::events); };
  return (uninterrupted(events) & ZMQ_POLLOUT) != 0;
}

bool PeerLink::push(const std::string& bytes) {
  if (!socket_) return false;
  const auto send = [&] {
    return socket_->send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::dontwait)
        .has_value();
  };
  return uninterrupted(send);
}

bool PeerLink::send(const std::string& bytes, Instant now) {
  if (bytes.size() > message_bytes_max) {
    refuse_oversized(bytes.size());
    return false;
  }
  if (push(bytes)) {
    ++link_.sent;
    return true;
  }
  ++link_.unsent;
  if (link_.up) {
    next_hello_ = std::min(next_hello_, now);  // Ask soon whether it is still there.
    shared_.look();
  }
  return false;
}

// A mistake of ours, and one that repetition does not mend: it must not look like a slow peer. Told
// once, since senders repeat themselves; the count goes on.
void PeerLink::refuse_oversized(std::size_t bytes) {
  ++link_.unsent;
  if (std::exchange(oversized_told_, true)) return;
  shared_.log("a message of " + std::to_string(bytes) + " bytes to " + peer_.name +
              " was not sent: at most " + std::to_string(message_bytes_max) +
              " bytes fit; further ones are only counted");
}

bool PeerLink::say_hello(bool answer) {
  return push(encode(Hello{wire_version, shared_.config.software, shared_.process, answer}));
}

void PeerLink::tick(Instant now) {
  broken_ = false;
  const bool open = connected();
  ticks_unconnected_ = open ? 0 : ticks_unconnected_ + 1;
  const bool silent = asked_ && now - *asked_ >= answer_within;
  if (link_.up && (ticks_unconnected_ >= ticks_until_down || silent)) {
    set_up(false);
    pause_ = pause_least;
    next_connect_ =
        silent ? now : now + pause_;  // Without a connection libzmq is already making a new one.
    next_hello_ = now;
  }
  if (!link_.up && now >= next_connect_) connect(now);
  if (owes_answer_ && say_hello(true)) owes_answer_ = false;
  if (now >= next_hello_ && say_hello(false)) {
    if (!asked_) asked_ = now;
    next_hello_ = now + (link_.up ? hello_every : pause_least);
  }
}

void PeerLink::heard(const Hello& hello, Instant now) {
  const bool restarted = !link_.process.empty() && link_.process != hello.process;
  link_.software = hello.software;
  link_.process = hello.process;
  if (!hello.answer) shared_.look();
  if (hello.answer) {
    asked_.reset();
    pause_ = pause_least;
    set_up(true);
    return;
  }
  if (restarted) next_hello_ = now;
  owes_answer_ = !say_hello(true);
  // It can reach us, so it is worth to try again at once; and its list of keys may have changed
  // meanwhile.
  if (owes_answer_ && !link_.up && now - connected_at_ >= pause_when_heard) connect(now);
}

void PeerLink::set_up(bool up) {
  if (link_.up == up) return;
  link_.up = up;
  asked_.reset();
  ticks_unconnected_ = 0;
  if (up) {
    refusal_told_ = false;
    shared_.log(peer_.name + " is connected, version " + link_.software);
  } else {
    shared_.log("lost the connection to " + peer_.name);
  }
  shared_.changed(peer_.id, up);
}

void PeerLink::watch_events(const std::string& name) {
  const int watched = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                      ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
  zmq::socket_t events(shared_.context, zmq::socket_type::pair);
  events.set(zmq::sockopt::linger, 0);
  // No limit: the I/O thread would wait for this loop, which may just wait for it in disconnect().
  events.set(zmq::sockopt::rcvhwm, 0);
  if (zmq_socket_monitor(socket_->handle(), name.c_str(), watched) != 0) {
    // The link works without: tick() finds out, later. Told once, since it befalls every link.
    if (std::exchange(shared_.unwatched_told, true)) return;
    return shared_.log("warning: libzmq cannot watch the connection to " + peer_.name + ": " +
                       zmq_strerror(zmq_errno()) +
                       "; broken ones are noticed only after seconds, " +
                       "and why a peer refuses us is not told");
  }
  events.connect(name);
  const auto take = [this](const Endpoint::Frames& frames) { take_event(frames); };
  monitor_ = std::make_shared<Endpoint>(shared_.io, std::move(events), take);
  monitor_->start();
}

// Two frames: number of the event, address.
void PeerLink::take_event(const Endpoint::Frames& frames) {
  if (frames.size() != 2 || frames[0].size() < sizeof(std::uint16_t)) return;
  const auto kind = *frames[0].data<std::uint16_t>();
  if (kind == ZMQ_EVENT_DISCONNECTED) {
    broken_ = true;
    return shared_.look();
  }
  if (std::exchange(refusal_told_, true)) return;
  const std::string at = " at " + peer_.address;
  if (kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
    shared_.log(peer_.name + at + " does not accept our key: add " + shared_.public_key +
                " as the key of host " + std::to_string(shared_.config.self.value) +
                " in its configuration");
  } else {
    shared_.log("the handshake with " + peer_.name + at +
                " failed: is the key listed for it here its own?");
  }
}

bool PeerLink::received(std::size_t bytes, bool admitted, Instant now) {
  ++link_.received;
  if (admitted || budget_.admit(bytes, now)) return true;
  if (++link_.unread % unread_told_every == 1) {
    shared_.log("warning: " + peer_.name + " sends far more than an agent does: hung up, and " +
                std::to_string(link_.unread) +
                " of its messages left unread so far; look at that host");
  }
  return false;
}

bool PeerLink::rubbish(const std::string& why) {
  ++link_.rubbish;
  if (link_.rubbish % rubbish_told_every == 1) {
    shared_.log(
        "dropped a message of " + peer_.name + ": " + why +
        (link_.rubbish > 1 ? " (" + std::to_string(link_.rubbish) + " so far)" : std::string()));
  }
  return ++rubbish_in_a_row_ % rubbish_in_a_row_max == 0;
}

}  // namespace cierzo
