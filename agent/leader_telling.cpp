// What a leader tells of what it sees: one line for each change, in its events.
#include <set>
#include <utility>

#include "agent/leader.hpp"

namespace cierzo {
namespace {

std::string seconds(Duration duration) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count() / 100;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

}  // namespace

std::string telling(const InstanceStatus& instance, const std::string& before) {
  const std::string state = instance.state;
  if (instance.health == "failing" || instance.health == "flapping") {
    return state + ", " + instance.health;
  }
  const bool may_be_bad = instance.health == "unknown" && before.starts_with(state + ", ");
  return may_be_bad ? before : state;
}

void Leader::tell_brake(const Plan& plan) {
  if (plan.brake == brake_told_) return;
  if (plan.brake.empty()) {
    hooks_.event("brake", "", "brake: released; what lost hosts ran is replaced again");
  } else {
    hooks_.event("brake", "", plan.brake + "; until then nothing of them is replaced");
  }
  brake_told_ = plan.brake;
}

// What one host of the former site had and this catalog does not know. (rule 22)
void Leader::tell_kept(const Plan& plan) {
  std::set<Kept> now(plan.kept.begin(), plan.kept.end());
  for (const Kept& kept : now) {
    if (kept_.contains(kept)) continue;
    hooks_.event("instance", kept.instance.value,
                 kept.instance.value + " on " + host_name(kept.host) + " " + why_kept(kept));
  }
  kept_ = std::move(now);
}

// What has opened, was reset or has closed. One that was renewed for a copy that is resumed is what
// it was.
void Leader::tell_breakers(const std::map<BreakerKey, Breaker>& before) {
  const auto& now = desired_.breakers();
  const auto tell = [&](const BreakerKey& key, const std::string& what) {
    hooks_.event("breaker", key.first.value,
                 "breaker of " + key.second.value + " in " + key.first.value + " " + what);
  };
  for (const auto& [key, breaker] : now) {
    const auto known = before.find(key);
    const bool was_open = known != before.end() && !known->second.reset;
    const auto renewed = renewed_.find(key.first);
    const bool is_renewed = renewed != renewed_.end() && renewed->second == breaker.incarnation;
    if (breaker.reset && was_open) tell(key, "is reset");
    const bool opens = !was_open || known->second != breaker;
    if (!breaker.reset && opens && !is_renewed) tell(key, "opens: " + breaker.reason);
  }
  for (const auto& [key, breaker] : before) {
    if (now.contains(key)) continue;
    if (!breaker.reason.empty()) {
      tell(key, "is closed");
    } else {  // None was open: it only made hosts forget what they counted.
      hooks_.event("breaker", key.first.value,
                   key.second.value + " in " + key.first.value +
                       " is reset: it begins at the foot of the ladder");
    }
  }
}

std::map<RoleKey, Outputs> outputs_of(const Desired& desired) {
  std::map<RoleKey, Outputs> all;
  for (const auto& [name, resource] : desired.resources()) {
    all.insert(resource.outputs.begin(), resource.outputs.end());
  }
  return all;
}

// The values are nobody's business: they may be secrets.
void Leader::tell_outputs(const std::map<RoleKey, Outputs>& before) {
  for (const auto& [key, outputs] : outputs_of(desired_)) {
    const auto known = before.find(key);
    if (known != before.end() && known->second == outputs) continue;
    std::string keys;
    for (const auto& [name, value] : outputs) keys += (keys.empty() ? "" : ", ") + name;
    hooks_.event("outputs", key.first.value,
                 key.second.value + " of " + key.first.value + " has said: " + keys);
  }
}

// One transition, one line: `myweb-server-1: booting => configuring (node2, 3.4 s)`.
void Leader::tell_changes(const std::vector<ResourceStatus>& status) {
  const Time now = executor_.now();
  std::size_t instances = 0;
  for (const ResourceStatus& resource : status) {
    instances += resource.instances.size();
    for (const InstanceStatus& instance : resource.instances) {
      const auto before = told_.find(instance.name);
      const std::string now_told =
          telling(instance, before == told_.end() ? std::string() : before->second);
      if (before != told_.end() && before->second == now_told) continue;
      std::string text = instance.name.value + ": ";
      if (before != told_.end()) text += before->second + " => ";
      text += now_told + " (" + (instance.host ? host_name(*instance.host) : "no host");
      if (before != told_.end()) text += ", after " + seconds(now - told_at_[instance.name]);
      text += ")";
      if (!instance.reason.empty()) text += ": " + instance.reason;
      told_[instance.name] = now_told;
      told_at_[instance.name] = now;
      hooks_.event("instance", instance.name.value, text);
    }
    std::string& before = told_resources_[resource.name];
    if (before == resource.state) continue;
    hooks_.event("resource", resource.name.value,
                 resource.type + " " + resource.name.value + ": " +
                     (before.empty() ? "" : before + " => ") + resource.state);
    before = resource.state;
  }
  // All of `status` has been told by now: what there is beside it is gone.
  if (told_.size() != instances || told_resources_.size() != status.size()) forget_told(status);
}

void Leader::forget_told(const std::vector<ResourceStatus>& status) {
  std::set<InstanceName> seen;
  std::set<ResourceName> resources;
  for (const ResourceStatus& resource : status) {
    resources.insert(resource.name);
    for (const InstanceStatus& instance : resource.instances) seen.insert(instance.name);
  }
  const auto is_gone = [&](const auto& entry) { return !seen.contains(entry.first); };
  std::erase_if(told_, is_gone);
  std::erase_if(told_at_, is_gone);
  std::erase_if(told_resources_,
                [&](const auto& entry) { return !resources.contains(entry.first); });
}

}  // namespace cierzo
