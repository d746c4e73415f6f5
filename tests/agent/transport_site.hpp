// One agent's transport on a loopback socket, with what it received and said, and sockets of people
// who play its peers.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "agent/asio.hpp"
#include "agent/net/codec.hpp"
#include "agent/net/keys.hpp"
#include "agent/net/transport.hpp"

namespace cierzo {

using namespace std::chrono_literals;

// Runs the loop until it holds; false: it did not within the time.
template <class Condition>
bool eventually(asio::io_context& io, Condition holds, std::chrono::milliseconds within = 10s) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    io.restart();
    io.run_one_for(20ms);
  }
  return true;
}

inline void run_for(asio::io_context& io, std::chrono::milliseconds time) {
  (void)eventually(
      io, [] { return false; }, time);
}

inline CommandResult result(const std::string& text) {
  return {{{1, HostId{1}}, 1}, false, false, text};
}

// One agent's transport, with what it received and said.
struct Host {
  Host(asio::io_context& io, HostId id, const KeyPair& keys, std::vector<Peer> peers,
       const std::string& listen = "127.0.0.1:0") {
    TransportConfig config;
    config.self = id;
    config.listen = listen;
    config.secret_key = keys.secret_key;
    config.peers = std::move(peers);
    config.software = "test";
    config.link_timeout = 300ms;  // Below what an unanswered Hello takes to be noticed.
    Transport::Events events;
    events.message = [this](HostId from, PeerMessage message) {
      if (const auto* got = std::get_if<CommandResult>(&message))
        received.emplace_back(from, got->error);
      if (const auto* got = std::get_if<Report>(&message)) reports.emplace_back(from, got->host);
    };
    events.log = [this](const std::string& line) { said.push_back(line); };
    transport = std::make_unique<Transport>(io, std::move(config), std::move(events));
  }

  [[nodiscard]] bool has(const std::string& text) const {
    return std::any_of(received.begin(), received.end(),
                       [&](const auto& one) { return one.second == text; });
  }
  [[nodiscard]] bool has_said(const std::string& text) const {
    return std::any_of(said.begin(), said.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }
  [[nodiscard]] Link link() const { return transport->links().at(0); }
  [[nodiscard]] bool up() const { return link().up; }

  std::vector<std::pair<HostId, std::string>> received;
  std::vector<std::pair<HostId, HostId>> reports;
  std::vector<std::string> said;
  std::unique_ptr<Transport> transport;
};

constexpr HostId one{1};
constexpr HostId two{2};

class TransportTest : public testing::Test {
 protected:
  // Whose address does not matter: the test connects the other way.
  [[nodiscard]] Peer peer(HostId id, const KeyPair& keys,
                          const std::string& address = "127.0.0.1:1") const {
    return {id, "node" + std::to_string(id.value), address, keys.public_key};
  }

  // A socket of somebody who knows the address, and where `keys` are given speaks CURVE.
  zmq::socket_t stranger(const Host& target, const KeyPair* keys) {
    zmq::socket_t socket(context_, zmq::socket_type::push);
    socket.set(zmq::sockopt::linger, 0);
    if (keys != nullptr) {
      socket.set(zmq::sockopt::curve_serverkey, keys_one_.public_key);
      socket.set(zmq::sockopt::curve_publickey, keys->public_key);
      socket.set(zmq::sockopt::curve_secretkey, keys->secret_key);
    }
    socket.connect(target.transport->endpoint());
    return socket;
  }

  static void say(zmq::socket_t& socket, const std::string& bytes) {
    (void)socket.send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::dontwait);
  }

  asio::io_context io_;
  zmq::context_t context_;
  KeyPair keys_one_ = generate_keys();
  KeyPair keys_two_ = generate_keys();
};

}  // namespace cierzo
