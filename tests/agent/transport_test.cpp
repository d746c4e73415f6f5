// Agents that talk over real loopback sockets, and people who should not get a word in. (TRAPS
// S1-S10)
#include "agent/net/transport.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "tests/agent/transport_site.hpp"

namespace cierzo {
namespace {

TEST_F(TransportTest, carries_messages_both_ways_with_the_proven_sender) {
  Host first(io_, one, keys_one_, {});
  Host second(io_, two, keys_two_, {peer(one, keys_one_, first.transport->endpoint())});
  first.transport->set_peers({peer(two, keys_two_, second.transport->endpoint())});

  ASSERT_TRUE(eventually(io_, [&] { return first.up() && second.up(); }));
  EXPECT_TRUE(first.transport->send(two, result("to two")));
  EXPECT_TRUE(second.transport->send(one, result("to one")));
  ASSERT_TRUE(eventually(io_, [&] { return first.has("to one") && second.has("to two"); }));
  EXPECT_EQ(first.received.front().first, two);
  EXPECT_EQ(second.received.front().first, one);
}

TEST_F(TransportTest, a_message_to_oneself_comes_back_through_the_loop) {
  Host host(io_, one, keys_one_, {});
  EXPECT_TRUE(host.transport->send(one, result("note")));
  EXPECT_FALSE(host.has("note"));
  ASSERT_TRUE(eventually(io_, [&] { return host.has("note"); }));
  EXPECT_EQ(host.received.front().first, one);
}

TEST_F(TransportTest, nobody_without_a_listed_key_gets_a_message_through) {
  const KeyPair unlisted = generate_keys();
  Host host(io_, one, keys_one_, {peer(two, keys_two_)});
  zmq::socket_t without_key = stranger(host, nullptr);
  zmq::socket_t wrong_key = stranger(host, &unlisted);
  zmq::socket_t own_key =
      stranger(host, &keys_one_);  // Whoever has our own secret is not let in by it, either.
  zmq::socket_t good = stranger(host, &keys_two_);
  for (zmq::socket_t* socket : {&without_key, &wrong_key, &own_key})
    say(*socket, encode(result("evil")));
  say(good, encode(result("good")));

  ASSERT_TRUE(eventually(io_, [&] { return host.has("good"); }));
  run_for(io_, 500ms);  // As long again as the good one took, and more.
  EXPECT_FALSE(host.has("evil"));
  EXPECT_TRUE(host.has_said("refused 127.0.0.1: its key " + unlisted.public_key.substr(0, 8)));
}

TEST_F(TransportTest, a_listed_key_cannot_speak_as_another_host) {
  const KeyPair keys_three = generate_keys();
  Host host(io_, one, keys_one_, {peer(two, keys_two_), peer(HostId{3}, keys_three)});
  zmq::socket_t socket(context_, zmq::socket_type::push);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::routing_id, keys_three.public_key);  // Claims are free; keys are not.
  socket.set(zmq::sockopt::curve_serverkey, keys_one_.public_key);
  socket.set(zmq::sockopt::curve_publickey, keys_two_.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys_two_.secret_key);
  socket.connect(host.transport->endpoint());
  Report report;
  report.host = HostId{3};
  say(socket, encode(report));

  ASSERT_TRUE(eventually(io_, [&] { return !host.reports.empty(); }));
  EXPECT_EQ(host.reports.front().first, two);  // What is said about three is the agent's to judge.
}

TEST_F(TransportTest, a_key_that_is_taken_off_the_list_is_dumb_at_once) {
  Host host(io_, one, keys_one_, {peer(two, keys_two_)});
  zmq::socket_t socket = stranger(host, &keys_two_);
  say(socket, encode(result("before")));
  ASSERT_TRUE(eventually(io_, [&] { return host.has("before"); }));

  host.transport->set_peers({});
  say(socket, encode(result("after")));
  EXPECT_TRUE(eventually(io_, [&] { return host.has_said("on the list no more"); }));
  EXPECT_FALSE(host.has("after"));
}

TEST_F(TransportTest, a_refused_peer_comes_back_by_itself_when_its_key_is_listed) {
  Host first(io_, one, keys_one_, {});
  Host second(io_, two, keys_two_, {peer(one, keys_one_, first.transport->endpoint())});
  ASSERT_TRUE(eventually(io_, [&] { return second.has_said("does not accept our key"); }));
  run_for(io_, 1500ms);
  EXPECT_FALSE(second.up());

  first.transport->set_peers({peer(two, keys_two_, second.transport->endpoint())});
  EXPECT_TRUE(eventually(
      io_, [&] { return first.up() && second.up(); }, 15s));
}

TEST_F(TransportTest, rubbish_is_dropped_and_counted_and_harms_nobody) {
  Host host(io_, one, keys_one_, {peer(two, keys_two_)});
  zmq::socket_t socket = stranger(host, &keys_two_);
  say(socket, "not a message");
  say(socket, std::string());
  say(socket, std::string(1000, '\xff'));
  const std::string part = encode(result("in parts"));
  (void)socket.send(zmq::const_buffer(part.data(), part.size()), zmq::send_flags::sndmore);
  say(socket, part);
  say(socket, encode(result("good")));

  ASSERT_TRUE(eventually(io_, [&] { return host.has("good"); }));
  EXPECT_EQ(host.link().rubbish, 4U);
  EXPECT_FALSE(host.has("in parts"));
  const auto lines = std::count_if(host.said.begin(), host.said.end(), [](const std::string& line) {
    return line.find("dropped a message of node2") != std::string::npos;
  });
  EXPECT_EQ(lines, 1);  // Whoever sends rubbish does not fill the disk with our log.
}

TEST_F(TransportTest, a_message_beyond_the_limit_is_not_even_taken_in) {
  Host host(io_, one, keys_one_, {peer(two, keys_two_)});
  zmq::socket_t huge = stranger(host, &keys_two_);
  say(huge, std::string(message_bytes_max + 1, 'x'));
  zmq::socket_t good = stranger(host, &keys_two_);
  say(good, encode(result("good")));

  ASSERT_TRUE(eventually(io_, [&] { return host.has("good"); }));
  run_for(io_, 500ms);
  EXPECT_EQ(host.link().rubbish, 0U);  // It would have been counted had it come through.
}

TEST_F(TransportTest, an_oversized_message_is_not_sent_and_said_once) {
  Host host(io_, one, keys_one_, {peer(two, keys_two_)});
  const CommandResult oversized = result(std::string(message_bytes_max, 'x'));  // And a frame.
  EXPECT_FALSE(host.transport->send(two, oversized));
  EXPECT_FALSE(host.transport->send(two, oversized));
  EXPECT_EQ(host.link().sent, 0U);
  EXPECT_EQ(host.link().unsent, 2U);
  ASSERT_EQ(host.said.size(), 1U);
  const std::string bytes = std::to_string(encode(oversized).size());
  EXPECT_EQ(host.said[0], "a message of " + bytes +
                              " bytes to node2 was not sent: at most 8388608 bytes fit; further "
                              "ones are only counted");
}

// The sums hold for whatever a full catalog is made of.
TEST(CatalogLimit, a_full_catalog_fits_into_one_message) {
  const std::size_t least = catalog_bytes_max / 149'000;  // Bytes of an entry, as many as promised.
  for (const std::size_t size : {least, std::size_t{1000}, catalog_bytes_max}) {
    election::Catalog full;
    full.stamp = {{~0ULL, HostId{~0U}}, ~0ULL};
    std::size_t bytes = 0;
    for (std::size_t i = 0; bytes + size <= catalog_bytes_max; ++i, bytes += size) {
      std::string key = "k" + std::to_string(i);
      const std::size_t rest = size - key.size();
      full.entries.emplace(std::move(key), std::string(rest, 'v'));
    }
    EXPECT_GT(bytes + size, catalog_bytes_max);
    election::FetchReply reply;
    reply.catalog = full;
    const std::string bytes_sent = encode(election::Message{"site", reply});
    EXPECT_LE(bytes_sent.size(), message_bytes_max) << size;
    std::string error;
    EXPECT_TRUE(decode(bytes_sent, error)) << size << " " << error;
    election::Store store;
    store.delta.whole = true;
    for (const auto& [key, value] : full.entries) store.delta.changes.push_back({key, value});
    EXPECT_LE(encode(election::Message{"site", store}).size(), message_bytes_max) << size;
  }
}

TEST_F(TransportTest, nothing_waits_for_a_peer_that_is_not_there) {
  Host first(io_, one, keys_one_, {peer(two, keys_two_)});
  const std::string endpoint = first.transport->endpoint();
  Host second(io_, two, keys_two_, {peer(one, keys_one_, endpoint)});
  ASSERT_TRUE(eventually(io_, [&] { return second.transport->send(one, result("first")); }));
  first.transport.reset();
  run_for(io_, 300ms);  // Until libzmq has seen the end of the connection.
  EXPECT_FALSE(second.transport->send(one, result("old")));
  EXPECT_GT(second.link().unsent, 0U);

  Host again(io_, one, keys_one_, {peer(two, keys_two_, second.transport->endpoint())}, endpoint);
  ASSERT_TRUE(
      eventually(io_, [&] { return second.up() && second.transport->send(one, result("new")); }));
  ASSERT_TRUE(eventually(io_, [&] { return again.has("new"); }));
  EXPECT_FALSE(again.has("old"));
}

TEST_F(TransportTest, a_peer_that_restarts_is_reached_again_within_a_second) {
  auto first = std::make_unique<Host>(io_, one, keys_one_, std::vector<Peer>{});
  const std::string endpoint = first->transport->endpoint();
  Host second(io_, two, keys_two_, {peer(one, keys_one_, endpoint)});
  const std::vector<Peer> peers = {peer(two, keys_two_, second.transport->endpoint())};
  first->transport->set_peers(peers);
  ASSERT_TRUE(eventually(io_, [&] { return first->up() && second.up(); }));
  const std::string process = second.link().process;

  first.reset();
  ASSERT_TRUE(eventually(
      io_, [&] { return !second.up(); }, 2s));
  run_for(io_, 1500ms);  // Long enough for pauses between attempts to have grown.
  first = std::make_unique<Host>(io_, one, keys_one_, peers, endpoint);
  EXPECT_TRUE(eventually(
      io_, [&] { return first->up() && second.up(); }, 2s));
  EXPECT_NE(second.link().process, process);
}

// Nobody sends on it, and nobody looks for seconds: libzmq says it. Five times, since whoever looks
// now and then may be lucky once.
TEST_F(TransportTest, a_connection_that_breaks_is_noticed_though_nobody_sends) {
  auto first = std::make_unique<Host>(io_, one, keys_one_, std::vector<Peer>{});
  const std::string endpoint = first->transport->endpoint();
  Host second(io_, two, keys_two_, {peer(one, keys_one_, endpoint)});
  const std::vector<Peer> peers = {peer(two, keys_two_, second.transport->endpoint())};
  first->transport->set_peers(peers);
  std::chrono::steady_clock::duration unnoticed{};
  for (int turn = 0; turn < 5; ++turn) {
    ASSERT_TRUE(eventually(io_, [&] { return first->up() && second.up(); }));
    run_for(io_, 300ms);  // Until all is calm.
    const auto broken = std::chrono::steady_clock::now();
    first.reset();
    ASSERT_TRUE(eventually(io_, [&] { return !second.up(); }));
    unnoticed += std::chrono::steady_clock::now() - broken;
    first = std::make_unique<Host>(io_, one, keys_one_, peers, endpoint);
  }
  EXPECT_LT(unnoticed, 3s) << "0.2 s each when told, 1 s and more when looked for";
}

// Carries bytes to a port until it is cut: then old connections stay open and silent for ever, as
// those of a host whose link went dark, and new ones get nowhere until it is mended.
class Cable {
 public:
  using Tcp = asio::ip::tcp;

  Cable(asio::io_context& io, const std::string& endpoint)
      : io_(io),
        target_(asio::ip::address_v4::loopback(),
                static_cast<unsigned short>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)))),
        acceptor_(io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    accept();
  }

  [[nodiscard]] std::string endpoint() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  void cut() { intact_ = false, ++generation_; }
  void mend() { intact_ = true, ++generation_; }

 private:
  struct Pair {
    Tcp::socket near, far;
    int generation;
  };

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, Tcp::socket near) {
      if (error) return;
      auto pair = std::make_shared<Pair>(Pair{std::move(near), Tcp::socket(io_), generation_});
      pairs_.push_back(pair);  // Kept: what is cut is silent, not closed.
      boost::system::error_code failed;
      if (intact_) pair->far.connect(target_, failed);
      if (intact_ && !failed) {
        pump(pair, pair->near, pair->far);
        pump(pair, pair->far, pair->near);
      }
      accept();
    });
  }

  void pump(const std::shared_ptr<Pair>& pair, Tcp::socket& from, Tcp::socket& to) {
    auto bytes = std::make_shared<std::vector<char>>(64 * 1024);
    from.async_read_some(
        asio::buffer(*bytes),
        [this, pair, bytes, &from, &to](boost::system::error_code error, std::size_t count) {
          if (pair->generation != generation_) return;
          boost::system::error_code failed = error;
          if (!error) asio::write(to, asio::buffer(bytes->data(), count), failed);
          if (failed) {
            pair->near.close(failed);
            pair->far.close(failed);
            return;
          }
          pump(pair, from, to);
        });
  }

  asio::io_context& io_;
  Tcp::endpoint target_;
  Tcp::acceptor acceptor_;
  std::vector<std::shared_ptr<Pair>> pairs_;
  bool intact_ = true;
  int generation_ = 0;
};

TEST_F(TransportTest, a_link_that_was_dark_carries_messages_again_within_a_second) {
  Host first(io_, one, keys_one_, {});
  Cable cable(io_, first.transport->endpoint());
  Host second(io_, two, keys_two_, {peer(one, keys_one_, cable.endpoint())});
  first.transport->set_peers({peer(two, keys_two_, second.transport->endpoint())});
  ASSERT_TRUE(eventually(io_, [&] { return second.up(); }));

  cable.cut();
  ASSERT_TRUE(eventually(
      io_, [&] { return !second.up(); }, 1800ms))
      << "a half-open connection was not noticed";
  run_for(io_, 3s);
  cable.mend();
  const auto mended = std::chrono::steady_clock::now();
  const auto arrives = [&] {
    (void)second.transport->send(one, result("again"));
    return first.has("again");
  };
  ASSERT_TRUE(eventually(io_, arrives, 5s));
  EXPECT_LT(std::chrono::steady_clock::now() - mended, 1500ms);
}

// Takes connections and drops each after a moment, on a thread of its own: while a link is unmade,
// too.
class Breaker {
 public:
  using Tcp = asio::ip::tcp;

  Breaker()
      : acceptor_(io_, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        endpoint_("127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port())) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Breaker() {
    io_.stop();
    thread_.join();
  }

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  [[nodiscard]] unsigned dropped() const { return dropped_; }

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, const Tcp::socket&) {
      if (error) return;
      // Each moment of the handshake has its turn to be the last one.
      const std::chrono::microseconds moment(dropped_ * 37 % 300);
      std::this_thread::sleep_for(moment);  // No wait for anything: when it breaks is what varies.
      ++dropped_;
      accept();
    });
  }

  asio::io_context io_;
  Tcp::acceptor acceptor_;
  const std::string endpoint_;
  std::atomic<unsigned> dropped_ = 0;
  std::thread thread_;
};

// The context has one I/O thread, and every link hangs on it.
TEST_F(TransportTest, links_that_break_while_they_are_unmade_harm_no_other) {
  const Breaker breaker;
  Host first(io_, one, keys_one_, {});
  const Peer good = peer(one, keys_one_, first.transport->endpoint());
  const Peer broken = peer(HostId{3}, generate_keys(), breaker.endpoint());
  Host second(io_, two, keys_two_, {good});
  first.transport->set_peers({peer(two, keys_two_, second.transport->endpoint())});
  ASSERT_TRUE(eventually(io_, [&] { return first.up() && second.up(); }));

  // Each is unmade at about the time when its connection is dropped: now before, now after.
  for (unsigned turn = 0; turn < 1000; ++turn) {
    second.transport->set_peers({good, broken});
    // No wait for anything: the moment is what is varied.
    std::this_thread::sleep_for(std::chrono::microseconds(100 + turn * 131 % 900));
    second.transport->set_peers({good});
    io_.restart();
    io_.poll();
  }
  const auto arrives = [&] {
    (void)second.transport->send(one, result("alive"));
    return first.has("alive");
  };
  EXPECT_TRUE(eventually(io_, arrives)) << "after " << breaker.dropped() << " connections";
}

TEST_F(TransportTest, an_address_in_use_is_said_in_words) {
  Host host(io_, one, keys_one_, {});
  const std::string endpoint = host.transport->endpoint();
  try {
    const Host other(io_, two, keys_two_, {}, endpoint);
    FAIL() << "both listen on " << endpoint;
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()),
              "cannot listen on " + endpoint + ": Address already in use");
  }
}

}  // namespace
}  // namespace cierzo
