// The one listener of a provider, called from libvirt's event thread and from the process watch.
#pragma once
#include <functional>
#include <mutex>
#include <utility>

#include "resources/provider.hpp"

namespace cierzo {

class EventSink {
 public:
  void listen(std::function<void(DomainEvent)> listener) {
    const std::lock_guard lock(mutex_);
    listener_ = std::move(listener);
  }
  // After close() has returned the listener is not called any more, and is not being called.
  void close() { listen(nullptr); }

  // The listener copies and posts; it must not call back into the provider.
  void emit(DomainEvent::What what, std::string name = {}, const Incarnation& incarnation = {}) {
    const std::lock_guard lock(mutex_);
    if (listener_) listener_({what, InstanceName{std::move(name)}, incarnation});
  }

 private:
  std::mutex mutex_;
  std::function<void(DomainEvent)> listener_;
};

}  // namespace cierzo
