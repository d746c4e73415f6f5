// When to try again, and when to try something stronger. Numbers with names, and pure functions of
// what hosts count; nothing is remembered between two plans.
//
// For an unhealthy role: run `start` again, `restarts_max` times, each after a longer wait; then
// reset the VM once; then replace it, on a fresh disk and, where there is one, on another host. A
// role that must keep its disk (`on_host_lost: wait`, shared disks) is not replaced. At the
// ladder's end `start` is run again at ever longer intervals, and after RoleType::tries of these
// its breaker opens (breaker.cpp): then it is left alone. What was climbed is forgotten only when
// the role has been well for a while: one passing check right after a restart says little.
//
// A role whose check passes and fails in turn is left alone and told: it serves some of the time,
// and nothing that the ladder has makes that better for certain.
#pragma once

#include "resources/world.hpp"

namespace cierzo {

inline constexpr Duration backoff_first = std::chrono::seconds(5);
inline constexpr Duration backoff_longest = std::chrono::minutes(5);
inline constexpr int restarts_max = 3;  // of a role's service, before the VM is reset
inline constexpr int resets_max = 1;    // of the VM, before it is replaced
inline constexpr int stops_max =
    3;  // runs of a `stop` script that fails, before the VM is stopped anyway
inline constexpr int starts_before_other_host = 2;  // failed starts of a VM that has no disk there
inline constexpr int starts_before_fresh_disk =
    3;                                            // failed starts on a disk, before another is made
inline constexpr int failures_before_failed = 3;  // of a start or a script, before status says so
// Commands to one host's hypervisor that are under way at once. Scripts in guests do not count: as
// many as hang would keep everything else on that host from being done.
inline constexpr int actions_per_host_max = 8;
// For a guest to answer at all, before status calls it wrong.
inline constexpr Duration boot_patience = std::chrono::minutes(2);
inline constexpr Duration stop_grace = std::chrono::seconds(30);  // ACPI shutdown, then destroyed

// How long to wait after the n-th failure in a row: 5 s, 10 s, 20 s ... 5 min. Nothing for none.
[[nodiscard]] constexpr Duration backoff(int failures) {
  if (failures <= 0) return Duration::zero();
  Duration wait = backoff_first;
  for (int i = 1; i < failures && wait < backoff_longest; ++i) wait *= 2;
  return wait < backoff_longest ? wait : backoff_longest;
}

// How long a role must have passed its check before its restarts are forgotten: twice what the next
// one would have waited, and a minute at least.
[[nodiscard]] constexpr Duration settled_after(int restarts) {
  const Duration wait = 2 * backoff(restarts);
  return wait < std::chrono::minutes(1) ? std::chrono::minutes(1) : wait;
}

// When a failure may be tried again.
[[nodiscard]] inline Time due(const Failure& failure) {
  return failure.last + backoff(failure.count);
}

// Has the ladder of this copy been climbed to its end? Hosts keep these counts, over resets and
// after the domain has ended, until every role was passing or the disk is gone or made anew.
[[nodiscard]] inline bool worn_out(const Observed& copy) {
  if (copy.resets < resets_max) return false;
  for (const auto& [role, seen] : copy.roles) {
    if (seen.restarts >= restarts_max || seen.health == Health::failing) return true;
  }
  return false;
}

}  // namespace cierzo
