// Copies and disks of instances that nothing declares any more: a resource was deleted, or a role
// has fewer instances. Hosts report only domains that carry our metadata, so nothing else is ever
// touched.
#include "resources/planner.hpp"

namespace cierzo {
namespace {

// May it belong to a resource that is declared, but that this version cannot read? A disk without a
// domain does not always say whose it is: then it may be any of theirs.
bool may_be_declared(const Observed& seen, const std::set<ResourceName>& unreadable) {
  if (unreadable.empty()) return false;
  return seen.resource.value.empty() || unreadable.contains(seen.resource);
}

}  // namespace

std::string Planner::why_left(const InstanceName& name) const {
  for (const DesiredResource& desired : world_.desired) {
    if (desired.idle.count(name) != 0) return "its role is scaled down";
  }
  return "nothing declares it any more";
}

void Planner::remove_leftovers() {
  const InstanceName* last = nullptr;  // has its action already: at most one for an instance
  for (const Observed* one : index_.undeclared()) {
    const Observed& seen = *one;
    if (last && *last == seen.name) continue;
    if (may_be_declared(seen, world_.unreadable)) continue;
    const HostView* on = index_.host(seen.host);
    if (!on || !WorldIndex::answers(*on)) continue;  // held hosts keep what they hold, too
    const bool removable = seen.disk == Disk::local;
    const bool stop = seen.presence == Presence::present && seen.run != RunState::stopping;
    const bool remove = seen.presence == Presence::absent && seen.overlay && removable;
    if ((!stop && !remove) || index_.in_flight(seen.name)) continue;
    last = &seen.name;
    const std::string why = why_left(seen.name);
    if (stop) {
      const Duration grace = seen.run == RunState::running ? stop_grace : Duration::zero();
      act(seen.name, seen.host, StopVm{seen.incarnation, grace, removable}, why);
    } else {
      act(seen.name, seen.host, RemoveDisk{}, why);
    }
  }
}

}  // namespace cierzo
