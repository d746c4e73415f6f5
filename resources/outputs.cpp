// What roles say about themselves when they have started: kept in the catalog, so that others can
// be started with it whether or not the one that said it is up.
//
//   start -> the guest's notes -> report -> Plan::said -> catalog -> DesiredResource::outputs
//                                                                 -> inputs of those that read it
#include <algorithm>
#include <set>

#include "resources/planner.hpp"

namespace cierzo {
namespace {

// Of what it said, what its type knows of: the rest is nobody's business.
Outputs declared_of(const RoleType& role, const Outputs& said) {
  Outputs known;
  for (const auto& [key, value] : said) {
    if (role.outputs.count(key) != 0) known.emplace(key, value);
  }
  return known;
}

const Outputs& kept_of(const DesiredResource& desired, const RoleKey& key) {
  static const Outputs nothing;
  const auto kept = desired.outputs.find(key);
  return kept == desired.outputs.end() ? nothing : kept->second;
}

}  // namespace

bool outputs_kept(const DesiredResource& desired, const Instance& instance, const RoleType& role,
                  const Observed& copy) {
  if (role.outputs.empty()) return true;
  const Outputs said = declared_of(role, role_of(copy, role.name).outputs);
  return said.size() == role.outputs.size() && said == kept_of(desired, {instance.name, role.name});
}

// Of what is absent or unknown the last word stays.
void Planner::keep_outputs(std::size_t resource) {
  const DesiredResource& desired = world_.desired[resource];
  const auto& roles = desired.type->roles;
  const bool any = std::any_of(roles.begin(), roles.end(),
                               [](const RoleType& role) { return !role.outputs.empty(); });
  if (desired.resource->ensure != Ensure::running || (!any && desired.outputs.empty())) return;
  std::set<RoleKey> wanted;
  for (std::size_t which = 0; which < desired.instances.size(); ++which) {
    const Instance& instance = desired.instances[which];
    for (std::size_t i = 0; i < instance.roles.size(); ++i) {
      const RoleType& role = *desired.type->role(instance.roles[i]);
      if (role.outputs.empty()) continue;
      const RoleKey key{instance.name, role.name};
      wanted.insert(key);
      const Copies copies = index_.copies(resource, which);
      const Observed* copy = copies.right();
      if (!copy || !is_started(role, *copy, desired.wanted[which].start_digests[i])) continue;
      Outputs said = declared_of(role, role_of(*copy, role.name).outputs);
      if (!said.empty() && said != kept_of(desired, key)) {
        plan_.said.push_back({desired.resource->name, key, std::move(said)});
      }
    }
  }
  for (const auto& [key, kept] : desired.outputs) {
    if (wanted.count(key) == 0) plan_.unsaid.push_back(key);
  }
}

// True: others may wait for something that it has not said.
bool Planner::tell_unsaid(const Subject& s, const Observed& copy) {
  for (const RoleName& name : s.instance.roles) {
    const RoleType& role = *s.desired.type->role(name);
    const Outputs& said = role_of(copy, name).outputs;
    for (const auto& [key, secret] : role.outputs) {
      if (said.count(key) != 0) continue;
      block(s.instance.name, true,
            "start of " + name.value + " has worked, but has not said its output " + key);
      return true;
    }
  }
  return false;
}

}  // namespace cierzo
