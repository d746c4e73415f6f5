#include "election/permits.hpp"

#include <algorithm>

namespace cierzo::election {

// A newer term commands from now on; the deadline already given stands.
void PermitHolder::hear_term(Term term) {
  if (term <= heard_) return;
  heard_ = term;
  until_in_term_ = Time{};
  interruptions_ = 0;
  held_ = false;
}

void PermitHolder::hear(Term term, const std::optional<BootTime>& echo, Duration permit, Time now,
                        const Mutations& mutations) {
  hear_term(term);
  if (!echo || echo->at > now) return;
  if (echo->boot != boot_ && !has(mutations, Mutation::rule_12_boot)) return;
  // From when this host wrote the stamp: however long the echo was under way, the leader's bound,
  // which starts when it received the stamp, is later. (rule 12)
  const Time from = has(mutations, Mutation::rule_12) ? now : echo->at;
  if (from + permit <= now) return;
  if (!valid(now) && held_) ++interruptions_;
  held_ = true;
  until_in_term_ = std::max(until_in_term_, from + permit);
  deadline_ = std::max(deadline_, until_in_term_);
}

void PermitHolder::follow(Term term, Time deadline, Time now) {
  hear_term(term);
  if (!valid(now) && held_) ++interruptions_;
  held_ = true;
  until_in_term_ = deadline;
  deadline_ = deadline;
}

void PermitHolder::end(Term term) {
  if (term == heard_) until_in_term_ = Time{};
}

void PermitHolder::lower(Time deadline) {
  until_in_term_ = std::min(until_in_term_, deadline);
  deadline_ = std::min(deadline_, deadline);
}

void PermitLedger::begin(HostId host, Time bound) {
  HostStatus status;
  status.id = host;
  status.bound = bound;
  hosts_[host] = {status, 0};
}

bool PermitLedger::hear(Time now, std::uint64_t seq, const HostStatus& status) {
  const auto found = hosts_.find(status.id);
  if (found == hosts_.end()) return false;
  Entry& entry = found->second;
  if (entry.last.heard && seq <= entry.seq) return false;
  const Time bound = entry.last.bound;
  entry.last = status;
  entry.last.heard = true;
  entry.last.last_heard = now;
  entry.last.bound = bound;
  entry.seq = seq;
  return true;
}

std::optional<BootTime> PermitLedger::echo(HostId host, const Timing& timing) {
  const auto found = hosts_.find(host);
  if (found == hosts_.end() || !found->second.last.heard) return std::nullopt;
  if (found->second.last.stamp.at == Time{}) return std::nullopt;  // It has no guard. (rule 13)
  HostStatus& last = found->second.last;
  last.bound = std::max(last.bound, last.last_heard + timing.at_most(timing.permit));
  return last.stamp;
}

HostStatus PermitLedger::status(HostId host, Time now, const Timing& timing,
                                const std::optional<Marks>& marks,
                                const Mutations& mutations) const {
  const auto found = hosts_.find(host);
  if (found == hosts_.end()) return {};
  HostStatus status = found->second.last;
  status.seq = found->second.seq;
  status.disks_released_at = status.bound + timing.disks_held();
  if (marks && marks->lost) {
    status.marked = true;
    const auto mark = decode_lost_mark(*marks->lost);
    // Heard since: whoever said that it is off was wrong, or it is on again. (rule 14)
    const bool stands =
        mark && (!status.heard || (mark->term == marks->term && status.seq <= mark->seq) ||
                 has(mutations, Mutation::rule_14_heard_since));
    if (stands) status.lost_mark = mark;
  }
  if (status.heard && now < status.last_heard + timing.lease) {
    status.liveness = Liveness::alive;
    return status;
  }
  status.liveness = Liveness::suspect;
  if (!marks) return status;
  // Others may lead it, in the site that it has not left. (rule 22)
  status.unjoined = marks->unjoined && !status.heard && !status.lost_mark &&
                    !has(mutations, Mutation::rule_22_unjoined);
  if (status.unjoined) return status;
  if (marks->held && !status.lost_mark && !has(mutations, Mutation::rule_14_held)) {
    status.liveness = Liveness::held;
    return status;
  }
  const bool silent_is_lost = status.heard && has(mutations, Mutation::rule_14);
  // An administrator's word does not shorten the wait: whoever mistakes a host that is cut off for
  // a dead one must not thereby run what its guard would have paused. A power cut is a fact; but a
  // new leader, that has heard nobody yet, hears the others first, so that its brake knows them.
  const bool fenced = status.lost_mark && status.lost_mark->fenced && status.heard;
  // Without a guard nobody pauses its VMs in time: then time alone proves nothing. (rules 13, 14)
  const bool unguarded = status.heard && status.stamp.at == Time{} && !status.lost_mark;
  const bool bound_passed = now >= status.bound + timing.at_most(timing.guard_delay);
  if (fenced || silent_is_lost || (bound_passed && !unguarded)) {
    status.liveness = Liveness::lost;
  } else if (unguarded) {
    // It is waited for as long as one with a guard: a false alarm must not cost its VMs.
    const Time silent_for_a_permit = status.last_heard + timing.at_most(timing.permit);
    status.proof_due =
        std::max(status.bound, silent_for_a_permit) + timing.at_most(timing.guard_delay);
  }
  return status;
}

Time PermitLedger::next_change(HostId host, Time now, const Timing& timing) const {
  const HostStatus& last = hosts_.at(host).last;
  Time next = Time::max();
  const auto consider = [&](Time at) {
    if (at > now) next = std::min(next, at);
  };
  if (last.heard) consider(last.last_heard + timing.lease);
  consider(last.bound + timing.at_most(timing.guard_delay));
  return next;
}

}  // namespace cierzo::election
