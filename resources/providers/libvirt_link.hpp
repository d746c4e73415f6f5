// A connection to libvirtd that comes back: the daemon may be absent at the start, die, hang and
// return, with VMs running on all the while (REFERENCE F7).
//
// A thread of its own keeps the connection that events come by; its loss is noticed by libvirt's
// close callback, which keepalive drives when the daemon hangs. Calls go over connections of their
// own, each in one thread at a time and without keepalive: libvirt's client (9.0, as in Debian 12)
// leaves a pointer into the caller's stack in its event loop whenever a second thread, or a
// keepalive message, comes in while a call waits, and a later call may follow it and crash. Nor do
// calls that wait for hung guests hold up others then: libvirtd takes but five of a connection.
#pragma once
#include <memory>
#include <string>

#include "resources/providers/events.hpp"
#include "resources/providers/libvirt_handle.hpp"

namespace cierzo::libvirt {

using Connection = std::shared_ptr<virConnect>;

struct LinkState;

class Link {
 public:
  // Sends domain events, hypervisor_gone and hypervisor_back to the sink.
  Link(std::string uri, std::shared_ptr<EventSink> sink);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  // Waits about a second for the thread; one that hangs in libvirt is left to end by itself.
  ~Link();

  // A connection for the calling thread alone, until it lets go of it; then another call has it.
  // Throws Refused (unreachable) where the daemon cannot be reached now. A call that is under way
  // when the daemon is found to hang fails some seconds later.
  [[nodiscard]] Connection get() const;

  // How often the daemon was reached: another number, and what was asked of it may have changed.
  [[nodiscard]] unsigned opened() const;

  // A call on it failed: if it is dead it is given up at once. True: it was.
  bool failed(const Connection& connection);

 private:
  std::shared_ptr<LinkState> state_;
};

}  // namespace cierzo::libvirt
