// What holds for every plan, on sites that random events have happened to. The toy site knows the
// truth, also about hosts that the plan cannot see: that is what starts are checked against.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "resources/ladder.hpp"
#include "resources/plan.hpp"
#include "tests/resources/toy_site.hpp"

namespace cierzo::test {
namespace {

constexpr int host_count = 4;
const char* const host_names[host_count] = {"node1", "node2", "node3", "node4"};
const char* const instance_names[] = {"shop-database-1", "shop-server-1",   "shop-server-2",
                                      "shop-server-3",   "shop-balancer-1", "vms-vm-1",
                                      "vms-vm-2"};

std::shared_ptr<const Resource> make(const Type& type, const std::string& name, Ensure ensure,
                                     const std::map<std::string, int>& roles, int network,
                                     OnIsolation on_isolation) {
  Resource resource;
  resource.name.value = name;
  resource.type = type.name;
  resource.ensure = ensure;
  resource.on_isolation = on_isolation;
  int last = 1;
  for (const auto& [role, count] : roles) {
    for (int i = 1; i <= count; ++i) {
      resource.slots[RoleName{role}].push_back(
          {"10.0." + std::to_string(network) + "." + std::to_string(last++), "vm.qcow2", i});
    }
  }
  return std::make_shared<const Resource>(resource);
}

std::string printed(const World& world, const Plan& plan) {
  std::string text;
  for (const Action& action : plan.actions) {
    text += to_string(action, std::to_string(action.on.value)) + "\n";
  }
  for (const Blocked& blocked : plan.blocked) {
    text += blocked.instance.value + " " + blocked.reason + "\n";
  }
  for (const ResourceStatus& resource : status(world, plan)) {
    text += resource.state;
    for (const InstanceStatus& i : resource.instances) text += " " + i.state + " " + i.reason;
  }
  return text;
}

class Chaos {
 public:
  Chaos() {
    for (const char* name : host_names) site.add_host(name, 16384, 16);
    declare(0, 0);
  }

  // One thing that happens; the number says which, and to whom.
  void happen(std::uint32_t what) {
    HostView& host = site.host(host_names[what / 16 % host_count]);
    const std::uint32_t which = what / 64;
    switch (what % 16) {
      case 0:
        set_state(host, HostState::suspect, false);
        break;
      case 1:
        set_state(host, HostState::lost, which % 2 == 0);
        break;
      case 2:
        set_state(host, HostState::alive, false);
        break;
      case 3:
        set_state(host, HostState::held, false);
        break;
      case 4:
        host.hypervisor_answers = which % 2 == 0;
        break;
      case 5:
        host.inventory_known = which % 2 == 0;
        break;
      case 6:
        die(host, which, false);
        break;
      case 7:
        die(host, which, true);
        break;
      case 8:
        reboot(host, which);
        break;
      case 9:
        toggle(site.sick, {"shop-server-1", "server"});
        break;
      case 10:
        toggle(site.broken_starts, {"shop-database-1", host.name});
        break;
      case 11:
        site.now += std::chrono::seconds(which % 30);
        break;
      case 12:
        declare(which, what / 16);
        break;
      case 13:
        send();
        break;
      default:
        arrive();
        break;
    }
  }

  // Safe whatever was seen. (rules 14, 15, 18)
  void check_plan() const {
    const World world = site.world();
    const Plan made = plan(world);
    std::set<InstanceName> once;
    std::map<std::uint32_t, int> commands;
    for (const InFlight& command : world.in_flight) ++commands[command.action.on.value];
    for (const Action& action : made.actions) {
      RC_ASSERT(once.insert(action.instance).second);
      RC_ASSERT(++commands[action.on.value] <= actions_per_host_max);
      const HostView& host = world.hosts[action.on.value - 1];
      RC_ASSERT(host.state == HostState::alive && host.inventory_known && host.hypervisor_answers);
      for (const InFlight& command : world.in_flight) {
        const HostView& on = world.hosts[command.action.on.value - 1];
        RC_ASSERT(on.state == HostState::lost || command.action.instance != action.instance);
      }
      if (std::holds_alternative<StartVm>(action.work) ||
          std::holds_alternative<Resume>(action.work)) {
        check_alone(action, world);
      }
    }
    // The same bytes, whatever the order in which hosts were heard.
    World other = world;
    std::reverse(other.observed.begin(), other.observed.end());
    const Plan again = plan(other);
    RC_ASSERT(printed(world, made) == printed(other, again));
    RC_ASSERT(printed(world, plan(world)) == printed(world, made));
  }

  // Once everything is well, the plan comes to an end and what is declared is there, once.
  void check_end() {
    for (const char* name : host_names) {
      HostView& host = site.host(name);
      set_state(host, HostState::alive, false);
      host.hypervisor_answers = host.inventory_known = true;
    }
    site.sick.clear();
    site.broken_starts.clear();
    site.heal();
    arrive();
    Plan made;
    for (int round = 0; round < 100; ++round) {
      check_plan();
      made = plan(site.world());
      if (made.actions.empty() && !made.look_again) break;
      for (const Action& action : made.actions) site.perform(action);
      site.store(made);
      site.now += std::chrono::minutes(6);  // longer than any back-off
    }
    const World world = site.world();
    RC_ASSERT(printed(world, made).find("failed") == std::string::npos);
    RC_ASSERT(made.actions.empty());
    for (const DesiredResource& desired : world.desired) {
      for (const Instance& instance : desired.instances) {
        const int wanted = desired.resource->ensure == Ensure::running ? 1 : 0;
        RC_ASSERT(copies_of(world, instance.name) == wanted);
      }
    }
    for (const Observed& seen : world.observed) RC_ASSERT(declared(world, seen.name));
  }

 private:
  static int copies_of(const World& world, const InstanceName& name) {
    int copies = 0;
    for (const Observed& seen : world.observed) {
      copies += seen.name == name && seen.presence == Presence::present ? 1 : 0;
    }
    return copies;
  }

  static bool declared(const World& world, const InstanceName& name) {
    for (const DesiredResource& desired : world.desired) {
      for (const Instance& instance : desired.instances) {
        if (instance.name == name) return true;
      }
    }
    return false;
  }

  // No other copy may run: hidden ones count, those of a lost host only where they run on.
  void check_alone(const Action& action, const World& world) const {
    for (const HostView& host : world.hosts) {
      const Observed* copy = site.find(action.instance.value, host.id);
      if (!copy) continue;
      RC_ASSERT(host.state != HostState::held || !copy->overlay);  // its disk will be back
      if (copy->presence != Presence::present) continue;
      if (host.id == action.on && std::holds_alternative<Resume>(action.work)) continue;
      const bool runs_on =
          copy->on_isolation == OnIsolation::ignore && host.lost_proof != LostProof::proven;
      RC_ASSERT(host.state == HostState::lost && !(runs_on && host.inventory_known));
    }
  }

  void set_state(HostView& host, HostState state, bool proven) {
    if (host.state == HostState::lost && state != HostState::lost) {
      for (Observed* copy : on(host)) copy->run = RunState::paused;  // its guard did that
    }
    if (host.state == HostState::held && state == HostState::lost) return;  // never by time
    if (state == HostState::lost || state == HostState::held) drop_commands(host);
    host.state = state;
    host.lost_proof = proven ? LostProof::proven : LostProof::permit_ended;
    host.held_instances.clear();
    if (state != HostState::held) return;
    for (const char* name : instance_names) {
      const Observed* copy = site.find(name, host.id);
      if (copy && (copy->presence == Presence::present || copy->overlay)) {
        host.held_instances.insert(copy->name);
      }
    }
  }

  std::vector<Observed*> on(const HostView& host) {
    std::vector<Observed*> all;
    for (const char* name : instance_names) {
      const Observed* found = site.find(name, host.id);
      if (found && found->presence == Presence::present) all.push_back(&site.copy(name, host.name));
    }
    return all;
  }

  void drop_commands(const HostView& host) {
    std::erase_if(site.in_flight, [&](const InFlight& c) { return c.action.on == host.id; });
  }

  void die(HostView& host, std::uint32_t which, bool listed) {
    const auto all = on(host);
    if (all.empty() || host.state == HostState::lost) return;
    Observed& copy = *all[which % all.size()];
    if (listed)
      copy.run = RunState::crashed;
    else
      copy.presence = Presence::absent;
  }

  void reboot(HostView& host, std::uint32_t which) {
    const auto all = on(host);
    if (!all.empty()) site.reboot_guest(*all[which % all.size()]);
  }

  template <class T>
  static void toggle(std::set<T>& set, const T& key) {
    if (!set.insert(key).second) set.erase(key);
  }

  void declare(std::uint32_t which, std::uint32_t other) {
    const Ensure ensures[] = {Ensure::running, Ensure::running, Ensure::stopped, Ensure::absent};
    site.declare(
        make(*shop_type(), "shop", ensures[which % 4],
             {{"database", 1}, {"server", 1 + static_cast<int>(which / 4 % 3)}, {"balancer", 1}}, 1,
             OnIsolation::pause),
        shop_type());
    if (other % 3 == 2) {
      site.forget("vms");
    } else {
      site.declare(make(*plain_type(), "vms", Ensure::running,
                        {{"vm", 1 + static_cast<int>(other % 2)}}, 2, OnIsolation::ignore),
                   plain_type());
    }
  }

  void send() {
    const Plan made = plan(site.world());
    site.store(made);
    for (const Action& action : made.actions) {
      site.in_flight.push_back({action, {{1, HostId{1}}, ++commands_}});
    }
  }

  // Performed in the order sent; a suspect host performs late what it was sent.
  void arrive() {
    for (const InFlight& command : site.in_flight) site.perform(command.action);
    site.in_flight.clear();
  }

  ToySite site;
  std::uint64_t commands_ = 0;
};

TEST(PlanProperties, HoldWhateverHappens) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint32_t>& events) {
    Chaos chaos;
    for (const std::uint32_t event : events) {
      chaos.happen(event);
      chaos.check_plan();
    }
    chaos.check_end();
  }));
}

}  // namespace
}  // namespace cierzo::test
