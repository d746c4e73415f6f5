// The ladder for a role whose check fails: service, VM, replacement. See ladder.hpp.
#include "resources/planner.hpp"

namespace cierzo {
// True: this instance has got its action, or waits for its turn.
bool Planner::climb_ladder(const Subject& s, const Observed& copy, std::size_t which_role) {
  const RoleType& role = *s.desired.type->role(s.instance.roles[which_role]);
  const RoleObserved& seen = role_of(copy, role.name);
  const std::string detail = brief(seen.error);
  const std::string failing = "check of " + role.name.value + " failed " + times(seen.failures) +
                              (detail.empty() ? "" : ": " + detail);
  // Once: a VM that is no better on a fresh disk would lose one disk after the other.
  const bool may_replace = may_be_replaced(s.desired, s.instance) && !copy.fresh_disk;
  const bool restarts_left = role.start && seen.restarts < restarts_max;
  if (!restarts_left && copy.resets < resets_max) {
    act(s.instance.name, copy.host, ResetVm{copy.incarnation},
        failing + "; restarted " + times(seen.restarts) + " in vain");
    return true;
  }
  if (!restarts_left && may_replace) {
    // Its disk stays for now: that is how the next plan knows which host to avoid.
    act(s.instance.name, copy.host, StopVm{copy.incarnation, Duration::zero(), false},
        failing + "; restarted and reset in vain, will be replaced");
    return true;
  }
  if (!role.start) {
    block(s.instance.name, false, failing + "; it has no start to be run again");
    return true;
  }
  if (!restarts_left && seen.restarts >= role.tries) {
    open(s, copy, which_role,
         failing + "; restarted " + times(seen.restarts) + " in vain" +
             (copy.fresh_disk ? ", also on a fresh disk" : ""));
    return true;
  }
  const Time next = seen.last_restart + backoff(seen.restarts);
  if (seen.restarts > 0 && next > world_.now) {
    look_again(next);
    block(s.instance.name, true,
          failing + "; restarted " + times(seen.restarts) + " already" +
              (copy.resets > 0 ? " and reset" : "") +
              (copy.fresh_disk ? ", also on a fresh disk" : "") + ", next try in " +
              in_words(next - world_.now));
    return true;
  }
  act(s.instance.name, copy.host,
      make_run(s.desired, s.instance, role.name, ScriptKind::start, copy.incarnation), failing);
  return true;
}

// It serves some of the time, and a restart is no better than the next passing check: a person
// looks. When it settles, for better or worse, it is treated as what it settled on.
void Planner::tell_flapping(const Subject& s, const Observed& copy, const RoleType& role) {
  const RoleObserved& seen = role_of(copy, role.name);
  const std::string detail = brief(seen.error);
  block(s.instance.name, false,
        "check of " + role.name.value + " flaps: it passes and fails in turn" +
            (seen.restarts > 0 ? "; restarted " + times(seen.restarts) : "") +
            (detail.empty() ? "" : "; it last failed with: " + detail));
}

}  // namespace cierzo
