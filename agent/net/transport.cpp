#include "agent/net/transport.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "agent/clock.hpp"
#include "agent/net/address.hpp"
#include "agent/net/codec.hpp"
#include "agent/net/endpoint.hpp"
#include "agent/net/keys.hpp"
#include "agent/net/link.hpp"
#include "agent/net/zap.hpp"

namespace cierzo {
namespace {

constexpr int sockets_max = 8192;  // Of a context: two for each of 1,000 peers, and some.
// Milliseconds; who connects and says nothing is thrown out.
constexpr int handshake_within = 5000;
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
  socket.set(zmq::sockopt::rcvhwm, queued_messages_max);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(message_bytes_max));  // S10
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
  void log(const std::string& text) const {
    if (events_.log) events_.log(text);
  }

  asio::io_context& io_;
  Events events_;
  // In the order of their making, and destroyed in the opposite one: the handler before any server
  // socket (S3).
  PeerLink::Shared shared_;
  Zap zap_;
  std::shared_ptr<Endpoint> receiver_;
  std::map<HostId, PeerLink> links_;
  std::map<std::string, HostId> by_key_;
  asio::steady_timer tick_;
  Instant tick_at_ = Instant::max();  // When the next tick is due.
  std::string endpoint_;
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
  try {
    socket.bind(*endpoint);
  } catch (const zmq::error_t& error) {
    throw std::runtime_error("cannot listen on " + *endpoint + ": " + error.what());
  }
  endpoint_ = socket.get(zmq::sockopt::last_endpoint);
  receiver_ = std::make_shared<Endpoint>(
      io_, std::move(socket), [this](Endpoint::Frames frames) { on_frames(std::move(frames)); });
  receiver_->start();
}

void Transport::Impl::stop() {
  stopped_ = true;
  tick_.cancel();
  if (receiver_) receiver_->stop();
  links_.clear();
  zap_.stop();
}

void Transport::Impl::tick() {
  const Instant now = instant_now();
  for (auto& [id, link] : links_) link.tick(now);
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
  if (known == by_key_.end()) {
    if (!std::exchange(stranger_told_, true))
      log("dropped a message over a connection whose key is on the list no more");
    return;
  }
  const HostId from = known->second;
  PeerLink& link = links_.at(from);
  link.received();
  if (frames.size() != 1) return link.rubbish("it has more than one part");
  std::string error;
  auto message = decode(frames.front().to_string_view(), error);
  if (!message) return link.rubbish(error);
  if (const auto* hello = std::get_if<Hello>(&*message)) return link.heard(*hello, instant_now());
  events_.message(from, std::move(*message));
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
