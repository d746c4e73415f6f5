// Roles that are told of the machines of another role: `join` when one has come, `leave` when one
// has gone for good. What each was told is noted in its guest (guest.hpp), so nothing is remembered
// here.
//
//   member's start has worked -> join, in every instance of the other role that serves
//   another copy of the member, or a reboot of the other guest -> join again
//   the member is not wanted any more, and has drained -> leave
#include <algorithm>

#include "resources/planner.hpp"

namespace cierzo {
namespace {

bool wants(const DesiredResource& desired, const Member& member) {
  return std::any_of(desired.instances.begin(), desired.instances.end(), [&](const Instance& one) {
    return one.name == member.name && position_in(one, member.role) > 0;
  });
}

// Could it be told of others, now?
bool hears(const DesiredResource& desired, std::size_t which, const Observed& copy,
           const RoleName& on) {
  const Instance& instance = desired.instances[which];
  const RoleType& role = *desired.type->role(on);
  const Health health = role_of(copy, on).health;
  const auto place = std::find(instance.roles.begin(), instance.roles.end(), on);
  const auto at = static_cast<std::size_t>(place - instance.roles.begin());
  return copy.run == RunState::running && copy.guest_answers &&
         is_started(role, copy, desired.wanted[which].start_digests[at]) &&
         (!role.check || health == Health::passing || health == Health::flapping);
}

// Has a copy of a member come, so that others are to be told?
bool has_come(const DesiredResource& desired, std::size_t which, const Observed& copy,
              const RoleType& role) {
  const Instance& instance = desired.instances[which];
  const auto place = std::find(instance.roles.begin(), instance.roles.end(), role.name);
  const auto at = static_cast<std::size_t>(place - instance.roles.begin());
  return copy.run == RunState::running && copy.guest_answers &&
         copy.network_digest == desired.wanted[which].network_digest &&
         is_started(role, copy, desired.wanted[which].start_digests[at]);
}

std::string what_failed(const Joined& joined, bool leaves) {
  return std::string(leaves ? "leave" : "join") + " of " + joined.member.role.value + " for " +
         joined.member.name.value;
}

}  // namespace

bool could_let_go(const DesiredResource& desired, const Observed& copy, const RoleName& name) {
  const RoleType* role = desired.type->role(name);
  return role && (!role->start || !role_of(copy, name).configured_digest.empty());
}

std::string join_digest(const Wanted& wanted, const RoleName& role, const RoleName& on,
                        const Observed& copy) {
  const Incarnation& copy_of = copy.incarnation;
  return wanted.join_digests.at({role, on}) + "." + std::to_string(copy_of.term.counter) + "." +
         std::to_string(copy_of.term.owner.value) + "." + std::to_string(copy_of.sequence);
}

const Joined* joined_to(const Observed& copy, const RoleName& on, const InstanceName& member,
                        const RoleName& role) {
  const auto found = std::find_if(copy.joined.begin(), copy.joined.end(), [&](const Joined& one) {
    return one.on == on && one.member.name == member && one.member.role == role;
  });
  return found == copy.joined.end() ? nullptr : &*found;
}

const Instance* not_told(const WorldIndex& index, const DesiredResource& desired,
                         std::size_t resource, std::size_t which, const Observed& copy) {
  const Wanted& wanted = desired.wanted[which];
  for (const auto& [edge, base] : wanted.join_digests) {
    const auto& [role, on] = edge;
    for (std::size_t other = 0; other < desired.instances.size(); ++other) {
      const Instance& told = desired.instances[other];
      if (position_in(told, on) == 0) continue;
      const Copies copies = index.copies(resource, other);
      if (!copies.right() || !hears(desired, other, *copies.right(), on)) continue;
      const Joined* known = joined_to(*copies.right(), on, desired.instances[which].name, role);
      if (!known || known->digest != join_digest(wanted, role, on, copy)) return &told;
    }
  }
  return nullptr;
}

// Before anything is started anew: what is leaving waits for it. True: there is an action.
bool Planner::let_go(const Subject& s, const Observed& copy) {
  for (const Joined& joined : copy.joined) {
    if (wants(s.desired, joined.member) || still_drains(s.desired, joined)) continue;
    const Observed* copy_of = index_.may_run(joined.member.name);
    if (copy_of && is_from_before(*copy_of, world_.recovered)) continue;  // It is kept. (rule 22)
    if (!could_let_go(s.desired, copy, joined.on)) continue;
    if (joined.failure.count > 0 && due(joined.failure) > world_.now) {
      look_again(due(joined.failure));
      continue;
    }
    act(s.instance.name, copy.host,
        make_tell(s.desired, s.instance, joined.on, ScriptKind::leave, joined.member,
                  copy.incarnation, "-"),
        joined.failure.count > 0 ? "its last leave failed: " + brief(joined.failure.error)
                                 : joined.member.name.value + " is not wanted any more");
    return true;
  }
  return false;
}

// When all else is well. True: there is an action.
bool Planner::take_in(const Subject& s, const Observed& copy) {
  for (const RoleType& role : s.desired.type->roles) {
    for (const Edge& edge : role.edges) {
      if (!edge.join || position_in(s.instance, edge.on) == 0) continue;
      if (hears(s.desired, s.which, copy, edge.on) && take_in(s, copy, edge.on, role)) return true;
    }
  }
  return false;
}

// Who could not be taken in or let go. True: there is something to be told.
bool Planner::tell_deaf(const Subject& s, const Observed& copy) {
  return std::any_of(copy.joined.begin(), copy.joined.end(), [&](const Joined& joined) {
    const bool left = !wants(s.desired, joined.member);
    return backs_off(s.instance.name, what_failed(joined, left), joined.failure);
  });
}

bool Planner::take_in(const Subject& s, const Observed& copy, const RoleName& on,
                      const RoleType& role) {
  for (std::size_t which = 0; which < s.desired.instances.size(); ++which) {
    const Instance& one = s.desired.instances[which];
    const int position = position_in(one, role.name);
    if (position == 0) continue;
    const Copies copies = index_.copies(shared_.resource, which);
    const Observed* came = copies.right();
    if (!came || !has_come(s.desired, which, *came, role)) continue;
    std::string digest = join_digest(s.desired.wanted[which], role.name, on, *came);
    const Joined* known = joined_to(copy, on, one.name, role.name);
    if (known && known->digest == digest) continue;
    if (known && known->failure.count > 0 && due(known->failure) > world_.now) {
      look_again(due(known->failure));
      continue;
    }
    std::string reason = one.name.value + " has come";
    if (known && known->failure.count > 0) {
      reason = "its last join failed: " + brief(known->failure.error);
    } else if (known) {
      reason = known->digest.empty() ? "not told in this boot of its guest"
                                     : one.name.value + " has come anew";
    }
    act(s.instance.name, copy.host,
        make_tell(s.desired, s.instance, on, ScriptKind::join,
                  {one.name, role.name, one.address, position}, copy.incarnation,
                  std::move(digest)),
        std::move(reason));
    return true;
  }
  return false;
}

}  // namespace cierzo
