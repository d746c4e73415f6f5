// Peers who mean harm, over real sockets: strangers who connect and never finish, garbage, lengths
// that are lies, what was recorded and is played back; and hosts with a valid key that send rubbish
// or far too much. Whatever they do, another host's messages arrive, and descriptors and memory
// stay bounded. tests/system/test_hostile.py does the same to a whole site.
#include <dirent.h>
#include <sys/resource.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/agent/transport_site.hpp"

namespace cierzo {
namespace {

using Tcp = asio::ip::tcp;

constexpr HostId three{3};

std::size_t descriptors() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

std::size_t resident_mib() {
  std::size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * 4096 / (1024 * 1024);
}

Tcp::endpoint where(const Host& host) {
  const std::string endpoint = host.transport->endpoint();
  return {asio::ip::address_v4::loopback(),
          static_cast<unsigned short>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)))};
}

// The first 64 bytes of ZMTP 3.1 with CURVE, as a client says them.
std::string greeting() {
  std::string bytes("\xff\0\0\0\0\0\0\0\1\x7f\3\1CURVE", 17);
  bytes.resize(64, '\0');
  return bytes;
}

class Hostile : public TransportTest {
 protected:
  Hostile() : host_(io_, one, keys_one_, {peer(two, keys_two_), peer(three, keys_three_)}) {}

  Tcp::socket raw() {
    Tcp::socket socket(io_);
    boost::system::error_code error;
    socket.connect(where(host_), error);
    socket.non_blocking(true, error);
    return socket;
  }

  // Host 3 has its say, over a new connection and within a moment, whatever goes on meanwhile.
  template <class Meanwhile>
  void expect_others_are_heard(Meanwhile meanwhile, const std::string& text) {
    zmq::socket_t good = stranger(host_, &keys_three_);
    const auto arrived = [&] {
      meanwhile();
      say(good, encode(result(text)));
      return host_.has(text);
    };
    EXPECT_TRUE(eventually(io_, arrived, 20s)) << text;
    EXPECT_EQ(host_.received.back().first, three);
  }

  [[nodiscard]] Link link_of_two() const { return host_.transport->links().at(0); }

  KeyPair keys_three_ = generate_keys();
  Host host_;
};

TEST_F(Hostile, connections_that_never_say_who_they_are_are_hung_up_on) {
  const std::size_t before = descriptors();
  std::vector<Tcp::socket> all;
  const auto more = [&] {
    for (int i = 0; i < 20 && all.size() < 400; ++i) all.push_back(raw());
  };
  while (all.size() < 400) {
    more();
    run_for(io_, 5ms);
  }
  // Our own ends are among the descriptors of this process: libzmq's are what is left.
  // Sooner than by the time that libzmq gives a handshake, which is 5 s.
  EXPECT_TRUE(eventually(
      io_, [&] { return descriptors() - before - all.size() < 50; }, 4s))
      << descriptors() - before - all.size() << " of libzmq's";
  expect_others_are_heard([] {}, "beside four hundred");
  EXPECT_TRUE(host_.has_said("too many connections over which nobody says who he is"));
  const auto lines = std::count_if(host_.said.begin(), host_.said.end(), [](const auto& line) {
    return line.find("too many connections") != std::string::npos;
  });
  EXPECT_EQ(lines, 1) << "who connects must not fill the disk with our log";
}

// Takes every descriptor that this process can have.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = descriptors() + 64;
    ::setrlimit(RLIMIT_NOFILE, &low);
    for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) taken_.push_back(fd);
  }
  ~NoDescriptors() {
    for (const int fd : taken_) ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

std::chrono::nanoseconds processor_time() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

// libzmq leaves a connection in the kernel's queue that it has no descriptor for, and turns at full
// speed until it has one.
TEST_F(TransportTest, without_descriptors_whoever_connects_is_hung_up_on) {
  // Connected both ways, so that no link is made anew meanwhile, which takes some and gives them
  // back.
  Host first(io_, one, keys_one_, {});
  Host second(io_, two, keys_two_, {peer(one, keys_one_, first.transport->endpoint())});
  first.transport->set_peers({peer(two, keys_two_, second.transport->endpoint())});
  ASSERT_TRUE(eventually(io_, [&] { return first.up() && second.up(); }));
  std::vector<Tcp::socket> late;
  for (int i = 0; i < 6; ++i) late.emplace_back(io_, Tcp::v4());
  {
    const NoDescriptors none;
    for (Tcp::socket& socket : late) {
      socket.connect(where(first));
      socket.non_blocking(true);
      char byte = 0;
      boost::system::error_code end;
      // Sooner than by the time that libzmq gives a handshake, which is 5 s.
      const auto gone = [&] {
        socket.read_some(asio::buffer(&byte, 1), end);
        return end && end != asio::error::would_block;
      };
      EXPECT_TRUE(eventually(io_, gone, 4s)) << "it waits in the kernel's queue";
    }
    const auto before = processor_time();
    run_for(io_, 500ms);
    EXPECT_LT(processor_time() - before, 250ms) << "it spins";
    const auto lines = std::count_if(first.said.begin(), first.said.end(), [](const auto& line) {
      return line.find("Too many open files") != std::string::npos;
    });
    EXPECT_EQ(lines, 1);
    EXPECT_TRUE(second.transport->send(one, result("over what is open")));
    EXPECT_TRUE(eventually(io_, [&] { return first.has("over what is open"); }));
  }
  EXPECT_TRUE(first.up() && second.up());
  zmq::socket_t again = stranger(first, &keys_two_);
  say(again, encode(result("over a new one")));
  EXPECT_TRUE(eventually(io_, [&] { return first.has("over a new one"); }));
}

TEST_F(Hostile, garbage_before_and_in_the_handshake_harms_nobody) {
  const std::string frame("\x04\x26\x05READY", 8);  // A command, where CURVE wants HELLO.
  std::vector<std::string> openings = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                       std::string(5000, '\xff'),
                                       std::string(5000, '\0'),
                                       greeting().substr(0, 11),
                                       greeting() + frame,
                                       greeting() + std::string(300, 'x')};
  std::vector<Tcp::socket> all;
  for (int round = 0; round < 20; ++round) {
    for (const std::string& opening : openings) {
      all.push_back(raw());
      boost::system::error_code ignored;
      all.back().write_some(asio::buffer(opening), ignored);
    }
    run_for(io_, 5ms);
  }
  expect_others_are_heard([] {}, "after garbage");
  for (const auto& [from, text] : host_.received) EXPECT_EQ(text, "after garbage");
}

// The length is announced before anything is proven: what is announced must not be allocated.
TEST_F(Hostile, a_gigabyte_that_is_announced_or_sent_is_not_taken_in) {
  const std::size_t before = resident_mib();
  const std::string lie =
      greeting() + std::string("\x06\0\0\0\0\x40\0\0\0", 9);  // 1 GiB, a command.
  std::vector<Tcp::socket> all;
  const std::string block(1 << 20, 'x');
  for (int i = 0; i < 8; ++i) {
    all.push_back(raw());
    boost::system::error_code error;
    asio::write(all.back(), asio::buffer(lie), error);
    for (int sent = 0; sent < 50 && !error; ++sent) {
      all.back().write_some(asio::buffer(block), error);
      run_for(io_, 1ms);
    }
  }
  // Nor from a host with a key: less than a gigabyte, since this process has to encrypt it first.
  zmq::socket_t huge = stranger(host_, &keys_two_);
  ASSERT_TRUE(eventually(io_, [&] { return (huge.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0; }));
  (void)huge.send(zmq::message_t(std::size_t{64} << 20), zmq::send_flags::dontwait);
  expect_others_are_heard([] {}, "beside a gigabyte");
  EXPECT_LT(resident_mib(), before + 300);
  EXPECT_EQ(link_of_two().rubbish, 0U);
}

// Keeps what goes to the host over each connection.
class Recorder {
 public:
  Recorder(asio::io_context& io, Tcp::endpoint target)
      : io_(io), target_(std::move(target)), acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
    accept();
  }
  [[nodiscard]] std::string endpoint() const {
    return "tcp://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  std::string recorded;

 private:
  struct Pair {
    Tcp::socket near, far;
  };
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, Tcp::socket near) {
      if (error) return;
      auto pair = std::make_shared<Pair>(Pair{std::move(near), Tcp::socket(io_)});
      pair->far.connect(target_);
      pump(pair, pair->near, pair->far, &recorded);
      pump(pair, pair->far, pair->near, nullptr);
      accept();
    });
  }
  void pump(const std::shared_ptr<Pair>& pair, Tcp::socket& from, Tcp::socket& to,
            std::string* kept) {
    auto bytes = std::make_shared<std::vector<char>>(64 * 1024);
    from.async_read_some(asio::buffer(*bytes), [this, pair, bytes, kept, &from, &to](
                                                   boost::system::error_code error, std::size_t n) {
      if (error) return;
      if (kept != nullptr) kept->append(bytes->data(), n);
      asio::write(to, asio::buffer(bytes->data(), n), error);
      if (!error) pump(pair, from, to, kept);
    });
  }

  asio::io_context& io_;
  Tcp::endpoint target_;
  Tcp::acceptor acceptor_;
};

TEST_F(Hostile, what_was_recorded_and_is_played_back_is_nothing) {
  Recorder recorder(io_, where(host_));
  zmq::socket_t socket(context_, zmq::socket_type::push);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::curve_serverkey, keys_one_.public_key);
  socket.set(zmq::sockopt::curve_publickey, keys_two_.public_key);
  socket.set(zmq::sockopt::curve_secretkey, keys_two_.secret_key);
  socket.connect(recorder.endpoint());
  say(socket, encode(result("once")));
  ASSERT_TRUE(eventually(io_, [&] { return host_.has("once"); }));

  // The whole conversation anew, and its last frames behind a fresh greeting.
  for (const std::string& played :
       {recorder.recorded, greeting() + recorder.recorded.substr(recorder.recorded.size() - 200)}) {
    Tcp::socket again = raw();
    boost::system::error_code error;
    asio::write(again, asio::buffer(played), error);
    run_for(io_, 300ms);
  }
  EXPECT_EQ(host_.received.size(), 1U);
  expect_others_are_heard([] {}, "after the replay");
}

TEST_F(Hostile, a_host_that_sends_nothing_but_rubbish_is_hung_up_on) {
  zmq::socket_t bad = stranger(host_, &keys_two_);
  const auto rubbish = [&] {
    for (int i = 0; i < 50; ++i) say(bad, "rubbish");
  };
  expect_others_are_heard(rubbish, "beside rubbish");
  // Made anew each time: what a connection sent before counts no more.
  EXPECT_TRUE(eventually(io_, [&] {
    rubbish();
    return link_of_two().rubbish > 1000;
  }));
  const auto lines = std::count_if(host_.said.begin(), host_.said.end(), [](const auto& line) {
    return line.find("dropped a message of node2") != std::string::npos;
  });
  EXPECT_LE(lines, 3);
}

// More than is read: the rest is not even decoded, and the others are heard in time. So is the host
// whose key it is, over the connection that its own agent has, however many flood.
TEST_F(Hostile, a_host_that_floods_is_read_only_so_far) {
  zmq::socket_t own = stranger(host_, &keys_two_);
  say(own, encode(result("before")));
  ASSERT_TRUE(eventually(io_, [&] { return host_.has("before"); }));
  const std::size_t before = resident_mib();
  std::atomic<bool> over = false;
  const auto flood = [&, endpoint = host_.transport->endpoint()]() {
    zmq::context_t context;
    zmq::socket_t bad(context, zmq::socket_type::push);
    bad.set(zmq::sockopt::linger, 0);
    bad.set(zmq::sockopt::curve_serverkey, keys_one_.public_key);
    bad.set(zmq::sockopt::curve_publickey, keys_two_.public_key);
    bad.set(zmq::sockopt::curve_secretkey, keys_two_.secret_key);
    bad.set(zmq::sockopt::sndtimeo, 100);
    bad.connect(endpoint);
    const std::string small = encode(result("flood"));
    const std::string large = encode(result(std::string(4 << 20, 'x')));
    for (int i = 0; !over; ++i) {
      const std::string& bytes = i % 500 == 0 ? large : small;
      (void)bad.send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::none);
    }
  };
  std::thread first(flood), second(flood), third(flood);
  EXPECT_TRUE(eventually(
      io_, [&] { return link_of_two().unread > 1000; }, 30s));
  expect_others_are_heard([] {}, "beside a flood");
  for (int i = 0; i < 50; ++i) {
    const std::string text = "own " + std::to_string(i);
    say(own, encode(result(text)));
    EXPECT_TRUE(eventually(io_, [&] { return host_.has(text); })) << text;
  }
  over = true;
  for (std::thread* one : {&first, &second, &third}) one->join();
  EXPECT_TRUE(host_.has_said("node2 sends far more than an agent does"));
  EXPECT_LT(resident_mib(), before + 400);
}

// Connections to the host's port that are established, as the kernel counts them.
int established(const Host& host) {
  std::ifstream table("/proc/net/tcp");
  std::string line, number, near, far, state;
  char port[8];
  std::snprintf(port, sizeof port, ":%04X", where(host).port());
  int count = 0;
  while (std::getline(table, line)) {
    std::istringstream words(line);
    words >> number >> near >> far >> state;
    if (near.ends_with(port) && state == "01") ++count;
  }
  return count;
}

TEST_F(Hostile, a_host_has_no_more_connections_than_it_needs) {
  std::vector<zmq::socket_t> all;
  for (int i = 0; i < 30; ++i) {
    zmq::socket_t& socket = all.emplace_back(context_, zmq::socket_type::push);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::reconnect_ivl, -1);
    socket.set(zmq::sockopt::curve_serverkey, keys_one_.public_key);
    socket.set(zmq::sockopt::curve_publickey, keys_two_.public_key);
    socket.set(zmq::sockopt::curve_secretkey, keys_two_.secret_key);
    socket.connect(host_.transport->endpoint());
    const std::string text = "number " + std::to_string(i);
    ASSERT_TRUE(eventually(io_, [&] {
      say(socket, encode(result(text)));
      return host_.has(text);
    })) << i;
  }
  EXPECT_TRUE(eventually(io_, [&] { return established(host_) <= 2; })) << established(host_);
}

// A link that must be made anew just when no descriptor is left: the others go on, and it comes
// back.
TEST_F(Hostile, without_descriptors_a_link_waits_and_comes_back) {
  const KeyPair keys_four = generate_keys();
  const Peer back = peer(one, keys_one_, host_.transport->endpoint());
  Host four(io_, HostId{4}, keys_four, {back});
  host_.transport->set_peers({peer(HostId{4}, keys_four, four.transport->endpoint())});
  ASSERT_TRUE(eventually(io_, [&] { return host_.up() && four.up(); }));

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{3, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  four.transport->set_peers({back, peer(two, keys_two_)});  // A link of its own for the new one.
  const auto told = [&] { return four.has_said("cannot connect to node2: Too many open files"); };
  EXPECT_TRUE(eventually(io_, told));
  EXPECT_TRUE(four.transport->send(one, result("beside")));
  EXPECT_FALSE(four.transport->send(two, result("nowhere")));
  EXPECT_TRUE(eventually(io_, [&] { return host_.has("beside"); }));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);

  Host second(io_, two, keys_two_, {peer(HostId{4}, keys_four, four.transport->endpoint())});
  four.transport->set_peers({back, peer(two, keys_two_, second.transport->endpoint())});
  EXPECT_TRUE(eventually(io_, [&] { return second.up(); }));
}

}  // namespace
}  // namespace cierzo
