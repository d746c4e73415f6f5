// Who may connect: the ZAP handler of the transport's context. Denies by default; a pure look-up on
// the main loop, since a handler that blocks holds up every handshake (TRAPS S8). Gate file:
// libzmq's types stay in this folder.
//
// The user id it gives is the proven public key itself, not a host's id: what a key may be is
// looked up for every message, so a connection that outlives its entry in the list speaks for
// nobody (S5).
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "agent/net/endpoint.hpp"

namespace cierzo {

inline constexpr const char* zap_domain = "cierzo.agents";

class Zap {
 public:
  // Must be made before any server socket of the context is bound, and stopped after all are closed
  // (S3). `refused` is called once for each unknown key until the list changes: its first
  // characters, and from where.
  Zap(asio::io_context& io, zmq::context_t& context,
      std::function<void(const std::string& key, const std::string& address)> refused);
  ~Zap() { stop(); }
  Zap(const Zap&) = delete;
  Zap& operator=(const Zap&) = delete;

  void allow(std::set<std::string> public_keys);  // Replaces the list.
  void stop() { endpoint_->stop(); }

 private:
  void answer(Endpoint::Frames request);

  std::set<std::string> allowed_;
  std::set<std::string> refused_;  // Told already.
  std::function<void(const std::string&, const std::string&)> on_refused_;
  std::shared_ptr<Endpoint> endpoint_;
};

}  // namespace cierzo
