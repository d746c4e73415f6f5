// libvirt's event loop: its default implementation on one thread of its own.
//
// It must be registered before the first connection and can never be replaced (TRAPS L1), so that
// happens once in a process; the thread runs while anybody holds the loop. Connections are closed
// before the last one lets go, and the thread runs on for a moment, because libvirt may still call
// back after a close (L2).
#pragma once
#include <memory>

namespace cierzo::libvirt {

class EventLoop;
[[nodiscard]] std::shared_ptr<EventLoop> event_loop();

}  // namespace cierzo::libvirt
