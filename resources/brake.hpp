// The brake (rule 19): when too many hosts are gone at once, the fault is more likely a switch than
// the hosts. Then nothing is replaced until they come back, or an administrator says that they are
// really down: neither must everything be started twice, nor must what is left be buried under it.
//
// Pure, and computed from the states of the hosts alone, so that a new leader comes to the same
// answer. There is therefore no window of time: a host counts for as long as it is away. What has
// been dead for long is taken off the count by confirming it (agentctl confirm-lost). Confirmed
// while the brake is on, a host is released for itself only: it stays in the count until no other
// is away, or saying that of one of three would start what the other two ran.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "resources/world.hpp"

namespace cierzo {

struct Brake {
  std::vector<HostId> away;  // Lost or suspect, and not confirmed lost.
  std::size_t gone = 0;      // These, and those of the same blow that were confirmed.
  std::size_t known = 0;     // What they are a share of: these and the hosts that are alive.
  bool too_many = false;     // More than the share: no more are fenced.
  bool on = false;  // And one of them is lost, so that there would be something to replace.
  // "brake: 2 of 3 hosts lost or suspect; agentctl confirm-lost node2 node3 if they are really
  // down"; empty: it is off.
  std::string reason;
};

// `share`: of the known hosts, 0 to 1; exactly that many may be away. Held hosts and those whose
// loss was confirmed otherwise count neither way: of them it is known how they are.
[[nodiscard]] Brake brake(const std::vector<HostView>& hosts, double share);

}  // namespace cierzo
