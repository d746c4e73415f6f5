#include "agent/net/transport.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>

#include "agent/clock.hpp"
#include "agent/net/address.hpp"
#include "agent/net/codec.hpp"
#include "agent/net/door.hpp"
#include "agent/net/endpoint.hpp"
#include "agent/net/keys.hpp"
#include "agent/net/link.hpp"
#include "agent/net/spare.hpp"
#include "agent/net/zap.hpp"

namespace cierzo {
namespace {

constexpr int sockets_max = 8192;  // Of a context: two for each of 1,000 peers, and some.
// Milliseconds; who connects and says nothing is thrown out.
constexpr int handshake_within = 5000;
// In the kernel, before libzmq has accepted them.
constexpr int connections_waiting = 512;
constexpr std::uint64_t hung_up_told_every = 10'000;
constexpr std::chrono::minutes shortage_told_every{1};
// ZMQ_ZAP_ENFORCE_DOMAIN: Debian's zmq.h hides it, the library has it (S2).
constexpr int zap_enforce_domain = 93;

zmq::context_t new_context() {
  zmq::context_t context;
  context.set(zmq::ctxopt::max_sockets, sockets_max);
  context.set(zmq::ctxopt::blocky, false);  // Its end never waits for messages (Z7).
  return context;
}

// Everything about the receiving socket in one place, with the reasons.
zmq::socket_t receiving_socket(zmq::context_t& context, const std::string& endpoint,
                               const std::string& secret_key) {
  zmq::socket_t socket(context, zmq::socket_type::pull);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvhwm, received_messages_max);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(message_bytes_max));  // S10
  socket.set(zmq::sockopt::backlog, connections_waiting);
  socket.set(zmq::sockopt::handshake_ivl, handshake_within);
  socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, secret_key);
  // Without this a missing handler would mean: let everybody in (S1).
  socket.set(zmq::sockopt::zap_domain, zap_domain);
  const int one = 1;
  if (zmq_setsockopt(socket.handle(), zap_enforce_domain, &one, sizeof one) != 0) {
    throw std::runtime_error(
        "this libzmq cannot enforce authentication: install Debian's libzmq5, 4.3 or later");
  }
  return socket;
}

// The port and the other side's address of a TCP connection; none: it is no such thing any more.
struct Ends {
  std::uint16_t port = 0;
  std::string far;
};
std::optional<Ends> ends_of(int fd) {
  const auto look = [fd](auto get, sockaddr_storage& address) {
    socklen_t size = sizeof address;
    return get(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  };
  sockaddr_storage near{}, far{};
  if (!look(::getsockname, near) || !look(::getpeername, far)) return std::nullopt;
  char text[INET6_ADDRSTRLEN] = {};
  Ends ends;
  if (near.ss_family == AF_INET && far.ss_family == AF_INET) {
    ends.port = ntohs(reinterpret_cast<const sockaddr_in&>(near).sin_port);
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(far).sin_addr, text, sizeof text);
  } else if (near.ss_family == AF_INET6 && far.ss_family == AF_INET6) {
    ends.port = ntohs(reinterpret_cast<const sockaddr_in6&>(near).sin6_port);
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(far).sin6_addr, text, sizeof text);
  } else {
    return std::nullopt;
  }
  ends.far = text;
  return ends;
}

// Debian's Asio timers run on the same clock.
Instant instant_now() { return std::chrono::steady_clock::now(); }

}  // namespace

class Transport::Impl : public std::enable_shared_from_this<Transport::Impl> {
 public:
  Impl(asio::io_context& io, TransportConfig config, Events events);
  // Second stage, since handlers hold `this`: when it throws, stop() must follow.
  void start(std::vector<Peer> peers);
  void stop();
  bool send(HostId to, const PeerMessage& message);
  void set_peers(std::vector<Peer> peers);
  [[nodiscard]] std::vector<Link> links() const;
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  void bind();
  void tick();
  void schedule_tick();
  void on_frames(Endpoint::Frames frames);
  void watch_door(zmq::socket_t& socket);
  void door_event(const Endpoint::Frames& frames);
  void nobody_enters(int error);
  void hang_up(std::optional<int> connection);
  void log(const std::string& text) const {
    if (events_.log) events_.log(text);
  }

  // First, so that its number is low: it is of use below a limit that was lowered meanwhile, too.
  SpareDescriptor spare_;
  asio::io_context& io_;
  Events events_;
  // In the order of their making, and destroyed in the opposite one: the handler before any server
  // socket (S3).
  PeerLink::Shared shared_;
  Zap zap_;
  std::shared_ptr<Endpoint> receiver_;
  Door door_;
  std::shared_ptr<Endpoint> door_events_;  // What libzmq tells of the receiver's connections.
  std::optional<Instant> shortage_told_;
  std::uint64_t hung_up_ = 0;
  std::map<HostId, PeerLink> links_;
  std::map<std::string, HostId> by_key_;
  asio::steady_timer tick_;
  Instant tick_at_ = Instant::max();  // When the next tick is due.
  std::string endpoint_;
  std::uint16_t port_ = 0;
  bool stranger_told_ = false;
  bool stopped_ = false;
};

Transport::Impl::Impl(asio::io_context& io, TransportConfig config, Events events)
    : io_(io),
      events_(std::move(events)),
      shared_{io, new_context(), std::move(config), {}, random_id(), {}, {}, {}, 0, false},
      zap_(io, shared_.context,
           [this](const std::string& key, const std::string& address) {
             log("refused " + address + ": its key " + key + "... is no host's");
           }),
      tick_(io) {
  shared_.public_key = public_key_of(shared_.config.secret_key);
  shared_.log = [this](const std::string& text) { log(text); };
  // No sooner than after tick_every, so that what is torn down and up again costs no loop.
  shared_.look = [this] { schedule_tick(); };
  // Posted: it happens amid a walk over the links, and whoever is told may change them.
  shared_.changed = [this](HostId id, bool up) {
    asio::post(io_, [self = shared_from_this(), id, up] {
      if (!self->stopped_ && self->events_.link) self->events_.link(id, up);
    });
  };
}

void Transport::Impl::start(std::vector<Peer> peers) {
  bind();
  set_peers(std::move(peers));
}

void Transport::Impl::bind() {
  const auto endpoint = endpoint_of(shared_.config.listen);
  if (!endpoint) throw std::runtime_error("listen: '" + shared_.config.listen + "' is no address");
  zmq::socket_t socket = receiving_socket(shared_.context, *endpoint, shared_.config.secret_key);
  watch_door(socket);  // Before anybody can come in.
  try {
    socket.bind(*endpoint);
  } catch (const zmq::error_t& error) {
    throw std::runtime_error("cannot listen on " + *endpoint + ": " + error.what());
  }
  endpoint_ = socket.get(zmq::sockopt::last_endpoint);
  port_ = static_cast<std::uint16_t>(std::stoi(endpoint_.substr(endpoint_.rfind(':') + 1)));
  receiver_ = std::make_shared<Endpoint>(
      io_, std::move(socket), [this](Endpoint::Frames frames) { on_frames(std::move(frames)); });
  receiver_->start();
}

void Transport::Impl::stop() {
  stopped_ = true;
  tick_.cancel();
  // As of a link (Z10): the watching ends before its reader does.
  if (receiver_) zmq_socket_monitor(receiver_->socket().handle(), nullptr, 0);
  if (door_events_) door_events_->stop();
  if (receiver_) receiver_->stop();
  links_.clear();
  zap_.stop();
}

void Transport::Impl::tick() {
  const Instant now = instant_now();
  for (auto& [id, link] : links_) link.tick(now);
  for (const int connection : door_.overdue(now)) hang_up(connection);
  tick_at_ = Instant::max();
  schedule_tick();
}

// Seldom while all is calm; what ends the calm asks for a tick itself.
void Transport::Impl::schedule_tick() {
  const bool calm = std::all_of(links_.begin(), links_.end(),
                                [](const auto& entry) { return entry.second.calm(); });
  const Instant next = instant_now() + (calm ? PeerLink::tick_every_calm : PeerLink::tick_every);
  if (next >= tick_at_) return;  // It comes sooner anyway.
  tick_at_ = next;
  tick_.expires_at(next);
  tick_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error && !self->stopped_) self->tick();
  });
}

void Transport::Impl::on_frames(Endpoint::Frames frames) {
  const char* key = nullptr;
  try {
    if (!frames.empty()) key = frames.front().gets("User-Id");
  } catch (const zmq::error_t&) {
    key = nullptr;  // libzmq's way to say that there is none (S5).
  }
  const auto known = key == nullptr ? by_key_.end() : by_key_.find(key);
  const int connection = frames.empty() ? -1 : zmq_msg_get(frames.front().handle(), ZMQ_SRCFD);
  if (known == by_key_.end()) {
    hang_up(connection);
    if (!std::exchange(stranger_told_, true))
      log("dropped a message over a connection whose key is on the list no more");
    return;
  }
  const HostId from = known->second;
  const Instant now = instant_now();
  hang_up(door_.spoke(connection, from, now));
  PeerLink& link = links_.at(from);
  std::size_t bytes = 0;
  for (const zmq::message_t& frame : frames) bytes += frame.size();
  if (!link.received(bytes, door_.admits(connection, bytes, now), now)) {
    if (door_.unread(connection)) hang_up(connection);
    return;
  }
  std::string error = "it has more than one part";
  std::optional<PeerMessage> message;
  if (frames.size() == 1) message = decode(frames.front().to_string_view(), error);
  if (!message) {
    if (link.rubbish(error)) hang_up(connection);
    return;
  }
  link.understood();
  if (const auto* hello = std::get_if<Hello>(&*message)) return link.heard(*hello, now);
  events_.message(from, std::move(*message));
}

void Transport::Impl::watch_door(zmq::socket_t& socket) {
  constexpr const char* name = "inproc://cierzo.door";
  zmq::socket_t events(shared_.context, zmq::socket_type::pair);
  events.set(zmq::sockopt::linger, 0);
  events.set(zmq::sockopt::rcvhwm, 0);  // Or the I/O thread would wait for this loop (Z10).
  const int watched = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_DISCONNECTED;
  if (zmq_socket_monitor(socket.handle(), name, watched) != 0) {
    throw std::runtime_error(std::string("libzmq cannot watch its connections: ") +
                             zmq_strerror(zmq_errno()));
  }
  events.connect(name);
  const auto take = [this](const Endpoint::Frames& frames) { door_event(frames); };
  door_events_ = std::make_shared<Endpoint>(io_, std::move(events), take);
  door_events_->start();
}

// Two frames: number and value of the event, address. The value is the connection's descriptor, or
// why there is none.
void Transport::Impl::door_event(const Endpoint::Frames& frames) {
  std::uint16_t kind = 0;
  std::int32_t connection = -1;
  if (frames.size() != 2 || frames[0].size() < sizeof kind + sizeof connection) return;
  std::memcpy(&kind, frames[0].data(), sizeof kind);
  std::memcpy(&connection, static_cast<const char*>(frames[0].data()) + sizeof kind,
              sizeof connection);
  if (kind == ZMQ_EVENT_DISCONNECTED) {
    door_.ended(connection);
    return;
  }
  if (kind == ZMQ_EVENT_ACCEPT_FAILED) return nobody_enters(connection);
  // Where the spare one cannot be had back, it is he who has it, or what was left of somebody
  // before him; when he has gone the next one can come in.
  if (!spare_.take()) return hang_up(connection);
  const auto ends = ends_of(connection);
  if (!ends) return;  // It has gone already; its end will be told.
  const auto leaves = door_.accepted(connection, ends->far, instant_now());
  if (leaves && ++hung_up_ % hung_up_told_every == 1) {
    log("warning: too many connections over which nobody says who he is, now from " + ends->far +
        ": hung up on " + std::to_string(hung_up_) +
        " so far; only hosts of the site should reach " + "port " + std::to_string(port_));
  }
  hang_up(leaves);
}

// libzmq tells it again and again, and does nothing else meanwhile.
void Transport::Impl::nobody_enters(int error) {
  if (error != EMFILE && error != ENFILE) return;
  spare_.give_up();
  const Instant now = instant_now();
  if (shortage_told_ && now - *shortage_told_ < shortage_told_every) return;
  shortage_told_ = now;
  log(std::string("warning: ") + std::strerror(error) + ": who connects to port " +
      std::to_string(port_) +
      " is hung up on until there is room; connections that are open stay, "
      "hosts try again by themselves; LimitNOFILE= of the unit sets how many files may be open");
}

// libzmq sees the end and closes it. The number may be another's by now: of whatever is no
// connection to our port nothing is touched, and what is one will be made anew.
void Transport::Impl::hang_up(std::optional<int> connection) {
  if (!connection || *connection < 0) return;
  const auto ends = ends_of(*connection);
  if (ends && ends->port == port_) ::shutdown(*connection, SHUT_RDWR);
}

bool Transport::Impl::send(HostId to, const PeerMessage& message) {
  if (stopped_) return false;
  if (to == shared_.config.self) {
    asio::post(io_, [self = shared_from_this(), message] {
      if (!self->stopped_) self->events_.message(self->shared_.config.self, message);
    });
    return true;
  }
  const auto link = links_.find(to);
  return link != links_.end() && link->second.send(encode(message), instant_now());
}

void Transport::Impl::set_peers(std::vector<Peer> peers) {
  std::map<HostId, Peer> wanted;
  for (Peer& peer : peers) {
    // Whoever has our own key is us: it is not let in from outside.
    if (peer.id != shared_.config.self) wanted.emplace(peer.id, std::move(peer));
  }
  std::erase_if(links_, [&](const auto& entry) {
    const auto still = wanted.find(entry.first);
    return still == wanted.end() || still->second != entry.second.peer();
  });
  by_key_.clear();
  stranger_told_ = false;
  std::set<std::string> keys;
  for (auto& [id, peer] : wanted) {
    by_key_.emplace(peer.public_key, id);
    keys.insert(peer.public_key);
    // The address and key were checked with the configuration; a link to neither is not worth a
    // socket.
    if (!links_.contains(id)) links_.try_emplace(id, shared_, peer, instant_now());
  }
  zap_.allow(std::move(keys));
  door_.set_hosts(wanted.size());
  schedule_tick();
}

std::vector<Link> Transport::Impl::links() const {
  std::vector<Link> all;
  for (const auto& [id, link] : links_) all.push_back(link.link());
  return all;
}

Transport::Transport(boost::asio::io_context& io, TransportConfig config, Events events) {
  std::vector<Peer> peers = std::exchange(config.peers, {});
  impl_ = std::make_shared<Impl>(io, std::move(config), std::move(events));
  try {
    impl_->start(std::move(peers));
  } catch (const zmq::error_t& error) {
    impl_->stop();
    throw std::runtime_error(std::string("libzmq: ") + error.what());
  } catch (...) {
    impl_->stop();
    throw;
  }
}

Transport::~Transport() { impl_->stop(); }

bool Transport::send(HostId to, const PeerMessage& message) { return impl_->send(to, message); }
void Transport::set_peers(std::vector<Peer> peers) { impl_->set_peers(std::move(peers)); }
std::vector<Link> Transport::links() const { return impl_->links(); }
std::string Transport::endpoint() const { return impl_->endpoint(); }

}  // namespace cierzo
