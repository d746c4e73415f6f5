// Breakers: a role that nothing has made well is left alone, visibly, until somebody says to try
// again. What opens one is counted by hosts (ladder.hpp); that it is open is in the catalog, so
// that neither another leader nor an agent that was restarted begins anew.
//
//   failures -> open() -> Plan::opened -> catalog -> World::breakers
//   agentctl reset, another copy, other inputs -> ForgetFailures -> nothing counted -> Plan::closed
#include <algorithm>

#include "resources/planner.hpp"

namespace cierzo {
namespace {

// Does the role do what it should, without any more tries?
bool is_well(const RoleType& role, const Observed& copy, const std::string& inputs) {
  return is_started(role, copy, inputs) &&
         (!role.check || role_of(copy, role.name).health == Health::passing);
}

bool nothing_counted(const RoleObserved& seen) {
  return seen.start.count == 0 && seen.restarts == 0;
}

}  // namespace

const Breaker* open_breaker(const World& world, const InstanceName& instance, const RoleName& role,
                            const Observed& copy, const std::string& inputs) {
  const auto found = world.breakers.find({instance, role});
  if (found == world.breakers.end()) return nullptr;
  const Breaker& breaker = found->second;
  // One that is ahead of its copy: it is about to be resumed, and to get that incarnation.
  const bool of_this = breaker.incarnation >= copy.incarnation && breaker.inputs == inputs;
  return of_this && !breaker.reset ? &breaker : nullptr;
}

std::vector<Breaker> breakers_to_reset(const World& world, const ResourceName& resource,
                                       const InstanceName& only) {
  std::vector<Breaker> made;
  const WorldIndex index(world);
  for (std::size_t i = 0; i < world.desired.size(); ++i) {
    const DesiredResource& desired = world.desired[i];
    if (desired.resource->name != resource) continue;
    for (std::size_t which = 0; which < desired.instances.size(); ++which) {
      const Instance& instance = desired.instances[which];
      if (!only.value.empty() && instance.name != only) continue;
      const Copies copies = index.copies(i, which);
      const Observed* copy = copies.right();
      for (std::size_t role = 0; role < instance.roles.size(); ++role) {
        const RoleName& name = instance.roles[role];
        const auto known = world.breakers.find({instance.name, name});
        const bool counted = copy && !nothing_counted(role_of(*copy, name));
        if (known == world.breakers.end() && !counted) continue;
        Breaker breaker;
        if (known != world.breakers.end()) breaker = known->second;
        breaker.instance = instance.name;
        breaker.role = name;
        if (copy) breaker.incarnation = copy->incarnation;
        breaker.inputs = desired.wanted[which].start_digests[role];
        breaker.reset = true;
        made.push_back(std::move(breaker));
      }
    }
  }
  return made;
}

const Breaker* Planner::open_breaker(const Subject& s, const Observed& copy,
                                     std::size_t role) const {
  return cierzo::open_breaker(world_, s.instance.name, s.instance.roles[role], copy,
                              s.wanted.start_digests[role]);
}

// Of any of its roles, open, reset or of an earlier try.
bool Planner::knows_breaker(const InstanceName& instance) const {
  const auto first = world_.breakers.lower_bound({instance, RoleName{}});
  return first != world_.breakers.end() && first->first.first == instance;
}

// Which of them have no reason to stay. Of an instance that is absent or unknown nothing is said:
// its next copy decides.
void Planner::tend_breakers() {
  if (world_.breakers.empty()) return;
  std::map<InstanceName, std::pair<std::size_t, std::size_t>> declared;
  for (std::size_t i = 0; i < world_.desired.size(); ++i) {
    const DesiredResource& desired = world_.desired[i];
    if (desired.resource->ensure == Ensure::absent) continue;
    for (std::size_t which = 0; which < desired.instances.size(); ++which) {
      declared.emplace(desired.instances[which].name, std::pair{i, which});
    }
  }
  for (const auto& [key, breaker] : world_.breakers) {
    const auto found = declared.find(key.first);
    if (found == declared.end()) {
      // It may be of a resource that this version cannot read.
      if (world_.unreadable.empty()) plan_.closed.push_back(key);
      continue;
    }
    const auto [resource, which] = found->second;
    const DesiredResource& desired = world_.desired[resource];
    // Whoever stops it and starts it wants it tried again. Until then the entry says that what its
    // host has counted is to be forgotten first.
    if (desired.resource->ensure == Ensure::stopped) {
      if (breaker.reset) continue;
      plan_.opened.push_back(breaker);
      plan_.opened.back().reset = true;
      continue;
    }
    const Copies copies = index_.copies(resource, which);
    const Observed* copy = copies.right();
    if (!copy) continue;
    // One that is open closes by itself when its role is well and its host counts nothing: once it
    // has been well for a while, or at the first passing check where the agent was restarted.
    const auto& roles = desired.instances[which].roles;
    const auto at = std::find(roles.begin(), roles.end(), key.second);
    bool stays = false;
    if (at != roles.end()) {
      const auto place = static_cast<std::size_t>(at - roles.begin());
      const std::string& inputs = desired.wanted[which].start_digests[place];
      stays = cierzo::open_breaker(world_, key.first, key.second, *copy, inputs) != nullptr &&
              !is_well(*desired.type->role(key.second), *copy, inputs);
    }
    if (!stays && nothing_counted(role_of(*copy, key.second))) plan_.closed.push_back(key);
  }
}

// True: what was counted is forgotten, and the entry is still in the catalog. What failed now would
// be forgotten as well, and tried again without a wait, as long as nothing can be stored.
bool Planner::waits_to_close(const Subject& s, const Observed& copy, std::size_t role) {
  const RoleName& name = s.instance.roles[role];
  const RoleObserved& seen = role_of(copy, name);
  if (!world_.breakers.contains({s.instance.name, name}) || open_breaker(s, copy, role) ||
      !nothing_counted(seen)) {
    return false;
  }
  const bool started = is_started(*s.desired.type->role(name), copy, s.wanted.start_digests[role]);
  if (started && seen.health != Health::failing) return false;
  block(s.instance.name, true, "the breaker of " + name.value + " is being closed");
  return true;
}

// The first of its roles that is left alone because its breaker is open; `others` gets the rest.
const Breaker* Planner::left_alone(const Subject& s, const Observed& copy,
                                   std::vector<std::size_t>& others) const {
  const Breaker* first = nullptr;
  for (std::size_t i = 0; i < s.instance.roles.size(); ++i) {
    const Breaker* breaker = open_breaker(s, copy, i);
    if (!breaker) {
      others.push_back(i);
    } else if (!first &&
               !is_well(*s.desired.type->role(breaker->role), copy, s.wanted.start_digests[i])) {
      first = breaker;
    }
  }
  return first;
}

// True: this instance has got its action. What was counted is of another try: the host forgets it.
bool Planner::forget_failures(const Subject& s, const Observed& copy) {
  for (std::size_t i = 0; i < s.instance.roles.size(); ++i) {
    const RoleName& role = s.instance.roles[i];
    const auto found = world_.breakers.find({s.instance.name, role});
    if (found == world_.breakers.end() || open_breaker(s, copy, i)) continue;
    if (nothing_counted(role_of(copy, role))) continue;
    act(s.instance.name, copy.host, ForgetFailures{copy.incarnation, role},
        found->second.reset ? "its breaker was reset" : "its breaker was that of an earlier try");
    return true;
  }
  return false;
}

void Planner::open(const Subject& s, const Observed& copy, std::size_t role, std::string reason) {
  const Breaker breaker{s.instance.name,   s.instance.roles[role],
                        copy.incarnation,  s.wanted.start_digests[role],
                        std::move(reason), false};
  tell_open(s, breaker);
  plan_.opened.push_back(breaker);
}

void Planner::tell_open(const Subject& s, const Breaker& breaker) {
  block(s.instance.name, false,
        "the breaker of " + breaker.role.value + " is open: " + breaker.reason +
            "; nothing more is tried before agentctl reset " + s.instance.resource.value + "/" +
            s.instance.name.value);
}

}  // namespace cierzo
