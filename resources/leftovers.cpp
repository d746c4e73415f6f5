// Copies and disks of instances that nothing declares any more: a resource was deleted, or a role
// has fewer instances. Hosts report only domains that carry our metadata, so nothing else is ever
// touched. After a recovery of the site that a catalog does not name them proves nothing: it may be
// older than they are. (rule 22)
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

bool is_from_before(const Observed& seen, const std::optional<Recovered>& recovered) {
  if (!recovered || seen.incarnation.term >= recovered->first_term) return false;
  return !recovered->settled.contains(seen.resource);
}

// The instance of that name which its role is scaled down below, and its resource; nullptr: there
// is none.
std::pair<std::size_t, const Instance*> Planner::idle_one(const InstanceName& name) const {
  for (std::size_t i = 0; i < world_.desired.size(); ++i) {
    const auto found = world_.desired[i].idle.find(name);
    if (found != world_.desired[i].idle.end()) return {i, &found->second};
  }
  return {0, nullptr};
}

std::string why_idle(const DesiredResource& desired, const Instance& idle) {
  for (const auto& [role, slots] : desired.resource->leaving) {
    for (const Slot& slot : slots) {
      if (slot.address == idle.address) return "its manifest does not have it any more";
    }
  }
  return "its role is scaled down";
}

std::string why_kept(const Kept& kept) {
  const std::string text = "is not declared since the site was recovered, and is kept";
  if (kept.resource.value.empty()) {
    return text +
           ": nothing says whose disk it is; apply the manifest of its resource, or remove " +
           kept.instance.value + ".qcow2 there by hand";
  }
  const std::string& name = kept.resource.value;
  return text + ", a VM paused: apply the manifest of " + name +
         " and it runs on, or remove it (agentctl delete " + name + ")";
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
    if (!stop && !remove) continue;
    if (const InFlight* command = index_.in_flight(seen.name)) {
      last = &seen.name;
      block(seen.name, true, under_way(command->action));
      continue;
    }
    if (is_from_before(seen, world_.recovered)) {
      plan_.kept.push_back({seen.name, seen.host, seen.resource});
      block(seen.name, false, "on " + on->name + " " + why_kept(plan_.kept.back()));
      continue;
    }
    last = &seen.name;
    const auto [resource, idle] = idle_one(seen.name);
    const std::string why =
        idle ? why_idle(world_.desired[resource], *idle) : "nothing declares it any more";
    if (stop && idle && retires(resource, *idle, seen)) continue;
    if (stop) {
      const Duration grace = seen.run == RunState::running ? stop_grace : Duration::zero();
      act(seen.name, seen.host, StopVm{seen.incarnation, grace, removable}, why);
    } else {
      act(seen.name, seen.host, RemoveDisk{}, why);
    }
  }
}

}  // namespace cierzo
