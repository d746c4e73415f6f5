// What a leader stores by itself, each as a plan has it: breakers, outputs, and that nothing is
// left of what was deleted. Decided on what is committed: where something is being stored already,
// the plan after it says the same again.
#include <algorithm>
#include <set>
#include <utility>

#include "agent/leader.hpp"
#include "agent/net/codec.hpp"
#include "resources/scaling.hpp"

namespace cierzo {

// Whoever is resumed gets another incarnation (rule 16) and is the same copy: its open breakers are
// stored under the new one first. False: not yet; what is stored makes the next plan.
bool Leader::renew(const InstanceName& instance, Resume& resume) {
  const auto waiting = renewed_.find(instance);
  std::vector<Breaker> open;
  bool stored = waiting != renewed_.end();
  for (const auto& [key, breaker] : desired_.breakers()) {
    if (key.first != instance || breaker.reset || breaker.incarnation < resume.paused) continue;
    stored = stored && breaker.incarnation == waiting->second;
    open.push_back(breaker);
  }
  if (open.empty() || stored) {
    resume.incarnation = open.empty() ? ledger_.next_incarnation() : waiting->second;
    renewed_.erase(instance);  // None is given twice.
    return true;
  }
  if (hooks_.writing()) return false;
  const Incarnation next = ledger_.next_incarnation();
  std::vector<election::CatalogChange> changes;
  for (Breaker& breaker : open) {
    breaker.incarnation = next;
    changes.push_back({breaker_key({breaker.instance, breaker.role}), encode_breaker(breaker)});
  }
  renewed_[instance] = next;
  hooks_.write(std::move(changes));
  return false;
}

// A resource that was deleted is forgotten once nothing of it is left anywhere it could be; a type
// once no resource names it. Decided only on what is committed: never while something is stored.
void Leader::forget_stopped(const World& world) {
  if (hooks_.writing()) return;
  std::map<InstanceName, ResourceName> owner;
  std::set<std::string> types_used;
  for (const DesiredResource& desired : world.desired) {
    types_used.insert(desired.resource->type_digest);
    if (desired.resource->ensure != Ensure::absent) continue;
    for (const Instance& instance : desired.instances) owner[instance.name] = instance.resource;
  }
  std::set<InstanceName> instances_left;
  for (const Observed& seen : world.observed) {
    if (seen.presence != Presence::absent || seen.overlay) instances_left.insert(seen.name);
  }
  for (const InFlight& flight : world.in_flight) instances_left.insert(flight.action.instance);
  std::set<ResourceName> left;
  for (const InstanceName& name : instances_left) {
    if (const auto found = owner.find(name); found != owner.end()) left.insert(found->second);
  }
  // A host that has not reported may still have some of it.
  const bool all_known =
      std::all_of(world.hosts.begin(), world.hosts.end(), [](const HostView& host) {
        return host.state == HostState::lost ||
               (host.state == HostState::alive && host.inventory_known && host.hypervisor_answers);
      });
  std::vector<election::CatalogChange> changes;
  for (const DesiredResource& desired : world.desired) {
    const ResourceName& name = desired.resource->name;
    if (all_known && desired.resource->ensure == Ensure::absent && !left.contains(name)) {
      changes.push_back({resource_key(name), std::nullopt});
      for (const auto& [key, outputs] : desired.outputs) {
        changes.push_back({outputs_key(key), std::nullopt});
      }
    } else if (all_known && !desired.resource->leaving.empty()) {
      Resource less = *desired.resource;
      if (forget_left(less, desired.idle, instances_left)) {
        changes.push_back({resource_key(name), encode_resource(less)});
      }
    }
  }
  for (const std::string& digest : types_stored_) {
    // What cannot be read may need a type that nothing else names.
    if (desired_.mistakes().empty() && !types_used.contains(digest)) {
      changes.push_back({type_key(digest), std::nullopt});
    }
  }
  if (!changes.empty()) hooks_.write(std::move(changes));
}

// Planned again and again until it is stored; then it is told (tell_outputs, tell_breakers).
void Leader::write_outputs(const Plan& plan) {
  if (hooks_.writing() || (plan.said.empty() && plan.unsaid.empty())) return;
  std::vector<election::CatalogChange> changes;
  for (const cierzo::Said& said : plan.said) {
    changes.push_back({outputs_key(said.key), encode_outputs(said)});
  }
  for (const RoleKey& key : plan.unsaid) changes.push_back({outputs_key(key), std::nullopt});
  hooks_.write(std::move(changes));
}

void Leader::write_breakers(const Plan& plan) {
  if (hooks_.writing() || (plan.opened.empty() && plan.closed.empty())) return;
  std::vector<election::CatalogChange> changes;
  for (const Breaker& breaker : plan.opened) {
    changes.push_back({breaker_key({breaker.instance, breaker.role}), encode_breaker(breaker)});
  }
  for (const BreakerKey& key : plan.closed) changes.push_back({breaker_key(key), std::nullopt});
  hooks_.write(std::move(changes));
}

}  // namespace cierzo
