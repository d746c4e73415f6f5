#include "resources/providers/libvirt_event_loop.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "resources/providers/libvirt_handle.hpp"

namespace cierzo::libvirt {

class EventLoop {
 public:
  EventLoop() {
    static std::once_flag registered;
    std::call_once(registered, [] {
      virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // Else libvirt prints to stderr.
      if (virEventRegisterDefaultImpl() != 0 || virInitialize() != 0) {
        std::fputs("libvirt cannot be initialised\n", stderr);
        std::abort();
      }
    });
    // The loop would block for ever with nothing registered (L3); this also bounds a stop.
    timer_ = virEventAddTimeout(
        500, [](int, void*) {}, nullptr, nullptr);
    thread_ = std::thread([this] {
      while (!stop_) virEventRunDefaultImpl();
      // A few turns more for callbacks of connections that were closed just now.
      virEventUpdateTimeout(timer_, 10);
      for (int turn = 0; turn < 10; ++turn) virEventRunDefaultImpl();
      virEventRemoveTimeout(timer_);
    });
  }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop() {
    stop_ = true;
    virEventUpdateTimeout(timer_, 0);  // Wakes it.
    thread_.join();
  }

 private:
  int timer_ = -1;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

std::shared_ptr<EventLoop> event_loop() {
  static std::mutex mutex;
  static std::weak_ptr<EventLoop> current;
  const std::lock_guard lock(mutex);
  auto loop = current.lock();
  if (!loop) {
    // Ended under the same lock: there are never two threads in libvirt's loop.
    loop.reset(new EventLoop, [](EventLoop* ending) {
      const std::lock_guard wait(mutex);
      delete ending;
    });
    current = loop;
  }
  return loop;
}

}  // namespace cierzo::libvirt
