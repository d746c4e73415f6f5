// A connection to libvirtd that comes back: the daemon may be absent at the start, die, hang and
// return, with VMs running on all the while (REFERENCE F7).
//
// A thread of its own opens connections, because an open can hang as long as the daemon does;
// callers only ever take a connection that is there. Lost ones are noticed by libvirt's close
// callback, which keepalive drives when the daemon hangs.
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

  // Throws Refused (unreachable) where there is none now. Held for one call only: the connection
  // is closed when nobody uses it any more.
  [[nodiscard]] Connection get() const;

  // A call on it failed: if it is dead it is given up at once. True: it was.
  bool failed(const Connection& connection);

 private:
  std::shared_ptr<LinkState> state_;
};

}  // namespace cierzo::libvirt
