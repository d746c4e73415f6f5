#include "resources/plan.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <set>

#include "resources/planner.hpp"

namespace cierzo {

Plan plan(const World& world) { return Planner(world).make(); }

Plan Planner::make() {
  plan_.brake = brake_.reason;
  await_proof();
  count_starting();
  tend_breakers();
  remove_leftovers();  // first: it makes room
  for (std::size_t i = 0; i < world_.desired.size(); ++i) {
    keep_outputs(i);
    decide(i);
  }
  return std::move(plan_);
}

// Time alone frees shared disks, and makes proof wanted; nothing else tells when. (rule 14)
void Planner::await_proof() {
  for (const HostView& host : world_.hosts) {
    if (host.proof_due > world_.now) look_again(host.proof_due);
    const bool later = host.disks_released_at > world_.now;
    if (host.state == HostState::lost && host.lost_proof == LostProof::permit_ended && later) {
      look_again(host.disks_released_at);
    }
  }
}

// Those whose start is under way, and those whose guests boot: both keep hosts and storage busy.
void Planner::count_starting() {
  if (world_.starts_max <= 0) return;
  for (const InFlight& command : world_.in_flight) {
    if (std::holds_alternative<StartVm>(command.action.work)) ++starting_;
  }
  for (const Observed& seen : world_.observed) {
    const bool boots = seen.presence == Presence::present && seen.run == RunState::running &&
                       !seen.guest_answers && seen.network_digest.empty();
    if (!boots || world_.now - seen.since >= boot_patience) continue;
    ++starting_;
    look_again(seen.since + boot_patience);
  }
}

bool Planner::too_many_starting(const InstanceName& instance) {
  if (world_.starts_max <= 0 || starting_ < world_.starts_max) return false;
  block(instance, true,
        std::to_string(starting_) + " VMs are starting already, and recovery.starts allows " +
            std::to_string(world_.starts_max));
  return true;
}

void Planner::decide(std::size_t resource) {
  const DesiredResource& desired = world_.desired[resource];
  if (desired.wanted.size() != desired.instances.size()) {
    std::fputs("plan: a desired resource was not made by make_desired\n", stderr);
    std::abort();
  }
  shared_ = Shared{};
  shared_.resource = resource;
  rooms_.forget_kept();
  const bool run = desired.resource->ensure == Ensure::running;
  for (const std::size_t which : in_order(desired)) {
    const InstanceName& name = desired.instances[which].name;
    if (const InFlight* command = index_.in_flight(name)) {
      block(name, true, under_way(command->action));
      continue;
    }
    const Subject s = subject(desired, which);
    if (destroy_duplicate(s)) continue;
    if (run)
      keep_running(s);
    else
      keep_stopped(s);
  }
}

// Those that others come after first, so that they are placed first: as types nearly always list
// their roles anyway.
std::vector<std::size_t> Planner::in_order(const DesiredResource& desired) {
  std::vector<std::size_t> order(desired.instances.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::set<RoleName> seen;
  const auto is_listed_late = [&](const RoleType& role) {
    seen.insert(role.name);
    return !std::includes(seen.begin(), seen.end(), role.after.begin(), role.after.end());
  };
  const auto& roles = desired.type->roles;
  if (std::none_of(roles.begin(), roles.end(), is_listed_late)) return order;
  std::vector<int> depths;
  for (const Instance& instance : desired.instances) depths.push_back(depth(desired, instance));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return depths[a] < depths[b]; });
  return order;
}

Planner::Subject Planner::subject(const DesiredResource& desired, std::size_t which) const {
  const Instance& instance = desired.instances[which];
  return {desired, which, instance, desired.wanted[which], index_.copies(shared_.resource, which)};
}

// Every command passes here: this is where the limit per host is kept, and where nothing gets to a
// host that does not answer. (rule 18)
void Planner::act(const InstanceName& instance, HostId on, Work work, std::string reason) {
  Room* room = rooms_.of(on);
  if (!room || !WorldIndex::answers(*room->host)) {
    block(instance, true, "host " + index_.host_name(on) + " does not answer");
    return;
  }
  if (loads_host(work) && room->actions >= actions_per_host_max) {
    block(instance, true,
          room->host->name + " has " + std::to_string(room->actions) + " commands under way");
    return;
  }
  const auto* start = std::get_if<StartVm>(&work);
  if (start && too_many_starting(instance)) return;
  if (loads_host(work)) ++room->actions;
  if (start) {
    ++starting_;
    rooms_.take(on, start->instance);
    if (shared_.siblings) {
      for (const RoleName& role : start->instance.roles) ++(*shared_.siblings)[role][on];
    }
  }
  plan_.actions.push_back({instance, on, std::move(work), std::move(reason)});
}

std::string Planner::under_way(const Action& action) const {
  const char* const verbs[] = {"its start",      "its stop",   "removing its disk",
                               "its reset",      "its resume", "configuring it",
                               "a script in it", "its checks", "its reset"};
  return verbs[action.work.index()] + std::string(" on ") + index_.host_name(action.on) +
         " is under way";
}

void Planner::block(const InstanceName& instance, bool waiting, std::string reason) {
  plan_.blocked.push_back({instance, waiting, std::move(reason)});
}

void Planner::look_again(Time at) {
  if (!plan_.look_again || at < *plan_.look_again) plan_.look_again = at;
}

bool Planner::backs_off(const InstanceName& instance, const std::string& what,
                        const Failure& failure) {
  if (failure.count == 0 || due(failure) <= world_.now) return false;
  look_again(due(failure));
  block(instance, true,
        what + " failed " + times(failure.count) + ", next try in " +
            in_words(due(failure) - world_.now) + ": " + brief(failure.error));
  return true;
}

// Of two copies the one with the higher incarnation is right; the other goes, with its disk. (rule
// 16) Only where the right one is seen: a newer copy that is unknown makes all of them unknown.
bool Planner::destroy_duplicate(const Subject& s) {
  const auto& live = s.copies.live;
  if (live.size() < 2 || !s.copies.newest_is_live) return false;
  const Observed& wrong = *live.back();
  if (wrong.incarnation == live.front()->incarnation) {
    block(s.instance.name, false,
          "runs on " + index_.host_name(live.front()->host) + " and on " +
              index_.host_name(wrong.host) + " with the same incarnation: stop one by hand");
    return true;
  }
  act(s.instance.name, wrong.host,
      StopVm{wrong.incarnation, Duration::zero(), wrong.disk == Disk::local},
      "was replaced: a newer copy is on " + index_.host_name(live.front()->host));
  return true;
}

bool may_be_replaced(const DesiredResource& desired, const Instance& instance) {
  if (instance.disk == Disk::shared) return false;
  for (const RoleName& name : instance.roles) {
    const RoleType* role = desired.type->role(name);
    if (role && role->on_host_lost == OnHostLost::wait) return false;
  }
  return true;
}

bool needs_guest(const DesiredResource& desired, const Instance& instance) {
  for (const RoleName& name : instance.roles) {
    const RoleType* role = desired.type->role(name);
    if (role && (role->start || role->check || role->stop)) return true;
  }
  return false;
}

bool is_started(const RoleType& role, const Observed& copy, const std::string& digest) {
  if (!role.start) return true;
  const RoleObserved& seen = role_of(copy, role.name);
  return seen.configured_digest == digest && seen.stopped_digest.empty();
}

const RoleObserved& role_of(const Observed& copy, const RoleName& role) {
  static const RoleObserved nothing;
  const auto found = copy.roles.find(role);
  return found == copy.roles.end() ? nothing : found->second;
}

}  // namespace cierzo
