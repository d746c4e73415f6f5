// What brings the instances of a stopped or absent resource down, dependants before what they
// depend on: `stop` scripts, ACPI shutdown, destroyed when its time is up; disks removed where the
// resource is absent.
//
// Two orders, which cannot wait for one another in a circle: a `stop` script waits for the stop
// scripts of deeper roles, and for VMs that hold only deeper ones; a VM waits for its own scripts,
// and for VMs that hold only roles deeper than its shallowest. Everything waited for is deeper.
#include <algorithm>

#include "resources/planner.hpp"

namespace cierzo {

void Planner::keep_stopped(const Subject& s) {
  const bool absent = s.desired.resource->ensure == Ensure::absent;
  const Observed* copy = s.copies.right();
  if (!copy) {
    if (!s.copies.unknown.empty()) {
      block(s.instance.name, true, s.copies.unknown + ": unknown, not stopped");
    } else if (absent && !s.copies.disks.empty()) {
      act(s.instance.name, s.copies.disks.front()->host, RemoveDisk{}, "its resource is absent");
    }
    return;
  }
  if (copy->run == RunState::stopping) {
    block(s.instance.name, true, "is stopping");
    return;
  }
  const bool runs = copy->run == RunState::running;
  if (runs && copy->guest_answers && stop_roles(s, *copy)) return;
  if (depth(s.desired, s.instance) < deepest_live(s.desired)) {
    block(s.instance.name, true, "waits for the VMs that depend on it to stop");
    return;
  }
  const bool remove_disk = absent && copy->disk == Disk::local;
  act(s.instance.name, copy->host,
      StopVm{copy->incarnation, runs ? stop_grace : Duration::zero(), remove_disk},
      absent ? "its resource is absent" : "its resource is stopped");
}

// True: this instance has got its action, or waits.
bool Planner::stop_roles(const Subject& s, const Observed& copy) {
  const bool absent = s.desired.resource->ensure == Ensure::absent;
  for (auto name = s.instance.roles.rbegin(); name != s.instance.roles.rend(); ++name) {
    const RoleType& role = *s.desired.type->role(*name);
    if (!to_be_stopped(role, copy)) continue;
    return stop_role(s.desired, s.instance, copy, role,
                     absent ? "its resource is absent" : "its resource is stopped",
                     still_up(s, *name));
  }
  return false;
}

bool to_be_stopped(const RoleType& role, const Observed& copy) {
  const RoleObserved& seen = role_of(copy, role.name);
  const bool started = !seen.configured_digest.empty() || seen.draining != Draining::no;
  // After as many failures the VM's own shutdown must do.
  return role.stop && started && seen.stopped_digest.empty() && seen.stop.count < stops_max;
}

// `wait_for`: what has to stop before; empty: nothing.
bool Planner::stop_role(const DesiredResource& desired, const Instance& instance,
                        const Observed& copy, const RoleType& role, const std::string& why,
                        const std::string& wait_for) {
  const RoleObserved& seen = role_of(copy, role.name);
  if (backs_off(instance.name, "stop of " + role.name.value, seen.stop)) return true;
  if (!wait_for.empty()) {
    block(instance.name, true, "waits for " + wait_for + " to stop");
    return true;
  }
  act(instance.name, copy.host,
      make_run(desired, instance, role.name, ScriptKind::stop, copy.incarnation),
      seen.stop.count > 0 ? "its last stop failed: " + brief(seen.stop.error) : why);
  return true;
}

// The first instance whose service depends on this role and is not down yet; empty: none.
std::string Planner::still_up(const Subject& s, const RoleName& role) {
  const int own_depth = depth(s.desired, role);
  const auto [found, added] = shared_.still_up.try_emplace(role);
  if (!added) return found->second;
  std::vector<RoleName> dependants;
  for (const RoleType& other : s.desired.type->roles) {
    if (other.after.count(role) != 0) dependants.push_back(other.name);
  }
  for (std::size_t which = 0; which < s.desired.instances.size(); ++which) {
    const Instance& instance = s.desired.instances[which];
    for (const RoleName& name : instance.roles) {
      if (std::find(dependants.begin(), dependants.end(), name) == dependants.end()) continue;
      const Copies copies = index_.copies(shared_.resource, which);
      const Observed* copy = copies.right();
      if (!copy && copies.unknown.empty()) continue;
      const bool has_stop = s.desired.type->role(name)->stop.has_value();
      const RoleObserved seen = copy ? role_of(*copy, name) : RoleObserved{};
      const bool script_runs = has_stop && copy && copy->guest_answers &&
                               !seen.configured_digest.empty() && seen.stop.count < stops_max;
      const bool waits =
          script_runs ? seen.stopped_digest.empty() : depth(s.desired, instance) > own_depth;
      if (!waits) continue;
      found->second = instance.name.value;
      return found->second;
    }
  }
  return {};
}

// The longest chain of `after` below a role: 0 for what depends on nothing. Types have no cycles.
int Planner::depth(const DesiredResource& desired, const RoleName& name) {
  if (const auto known = shared_.depths.find(name); known != shared_.depths.end()) {
    return known->second;
  }
  int deepest = 0;
  if (const RoleType* role = desired.type->role(name)) {
    for (const RoleName& before : role->after) {
      deepest = std::max(deepest, depth(desired, before) + 1);
    }
  }
  shared_.depths[name] = deepest;
  return deepest;
}

// Of a VM: that of its shallowest role, the last that it must serve.
int Planner::depth(const DesiredResource& desired, const Instance& instance) {
  int shallowest = depth(desired, instance.roles.front());
  for (const RoleName& role : instance.roles) {
    shallowest = std::min(shallowest, depth(desired, role));
  }
  return shallowest;
}

int Planner::deepest_live(const DesiredResource& desired) {
  if (shared_.deepest_live) return *shared_.deepest_live;
  int deepest = 0;
  for (std::size_t which = 0; which < desired.instances.size(); ++which) {
    const Copies copies = index_.copies(shared_.resource, which);
    if (copies.right() || !copies.unknown.empty()) {
      deepest = std::max(deepest, depth(desired, desired.instances[which]));
    }
  }
  shared_.deepest_live = deepest;
  return deepest;
}

}  // namespace cierzo
