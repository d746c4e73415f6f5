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
