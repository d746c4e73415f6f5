// Copies and disks of instances that nothing declares any more: a resource was deleted, or a role
// has fewer instances. Hosts report only domains that carry our metadata, so nothing else is ever
// touched.
#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_set>

#include "resources/planner.hpp"

namespace cierzo {

void Planner::remove_leftovers() {
  std::unordered_set<std::string_view> done;  // declared, or has its action already
  for (const DesiredResource& desired : world_.desired) {
    for (const Instance& instance : desired.instances) done.insert(instance.name.value);
  }
  std::vector<const Observed*> undeclared;
  for (const Observed& seen : world_.observed) {
    if (done.count(seen.name.value) == 0) undeclared.push_back(&seen);
  }
  std::sort(undeclared.begin(), undeclared.end(), [](const Observed* a, const Observed* b) {
    return std::tie(a->name, a->host) < std::tie(b->name, b->host);
  });
  for (const Observed* one : undeclared) {
    const Observed& seen = *one;
    if (done.count(seen.name.value) != 0) continue;
    const HostView* on = index_.host(seen.host);
    if (!on || !WorldIndex::answers(*on)) continue;  // held hosts keep what they hold, too
    const bool removable = seen.disk == Disk::local;
    const bool stop = seen.presence == Presence::present && seen.run != RunState::stopping;
    const bool remove = seen.presence == Presence::absent && seen.overlay && removable;
    if ((!stop && !remove) || index_.in_flight(seen.name)) continue;
    done.insert(seen.name.value);
    if (stop) {
      const Duration grace = seen.run == RunState::running ? stop_grace : Duration::zero();
      act(seen.name, seen.host, StopVm{seen.incarnation, grace, removable},
          "nothing declares it any more");
    } else {
      act(seen.name, seen.host, RemoveDisk{}, "nothing declares it any more");
    }
  }
}

}  // namespace cierzo
