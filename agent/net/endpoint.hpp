// One receiving ZeroMQ socket on the main loop. Its descriptor is edge-triggered and only a hint:
// look first, sleep only when there is nothing. (TRAPS Z1-Z5, Z9) Gate file: libzmq's types stay in
// this folder.
#pragma once
#include <functional>
#include <memory>
#include <vector>
#include <zmq.hpp>

#include "agent/asio.hpp"

namespace cierzo {

// Not thread-safe, on purpose: everything happens on one loop (Z6).
class Endpoint : public std::enable_shared_from_this<Endpoint> {
 public:
  using Frames = std::vector<zmq::message_t>;

  // on_message must not throw. It may get fewer frames than were sent, never more than frames_max
  // + 1.
  Endpoint(asio::io_context& io, zmq::socket_t socket, std::function<void(Frames)> on_message);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  static constexpr std::size_t frames_max = 16;
  // Read at one go; then timers and other sockets have a turn (Z4), however long the messages are.
  static constexpr int batch_max = 64;
  static constexpr std::size_t batch_bytes_max = 1024 * 1024;

  void start() { pump(); }
  // Closes the socket at once, so that the context can end; handlers that are under way find
  // nothing to do.
  void stop();

  // False: the queue is full or nobody is there.
  bool send(Frames frames);

  [[nodiscard]] zmq::socket_t& socket() { return socket_; }

 private:
  [[nodiscard]] bool readable();
  [[nodiscard]] bool drain();  // True when it stopped at the limit of a batch: there may be more.
  void pump();

  zmq::socket_t socket_;
  asio::posix::stream_descriptor ready_;
  std::function<void(Frames)> on_message_;
  bool stopped_ = false;
};

// What libzmq throws when a signal arrived, repeated; everything else passes through.
template <class Call>
auto uninterrupted(Call call) {
  while (true) {
    try {
      return call();
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
  }
}

}  // namespace cierzo
