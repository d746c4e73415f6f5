// What brings an instance of a running resource to life and keeps it serving.
#include <algorithm>

#include "resources/planner.hpp"

namespace cierzo {
namespace {

std::string at_host(const HostView& host) { return "host " + host.name; }

// Does `role` come after `earlier`, directly or by others?
bool comes_after(const Type& type, const RoleName& role, const RoleName& earlier) {
  const RoleType* found = type.role(role);
  if (!found) return false;
  return std::any_of(found->after.begin(), found->after.end(), [&](const RoleName& before) {
    return before == earlier || comes_after(type, before, earlier);
  });
}

// No VM starts on it, or none was made well on it. Where a breaker is known the latter was tried to
// its end, with a fresh disk where that was allowed: another would be no better.
bool is_given_up(const Observed& disk, bool has_breaker) {
  return (worn_out(disk) && !has_breaker) || disk.start.count >= starts_before_fresh_disk;
}

// The disk of the copy that replaced this one and was stopped since; nullptr: there is none.
const Observed* newer_disk(const Copies& copies, const Observed& than) {
  if (copies.disks.empty()) return nullptr;  // Newest first.
  const Observed* const newest = copies.disks.front();
  return newest->incarnation > than.incarnation ? newest : nullptr;
}

bool serves(Health health) { return health == Health::passing || health == Health::flapping; }

}  // namespace

void Planner::keep_running(const Subject& s) {
  const Observed* copy = s.copies.right();
  if (!copy) {
    if (!s.copies.unknown.empty()) {
      const HostView* unproven = s.copies.unproven;
      const bool due = unproven && unproven->proof_due <= world_.now;
      if (due && !brake_.too_many) plan_.proof_wanted.insert(unproven->id);
      block(s.instance.name, true, s.copies.unknown + ": unknown, not absent");
    } else {
      const std::size_t before = plan_.actions.size();
      start(s);
      if (plan_.actions.size() == before) keep_room(s);
    }
    return;
  }
  switch (copy->run) {
    case RunState::running:
      serve(s, *copy);
      return;
    case RunState::paused:
      // A permit resumes nothing: this is given like a start, so nothing may be unknown. (rule 16)
      if (!s.copies.unknown.empty()) {
        block(s.instance.name, true, "is paused; " + s.copies.unknown);
      } else if (const Observed* newer = newer_disk(s.copies, *copy)) {
        act(s.instance.name, copy->host,
            StopVm{copy->incarnation, Duration::zero(), copy->disk == Disk::local},
            "was replaced: its newer disk is on " + index_.host_name(newer->host));
      } else {
        act(s.instance.name, copy->host, Resume{copy->incarnation, {}, copy->paused_under},
            "is paused and was not replaced");
      }
      return;
    case RunState::stopping:
      block(s.instance.name, true, "is stopping; will be started again");
      return;
    case RunState::shut_off:
    case RunState::crashed:
      act(s.instance.name, copy->host, StopVm{copy->incarnation, Duration::zero(), false},
          copy->run == RunState::crashed ? "has crashed; its disk is kept"
                                         : "is shut off; its disk is kept");
      return;
  }
}

// On a living host it gets the same disk again. A fresh one is made only when its host is lost or
// the ladder says so. (RESOURCES.md, "Same disk or fresh disk")
void Planner::start(const Subject& s) {
  if (brake_.on && s.copies.lost_unconfirmed) return block(s.instance.name, false, brake_.reason);
  const auto& disks = s.copies.disks;
  const bool has_breaker = knows_breaker(s.instance.name);
  const auto usable = std::find_if(disks.begin(), disks.end(), [&](const Observed* one) {
    return has_breaker || !worn_out(*one);
  });
  const Observed* disk = usable != disks.end() ? *usable : disks.empty() ? nullptr : disks.front();
  // The one that is not chosen is removed once the other serves. A disk without a domain has no
  // incarnation that says how old it is: where none may be lost, a person decides.
  if (disks.size() > 1 && disks[0]->incarnation == disks[1]->incarnation &&
      !may_be_replaced(s.desired, s.instance)) {
    block(s.instance.name, false,
          "it has a disk on " + index_.host_name(disks[0]->host) + " and on " +
              index_.host_name(disks[1]->host) +
              ", and nothing says which is newer: remove one by hand");
    return;
  }
  if (disk) {
    if (!is_given_up(*disk, has_breaker) || !may_be_replaced(s.desired, s.instance))
      start_on_its_disk(s, *disk);
    else
      start_somewhere(s, disk);
    return;
  }
  if (s.copies.lost && s.instance.disk == Disk::local && !may_be_replaced(s.desired, s.instance)) {
    block(s.instance.name, false,
          at_host(*s.copies.lost) + " is lost and may hold its disk, which must not be lost: " +
              "waits for that host (on_host_lost: wait)");
    return;
  }
  start_somewhere(s, nullptr);
}

// It could not be started now. Those that come after it would only wait for it, so they must not
// take what it needs: the last memory or CPUs of the host where it will probably start. On that one
// only, so that those that fit beside it are not held up.
void Planner::keep_room(const Subject& s) {
  const auto& disks = s.copies.disks;
  const bool keeps_disk = !may_be_replaced(s.desired, s.instance);
  if (disks.empty() && keeps_disk && s.copies.lost) return;  // it returns with its host
  const HostView* there = nullptr;
  const bool has_breaker = knows_breaker(s.instance.name);
  if (!disks.empty() && (keeps_disk || !is_given_up(*disks.front(), has_breaker))) {
    there = rooms_.of(disks.front()->host)->host;
    if (!could_ever_take(*there, s.instance)) return;
  } else {
    Wish wish = wish_of(s);
    if (!disks.empty()) wish.avoid = disks.front()->host;
    there = place_later(wish, rooms_);
    if (!there) return;
  }
  shared_.kept_for.push_back(&s.instance);
  rooms_.keep(there->id, s.instance);
}

Wish Planner::wish_of(const Subject& s) {
  Wish wish;
  wish.instance = &s.instance;
  wish.siblings = &siblings(s.desired, s.instance.roles.front());
  wish.tried = &s.copies.tried;
  return wish;
}

// The first of those that room is kept for which this one comes after; nullptr: none.
const Instance* Planner::comes_after_kept(const Subject& s) const {
  for (const Instance* kept : shared_.kept_for) {
    for (const RoleName& role : s.instance.roles) {
      for (const RoleName& earlier : kept->roles) {
        if (comes_after(*s.desired.type, role, earlier)) return kept;
      }
    }
  }
  return nullptr;
}

void Planner::start_on_its_disk(const Subject& s, const Observed& disk) {
  const Room* room = rooms_.of(disk.host);
  const std::string& host = room->host->name;
  std::string why = cannot_take(*room, s.instance);
  const Instance* kept = comes_after_kept(s);
  if (kept && why.empty() && !cannot_take(*room, s.instance, true).empty()) {
    block(s.instance.name, true,
          "what is free on " + host + " is kept for " + kept->name.value + ", which comes first");
    return;
  }
  if (!pool_rank(s.instance, *room->host)) why = "is not in its pool";
  if (!why.empty()) {
    block(s.instance.name, false, "its disk is on " + host + ", which " + why);
    return;
  }
  if (backs_off(s.instance.name, "starting it on " + host, disk.start)) return;
  act(s.instance.name, disk.host, StartVm{s.instance, {}, false},
      disk.start.count > 0 ? "the last start failed: " + brief(disk.start.error)
                           : "not running; its disk is there");
}

// True, and it is blocked, while hosts have yet to say whether they have its image.
bool Planner::waits_for_answers(const Subject& s) {
  const auto until = world_.images_awaited.find(s.instance.image);
  if (until == world_.images_awaited.end() || until->second <= world_.now) return false;
  const std::vector<std::string> names = awaited(s.instance, rooms_);
  if (names.empty()) return false;
  look_again(until->second);
  const std::string more = std::to_string(names.size() - 1);
  block(s.instance.name, true,
        names.front() + (names.size() > 1 ? " and " + more + " more have" : " has") +
            " not answered yet about " + s.instance.image);
  return true;
}

// `worn` is a disk that is given up, by the ladder or because nothing starts on it.
void Planner::start_somewhere(const Subject& s, const Observed* worn) {
  if (waits_for_answers(s)) return;
  Wish wish = wish_of(s);
  if (worn) wish.avoid = worn->host;
  const Instance* kept = comes_after_kept(s);
  wish.beside_kept = kept != nullptr;
  Placement placement = place(wish, rooms_);
  if (!placement.host && kept) {
    wish.beside_kept = false;
    placement = place(wish, rooms_);
    if (placement.host) {
      block(s.instance.name, true,
            "what is free is kept for " + kept->name.value + ", which comes first");
      return;
    }
  }
  if (!placement.host) {
    block(s.instance.name, false, placement.reason);
    return;
  }
  const HostId on = placement.host->id;
  const Failure* failure = failed_start(s.copies.tried, on);
  if (failure && backs_off(s.instance.name, "starting it on " + placement.host->name, *failure))
    return;
  std::string reason = "declared";
  if (worn) {
    reason = worn_out(*worn)
                 ? "replaced: neither restarts nor a reset made it healthy"
                 : "replaced: it does not start on its disk: " + brief(worn->start.error);
  } else if (s.copies.lost) {
    reason = s.copies.lost_seen
                 ? at_host(*s.copies.lost) + " lost"
                 : "not on any host that answers; " + at_host(*s.copies.lost) + " is lost";
  } else if (failure) {
    reason = "the last start failed: " + brief(failure->error);
  } else if (!s.copies.tried.empty()) {
    for (const Observed* seen : s.copies.tried) {
      if (seen->start.count >= starts_before_other_host) {
        reason = "starting it on " + index_.host_name(seen->host) +
                 " failed: " + brief(seen->start.error);
      }
    }
  }
  const bool fresh = s.instance.disk == Disk::local && (worn || s.copies.lost);
  act(s.instance.name, on, StartVm{s.instance, {}, fresh}, std::move(reason));
}

// A VM that runs: network, then checks, then its roles in their order, then its health.
void Planner::serve(const Subject& s, const Observed& copy) {
  // Where no role has a script there is nobody to wait for: it serves as soon as it runs.
  if (!copy.guest_answers && !needs_guest(s.desired, s.instance)) return remove_stale_disk(s);
  if (!copy.guest_answers) return wait_for_guest(s, copy);
  if (copy.network_digest != s.wanted.network_digest) {
    if (backs_off(s.instance.name, "setting its guest's address", copy.configure)) return;
    act(s.instance.name, copy.host, make_configure(s.desired, s.which, copy.incarnation),
        copy.network_digest.empty() ? "its guest has booted" : "the resource's members changed");
    return;
  }
  if (copy.checks_digest != s.wanted.checks_digest) {
    act(s.instance.name, copy.host, make_attend(s.desired, s.which, copy.incarnation),
        why_attend(s, copy));
    return;
  }
  if (forget_failures(s, copy) || let_go(s, copy)) return;
  std::vector<std::size_t> closed;
  const Breaker* open = left_alone(s, copy, closed);
  for (const std::size_t i : closed) {
    if (waits_to_close(s, copy, i) || start_role(s, copy, i)) return;
  }
  for (const std::size_t i : closed) {
    const Health health = role_of(copy, s.instance.roles[i]).health;
    if (health == Health::failing && climb_ladder(s, copy, i)) return;
  }
  if (take_in(s, copy)) return;
  if (open) return tell_open(s, *open);
  for (const RoleName& name : s.instance.roles) {
    if (role_of(copy, name).health != Health::flapping) continue;
    return tell_flapping(s, copy, *s.desired.type->role(name));
  }
  if (tell_deaf(s, copy) || tell_unsaid(s, copy)) return;
  remove_stale_disk(s);
}

// Checks are given the same as a start: where that has changed it is started again after this.
std::string Planner::why_attend(const Subject& s, const Observed& copy) {
  if (copy.checks_digest.empty()) return "nothing checks it yet";
  bool started = true;
  for (std::size_t i = 0; i < s.instance.roles.size(); ++i) {
    const std::string& before = role_of(copy, s.instance.roles[i]).configured_digest;
    const std::string& now = s.wanted.start_digests[i];
    if (!before.empty() && before != now) return changed_inputs(before, now);
    started = started && !before.empty();
  }
  // Of what has not started it is not known which inputs it was last checked with.
  return started ? "how it is checked has changed" : "what is checked has changed";
}

// Unknown is not down: nothing is done because of silence (rule 18). What a person can do is said.
void Planner::wait_for_guest(const Subject& s, const Observed& copy) {
  const Duration silent = world_.now - copy.since;
  const std::string console =
      "virsh console " + s.instance.name.value + " on " + index_.host_name(copy.host);
  if (!copy.network_digest.empty()) {
    block(s.instance.name, true,
          "its guest agent has not answered for " + in_words(silent) +
              ": its services may be well, so nothing is done; if it hangs, look with " + console +
              " and end it with virsh reset");
  } else if (silent < boot_patience) {
    look_again(copy.since + boot_patience);
    block(s.instance.name, true, "its guest is booting, for " + in_words(silent));
  } else {
    block(s.instance.name, false,
          "its guest has not answered for " + in_words(silent) +
              ": does it boot, and is the QEMU guest agent in its image? Look with " + console);
  }
}

// True: this instance has got its action, or waits.
bool Planner::start_role(const Subject& s, const Observed& copy, std::size_t which_role) {
  const RoleType& role = *s.desired.type->role(s.instance.roles[which_role]);
  if (is_started(role, copy, s.wanted.start_digests[which_role])) return false;
  const RoleObserved& seen = role_of(copy, role.name);
  if (seen.start.count >= role.tries) {
    open(s, copy, which_role,
         "start failed " + times(seen.start.count) + ": " + brief(seen.start.error));
    return true;
  }
  if (backs_off(s.instance.name, "start of " + role.name.value, seen.start)) return true;
  for (const RoleName& before : role.after) {
    if (const auto not_ready = first_not_ready(s.desired, before)) {
      block(s.instance.name, true, "waits for " + before.value + " (" + not_ready->value + ")");
      return true;
    }
  }
  std::string reason = "not started in this boot of its guest";
  if (seen.start.count > 0)
    reason = "its last start failed: " + brief(seen.start.error);
  else if (!seen.stopped_digest.empty())
    reason = "was stopped";
  else if (seen.draining != Draining::no)
    reason = "was drained, and is wanted again";
  else if (!seen.configured_digest.empty())
    reason = changed_inputs(seen.configured_digest, s.wanted.start_digests[which_role]);
  act(s.instance.name, copy.host,
      make_run(s.desired, s.instance, role.name, ScriptKind::start, copy.incarnation),
      std::move(reason));
  return true;
}

// Ready: its network and its inputs are the wanted ones, and its check passes where it has one, if
// only some of the time: one that flaps must not keep others from being started.
std::optional<InstanceName> Planner::first_not_ready(const DesiredResource& desired,
                                                     const RoleName& name) {
  const auto [found, added] = shared_.not_ready.try_emplace(name);
  if (!added) return found->second;
  const RoleType& role = *desired.type->role(name);
  for (std::size_t which = 0; which < desired.instances.size() && !found->second; ++which) {
    const Instance& instance = desired.instances[which];
    for (std::size_t i = 0; i < instance.roles.size(); ++i) {
      if (instance.roles[i] != name) continue;
      const Copies copies = index_.copies(shared_.resource, which);
      const Observed* copy = copies.right();
      const Wanted& wanted = desired.wanted[which];
      const bool configured = copy && (copy->network_digest == wanted.network_digest ||
                                       !needs_guest(desired, instance));
      if (!configured || copy->run != RunState::running ||
          !is_started(role, *copy, wanted.start_digests[i]) ||
          (role.check && !serves(role_of(*copy, name).health)) ||
          !outputs_kept(desired, instance, role, *copy)) {
        found->second = instance.name;
      }
    }
  }
  return found->second;
}

// How many instances of the resource with this role each host has, or is about to get.
const std::map<HostId, int>& Planner::siblings(const DesiredResource& desired,
                                               const RoleName& role) {
  if (!shared_.siblings) {
    shared_.siblings.emplace();
    for (std::size_t which = 0; which < desired.instances.size(); ++which) {
      const Instance& instance = desired.instances[which];
      const Copies copies = index_.copies(shared_.resource, which);
      std::optional<HostId> on;
      if (const Observed* copy = copies.right())
        on = copy->host;
      else if (!copies.disks.empty())
        on = copies.disks.front()->host;
      if (const InFlight* command = index_.in_flight(instance.name)) on = command->action.on;
      if (!on) continue;
      for (const RoleName& name : instance.roles) ++(*shared_.siblings)[name][*on];
    }
  }
  return (*shared_.siblings)[role];
}

// Once a copy serves on another host, what is left of the old one must not be taken for its disk.
// Not before: the old disk may be all that is left of what it held.
void Planner::remove_stale_disk(const Subject& s) {
  if (s.copies.disks.empty() || !s.copies.unknown.empty()) return;
  for (const RoleName& name : s.instance.roles) {
    if (s.desired.type->role(name)->check &&
        role_of(*s.copies.right(), name).health != Health::passing) {
      return;
    }
  }
  const Observed& stale = *s.copies.disks.back();
  act(s.instance.name, stale.host, RemoveDisk{},
      "was replaced: it runs on " + index_.host_name(s.copies.right()->host));
}

}  // namespace cierzo
