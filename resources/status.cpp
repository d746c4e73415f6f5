// What people are told, from the same world and plan: no second opinion on what is true.
#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "resources/plan.hpp"
#include "resources/planner.hpp"
#include "resources/spec.hpp"

namespace cierzo {
namespace {

class Reporter {
 public:
  Reporter(const World& world, const Plan& plan) : world_(world), index_(world) {
    for (const Blocked& blocked : plan.blocked) blocked_[blocked.instance.value] = &blocked;
    for (const Action& action : plan.actions) planned_[action.instance.value] = &action;
    for (const DesiredResource& desired : world.desired) {
      const auto is_checked = [&](const RoleName& role) {
        return desired.type->role(role)->check.has_value();
      };
      for (const Instance& one : desired.instances) {
        if (std::any_of(one.roles.begin(), one.roles.end(), is_checked)) {
          checked_.insert(one.name.value);
        }
      }
    }
  }

  ResourceStatus report(std::size_t resource) {
    const DesiredResource& desired = world_.desired[resource];
    ResourceStatus status;
    status.type = desired.type->name;
    status.name = desired.resource->name;
    status.ensure = desired.resource->ensure;
    for (const std::size_t which : in_order(desired)) {
      status.instances.push_back(report(resource, which, index_.copies(resource, which)));
    }
    status.state = state_of(status);
    add_retiring(desired, status);
    status.scale = scale_of(*desired.resource, *desired.type);
    return status;
  }

 private:
  static std::vector<RoleScale> scale_of(const Resource& resource, const Type& type) {
    std::vector<RoleScale> scale;
    for (const RoleType& role : type.roles) {
      const auto slots = resource.slots.find(role.name);
      if (slots == resource.slots.end()) continue;
      const int all = static_cast<int>(slots->second.size());
      const auto count = resource.count.find(role.name);
      const int declared = count == resource.count.end() ? all : count->second;
      const int wanted = wanted_count(resource, role.name);
      if (all > 1 || wanted != all) scale.push_back({role.name, wanted, declared, all});
    }
    return scale;
  }

  // By the type's order of roles, then by position.
  static std::vector<std::size_t> in_order(const DesiredResource& desired) {
    std::map<RoleName, std::size_t> place;
    for (const RoleType& role : desired.type->roles) place.emplace(role.name, place.size());
    std::vector<std::size_t> order;
    std::vector<std::pair<std::size_t, int>> keys;
    for (const Instance& instance : desired.instances) {
      order.push_back(order.size());
      keys.emplace_back(place[instance.roles.front()], instance.positions.front());
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
    return order;
  }

  // What is scaled down and still there. It is not what the resource is made of, so its state does
  // not depend on it.
  void add_retiring(const DesiredResource& desired, ResourceStatus& status) {
    if (desired.resource->ensure != Ensure::running) return;
    for (const auto& [name, idle] : desired.idle) {
      const Observed* copy = index_.may_run(name);
      if (!copy) continue;
      InstanceStatus row{name, idle.roles, idle.address, copy->host, "draining", "unknown", {}, {}};
      row.incarnation = copy->incarnation;
      const InFlight* command = index_.in_flight(name);
      const bool stops = command && std::holds_alternative<StopVm>(command->action.work);
      if (copy->presence == Presence::unknown) {
        row.state = "unknown";
      } else if (stops || copy->run == RunState::stopping) {
        row.state = "stopping";
      }
      row.reason = planned_for(name);
      if (row.reason.empty()) row.reason = why_idle(desired, idle);
      status.instances.push_back(std::move(row));
    }
  }

  // What the plan says of it: why it waits, or what is done.
  [[nodiscard]] std::string planned_for(const InstanceName& name) const {
    if (const auto blocked = blocked_.find(name.value); blocked != blocked_.end()) {
      return blocked->second->reason;
    }
    const auto planned = planned_.find(name.value);
    return planned == planned_.end() ? "" : planned->second->reason;
  }

  InstanceStatus report(std::size_t resource, std::size_t which, const Copies& copies) {
    const DesiredResource& desired = world_.desired[resource];
    const Instance& instance = desired.instances[which];
    InstanceStatus status{
        instance.name, instance.roles, instance.address, {}, {}, "unknown", {}, {}};
    const Observed* copy = copies.right();
    if (copy) {
      status.host = copy->host;
      status.incarnation = copy->incarnation;
      status.state = state_of(desired, which, *copy);
      status.health = status.state == "unknown" ? "unknown" : health_of(desired, instance, *copy);
    } else {
      status.state = copies.unknown.empty() ? state_of_absent(copies) : "unknown";
    }
    if (const InFlight* command = index_.in_flight(instance.name)) {
      if (std::holds_alternative<StartVm>(command->action.work)) {
        status.state = "starting";
        status.host = command->action.on;
      } else if (std::holds_alternative<StopVm>(command->action.work) && copy) {
        status.state = "stopping";
      }
    }
    status.reason = reason_of(desired, which, copy);
    for (const RoleName& role : instance.roles) {
      const auto load = copy ? role_of(*copy, role).load : std::nullopt;
      if (!load) continue;
      status.load += (status.load.empty() ? "" : " ") + role.value + "=" + std::to_string(*load);
    }
    const Instance* deaf =
        status.state == "running" ? not_told(index_, desired, resource, which, *copy) : nullptr;
    if (deaf) {
      status.state = "configuring";
      status.reason += (status.reason.empty() ? "" : "; ") + std::string("waits for ") +
                       deaf->name.value + " to take it in";
    }
    return status;
  }

  static std::string state_of_absent(const Copies& copies) {
    const auto failed = [](const Observed* seen) {
      return seen->start.count >= failures_before_failed;
    };
    return std::any_of(copies.tried.begin(), copies.tried.end(), failed) ? "failed" : "absent";
  }

  [[nodiscard]] std::string state_of(const DesiredResource& desired, std::size_t which,
                                     const Observed& copy) const {
    switch (copy.run) {
      case RunState::paused:
        return "paused";
      case RunState::stopping:
        return "stopping";
      case RunState::shut_off:
      case RunState::crashed:
        return "failed";
      case RunState::running:
        break;
    }
    const Instance& instance = desired.instances[which];
    const Wanted& wanted = desired.wanted[which];
    if (desired.resource->ensure != Ensure::running) return "stopping";
    if (!copy.guest_answers) {
      if (!needs_guest(desired, instance)) return "running";
      return copy.network_digest.empty() ? "booting" : "unknown";
    }
    bool started = copy.network_digest == wanted.network_digest;
    if (!started && copy.configure.count >= failures_before_failed) return "failed";
    // Where nobody waits for the guest, that it has booted at last makes nothing less ready.
    if (!needs_guest(desired, instance)) return "running";
    for (std::size_t i = 0; i < instance.roles.size(); ++i) {
      const RoleType& role = *desired.type->role(instance.roles[i]);
      if (is_started(role, copy, wanted.start_digests[i])) continue;
      started = false;
      // Also where the host has forgotten what it counted.
      if (open_breaker(world_, instance.name, role.name, copy, wanted.start_digests[i])) {
        return "failed";
      }
      if (role_of(copy, role.name).start.count >= failures_before_failed) return "failed";
    }
    return started ? "running" : "configuring";
  }

  static std::string health_of(const DesiredResource& desired, const Instance& instance,
                               const Observed& copy) {
    bool passing = false, unknown = false, flapping = false;
    for (const RoleName& name : instance.roles) {
      if (!desired.type->role(name)->check) continue;
      const Health health = role_of(copy, name).health;
      if (health == Health::failing) return "failing";
      if (health == Health::flapping) flapping = true;
      (health == Health::passing ? passing : unknown) = true;
    }
    if (flapping) return "flapping";
    return passing && !unknown ? "passing" : "unknown";
  }

  std::string reason_of(const DesiredResource& desired, std::size_t which, const Observed* copy) {
    const Instance& instance = desired.instances[which];
    std::string text;
    const auto add = [&](const std::string& more) {
      if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
    };
    add(planned_for(instance.name));
    if (!copy) return text;
    const auto add_failure = [&](const std::string& what, const Failure& failure) {
      const std::string error = brief(failure.error);
      if (failure.count == 0 || text.find(error) != std::string::npos) return false;
      add(what + " failed " + times(failure.count) + ": " + error);
      return true;
    };
    // What failed and has come about all the same, by the guest's own doing, is no news.
    const Wanted& wanted = desired.wanted[which];
    if (copy->network_digest != wanted.network_digest) {
      add_failure("setting its guest's address", copy->configure);
    }
    for (std::size_t i = 0; i < instance.roles.size(); ++i) {
      const RoleName& name = instance.roles[i];
      const RoleObserved& seen = role_of(*copy, name);
      const bool well = is_started(*desired.type->role(name), *copy, wanted.start_digests[i]) &&
                        seen.health != Health::failing;
      if (well) continue;
      if (!add_failure("start of " + name.value, seen.start) && seen.health == Health::failing &&
          text.find("check of " + name.value) == std::string::npos) {
        add("check of " + name.value + " fails: " + brief(seen.error));
      }
    }
    const std::string differs = spec_difference(copy->spec_digest, instance.spec_digest);
    if (!differs.empty()) add("outdated: " + differs + " (takes a stop and a start)");
    if (const HostView* host = index_.host(copy->host); host && !pool_rank(instance, *host)) {
      add("runs outside its pool until it is stopped or replaced");
    }
    if (copy->fresh_disk) add("fresh disk");
    return text;
  }

  // Of the whole: `failed` where nothing serves and something is wrong, `degraded` where the rest
  // serves.
  std::string state_of(const ResourceStatus& status) const {
    if (status.ensure != Ensure::running) {
      const bool down = std::all_of(status.instances.begin(), status.instances.end(),
                                    [](const InstanceStatus& i) { return i.state == "absent"; });
      return down ? "stopped" : "converging";
    }
    std::size_t serving = 0, wrong = 0, unknown = 0;
    for (const InstanceStatus& instance : status.instances) {
      const auto blocked = blocked_.find(instance.name.value);
      const bool lacks = blocked != blocked_.end() && !blocked->second->waiting;
      if (instance.state == "unknown") {
        ++unknown;
      } else if (instance.state == "failed" || instance.health == "failing" ||
                 instance.health == "flapping" || lacks) {
        ++wrong;
      } else if (instance.state == "running" && !to_be_checked(instance)) {
        ++serving;
      }
    }
    if (serving == status.instances.size()) return "running";
    if (wrong > 0 && serving == 0 && unknown == 0) return "failed";
    return wrong + unknown > 0 ? "degraded" : "converging";
  }

  // Does it run with checks that have not passed yet?
  [[nodiscard]] bool to_be_checked(const InstanceStatus& instance) const {
    return instance.health == "unknown" && checked_.count(instance.name.value) != 0;
  }

  const World& world_;
  WorldIndex index_;
  std::unordered_map<std::string_view, const Blocked*> blocked_;
  std::unordered_map<std::string_view, const Action*> planned_;
  std::unordered_set<std::string_view> checked_;  // instances with a check of any role
};

}  // namespace

std::vector<ResourceStatus> status(const World& world, const Plan& plan) {
  Reporter reporter(world, plan);
  std::vector<ResourceStatus> all;
  for (std::size_t i = 0; i < world.desired.size(); ++i) all.push_back(reporter.report(i));
  return all;
}

}  // namespace cierzo
