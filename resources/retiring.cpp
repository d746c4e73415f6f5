// What is scaled down, or not in its manifest any more, is stopped properly, by what guests have
// noted: another leader goes on where the last one stopped.
//
//   those that read it are started without it
//   drain, in its guest: asked until it has finished its work, or its time is up
//   leave, in the guests of those that were told of it (members.cpp)
//   stop of its roles; then the VM is shut down, and goes with its disk
//
// Which ones go was chosen when it was scaled (scaling.hpp). Several go at once, each at its own
// pace.
#include <algorithm>

#include "resources/planner.hpp"

namespace cierzo {

std::optional<Time> drains_until(const RoleType& role, const Observed& copy, Time now) {
  if (!role.drain) return std::nullopt;
  const RoleObserved& seen = role_of(copy, role.name);
  if (seen.draining == Draining::done || !seen.stopped_digest.empty()) return std::nullopt;
  if (seen.draining == Draining::asked) return seen.drain_since + role.drain->deadline;
  // A guest that is silent may have work all the same: it gets as long to answer.
  if (!copy.guest_answers) return copy.since + role.drain->deadline;
  if (seen.configured_digest.empty()) return std::nullopt;  // it was never started
  return now + role.drain->deadline;
}

// True: it has got its action, or waits.
bool Planner::retires(std::size_t resource, const Instance& idle, const Observed& copy) {
  const DesiredResource& desired = world_.desired[resource];
  if (desired.resource->ensure != Ensure::running || copy.run != RunState::running) return false;
  shared_ = Shared{};
  shared_.resource = resource;
  if (is_read(resource, idle) || drains(desired, idle, copy) || leaves(resource, idle)) return true;
  if (!copy.guest_answers) return false;
  for (auto name = idle.roles.rbegin(); name != idle.roles.rend(); ++name) {
    const RoleType& role = *desired.type->role(*name);
    if (!to_be_stopped(role, copy)) continue;
    return stop_role(desired, idle, copy, role, why_idle(desired, idle), {});
  }
  return false;
}

// True: it waits for one that is about to be started without it, such as a balancer that still
// sends to it. Whoever cannot be started now is not waited for.
bool Planner::is_read(std::size_t resource, const Instance& idle) {
  const DesiredResource& desired = world_.desired[resource];
  const auto reads_it = [&](const RoleType& role) {
    return std::any_of(idle.roles.begin(), idle.roles.end(),
                       [&](const RoleName& own) { return role.reads.count(own) != 0; });
  };
  for (std::size_t which = 0; which < desired.instances.size(); ++which) {
    const Instance& reader = desired.instances[which];
    for (std::size_t i = 0; i < reader.roles.size(); ++i) {
      const RoleType& role = *desired.type->role(reader.roles[i]);
      if (!reads_it(role)) continue;
      const Copies copies = index_.copies(resource, which);
      const Observed* copy = copies.right();
      if (!copy || copy->run != RunState::running || !copy->guest_answers) continue;
      const std::string& inputs = desired.wanted[which].start_digests[i];
      const RoleObserved& seen = role_of(*copy, role.name);
      const bool serves_it = !seen.configured_digest.empty() && !is_started(role, *copy, inputs);
      const bool waits = std::any_of(
          role.after.begin(), role.after.end(),
          [&](const RoleName& before) { return first_not_ready(desired, before).has_value(); });
      if (!serves_it || waits || copy->configure.count > 0 ||
          seen.start.count >= failures_before_failed ||
          cierzo::open_breaker(world_, reader.name, role.name, *copy, inputs)) {
        continue;
      }
      block(idle.name, true, "waits for " + reader.name.value + " to be started without it");
      return true;
    }
  }
  return false;
}

bool Planner::drains(const DesiredResource& desired, const Instance& idle, const Observed& copy) {
  for (auto name = idle.roles.rbegin(); name != idle.roles.rend(); ++name) {
    const RoleType& role = *desired.type->role(*name);
    const auto until = drains_until(role, copy, world_.now);
    if (!until || *until <= world_.now) continue;
    look_again(*until);
    const RoleObserved& seen = role_of(copy, *name);
    const std::string left = "; it is stopped at the latest in " + in_words(*until - world_.now);
    if (!copy.guest_answers) {
      block(idle.name, true,
            "is to be drained, but its guest agent has not answered for " +
                in_words(world_.now - copy.since) + left);
      return true;
    }
    const bool asked = seen.drain.count > 0;
    const Time next = seen.drain.last + role.drain->every;
    if (asked && next > world_.now) {
      look_again(next);
      block(idle.name, true, "drains: " + brief(seen.drain.error) + left);
      return true;
    }
    act(idle.name, copy.host, make_run(desired, idle, *name, ScriptKind::drain, copy.incarnation),
        asked ? "it has not drained yet: " + brief(seen.drain.error) : why_idle(desired, idle));
    return true;
  }
  return false;
}

// True: it waits for one that can be told that it leaves. One that cannot now is told later.
bool Planner::leaves(std::size_t resource, const Instance& idle) {
  const DesiredResource& desired = world_.desired[resource];
  for (std::size_t which = 0; which < desired.instances.size(); ++which) {
    const Instance& told = desired.instances[which];
    const Copies copies = index_.copies(resource, which);
    const Observed* copy = copies.right();
    if (!copy || copy->run != RunState::running || !copy->guest_answers) continue;
    for (const Joined& known : copy->joined) {
      const bool runs = could_let_go(desired, *copy, known.on);
      const bool hopeless = known.failure.count >= stops_max || copy->configure.count > 0;
      if (known.member.name != idle.name || !runs || hopeless) continue;
      block(idle.name, true, "waits for " + told.name.value + " to let it go");
      return true;
    }
  }
  return false;
}

bool Planner::still_drains(const DesiredResource& desired, const Joined& joined) const {
  const Observed* copy = index_.may_run(joined.member.name);
  const auto idle = desired.idle.find(joined.member.name);
  if (!copy || copy->run != RunState::running || idle == desired.idle.end()) return false;
  return std::any_of(idle->second.roles.begin(), idle->second.roles.end(),
                     [&](const RoleName& one) {
                       const auto until = drains_until(*desired.type->role(one), *copy, world_.now);
                       return until && *until > world_.now;
                     });
}

}  // namespace cierzo
