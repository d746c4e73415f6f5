#include "agent/net/endpoint.hpp"

namespace cierzo {
namespace {

// None is there: false. Of a message with too many frames the rest is read and thrown away, so that
// what is kept is bounded; the receiver sees that there were too many.
bool receive(zmq::socket_t& socket, Endpoint::Frames& frames) {
  zmq::message_t frame;
  const auto next = [&] { return socket.recv(frame, zmq::recv_flags::dontwait).has_value(); };
  while (uninterrupted(next)) {
    const bool more = frame.more();
    if (frames.size() <= Endpoint::frames_max) frames.push_back(std::move(frame));
    frame = zmq::message_t();
    if (!more) return true;
  }
  return false;
}

}  // namespace

Endpoint::Endpoint(asio::io_context& io, zmq::socket_t socket,
                   std::function<void(Frames)> on_message)
    : socket_(std::move(socket)),
      ready_(io, socket_.get(zmq::sockopt::fd)),
      on_message_(std::move(on_message)) {}

Endpoint::~Endpoint() { stop(); }

void Endpoint::stop() {
  if (stopped_) return;
  stopped_ = true;
  ready_.release();  // libzmq owns the descriptor: Asio must not close it (Z5).
  socket_.close();
}

bool Endpoint::send(Frames frames) {
  bool queued = true;
  for (std::size_t i = 0; queued && i < frames.size(); ++i) {
    const auto flags = i + 1 < frames.size() ? zmq::send_flags::sndmore | zmq::send_flags::dontwait
                                             : zmq::send_flags::dontwait;
    const auto push = [&] { return socket_.send(frames[i], flags).has_value(); };
    queued = uninterrupted(push);
  }
  // Sending may have consumed the wake-up of a message that has just arrived (Z2).
  if (readable()) {
    asio::post(ready_.get_executor(), [self = shared_from_this()] { (void)self->drain(); });
  }
  return queued;
}

bool Endpoint::readable() {
  const auto events = [this] { return socket_.get(zmq::sockopt::events); };
  return !stopped_ && (uninterrupted(events) & ZMQ_POLLIN) != 0;
}

bool Endpoint::drain() {
  std::size_t bytes = 0;
  for (int i = 0; i < batch_max && bytes < batch_bytes_max && !stopped_; ++i) {
    Frames frames;
    if (!receive(socket_, frames)) return false;
    for (const zmq::message_t& frame : frames) bytes += frame.size();
    on_message_(std::move(frames));
  }
  return !stopped_;
}

void Endpoint::pump() {
  if (stopped_) return;
  if (drain() || readable()) {
    asio::post(ready_.get_executor(), [self = shared_from_this()] { self->pump(); });
    return;
  }
  if (stopped_) return;
  ready_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [self = shared_from_this()](boost::system::error_code error) {
                      if (!error) self->pump();
                    });
}

}  // namespace cierzo
