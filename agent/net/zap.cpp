#include "agent/net/zap.hpp"

#include <array>

#include "agent/net/keys.hpp"

namespace cierzo {
namespace {

// Keys of strangers that are remembered to say each only once.
constexpr std::size_t refused_told_max = 256;

// The frames of a request, RFC 27.
enum Frame { version, request_id, domain, address, identity, mechanism, credentials, frame_count };

zmq::socket_t handler_socket(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::rep);
  socket.set(zmq::sockopt::linger,
             0);  // Or the context's end would wait for an answer nobody wants (Z7).
  socket.bind("inproc://zeromq.zap.01");
  return socket;
}

std::string z85(const zmq::message_t& key) {
  std::array<char, key_characters + 1> text{};
  if (key.size() != 32) return {};
  zmq_z85_encode(text.data(), key.data<std::uint8_t>(), key.size());
  return text.data();
}

}  // namespace

Zap::Zap(asio::io_context& io, zmq::context_t& context,
         std::function<void(const std::string&, const std::string&)> refused)
    : on_refused_(std::move(refused)),
      endpoint_(std::make_shared<Endpoint>(
          io, handler_socket(context),
          [this](Endpoint::Frames frames) { answer(std::move(frames)); })) {
  endpoint_->start();
}

void Zap::allow(std::set<std::string> public_keys) {
  allowed_ = std::move(public_keys);
  refused_.clear();
}

void Zap::answer(Endpoint::Frames request) {
  // libzmq itself asks, over inproc: what is not a proper question about CURVE is denied like an
  // unknown key.
  const bool proper = request.size() == frame_count && request[version].to_string_view() == "1.0" &&
                      request[domain].to_string_view() == zap_domain &&
                      request[mechanism].to_string_view() == "CURVE";
  const std::string key = proper ? z85(request[credentials]) : std::string();
  const bool allowed = !key.empty() && allowed_.contains(key);
  if (!allowed && proper && refused_.size() < refused_told_max && refused_.insert(key).second) {
    on_refused_(key.substr(0, 8), request[address].to_string());
  }

  const std::string id =
      request.size() > request_id ? request[request_id].to_string() : std::string();
  Endpoint::Frames reply;
  for (const std::string& frame : {std::string("1.0"), id, std::string(allowed ? "200" : "400"),
                                   std::string(allowed ? "OK" : "unknown key"),
                                   allowed ? key : std::string(), std::string()}) {
    reply.emplace_back(frame.data(), frame.size());
  }
  endpoint_->send(std::move(reply));
}

}  // namespace cierzo
