// Holding authority, giving it up, and the permits it gives. (rules 8-10, 12, 14, 15)
#include <algorithm>

#include "election/state.hpp"

namespace cierzo::election {

// Ends this host's authority in every term before the first Release leaves. (rule 8)
void Node::State::give_up(Time now) {
  std::vector<Term> given_up;
  if (candidacy) {
    given_up.push_back(candidacy->term);
    ++failures;
  }
  if (lead) given_up.push_back(lead->term);
  candidacy.reset();
  if (lead) end_leadership(now);
  lower_own_deadline(now);
  if (grant.term.owner == config.self) grant.until = std::min(grant.until, now);
  retry_at = now + patience.answer(timing);
  stop_suspecting();  // The next election waits for a better id again: once in each. (rule 6)
  for (const Term term : given_up) send_to_all(Release{term});
}

void Node::State::end_candidacy(Time now) {
  if (!off(Mutation::rule_8_every_term) || !lead) return give_up(now);
  send_to_all(Release{candidacy->term});
  candidacy.reset();
}

void Node::State::lower_own_deadline(Time now) {
  if (off(Mutation::rule_8_deadline)) return;
  permit.lower(now + timing.at_least(timing.permit - timing.lease));
}

void Node::State::end_leadership(Time now) {
  const Leadership ended = std::move(*lead);
  lead.reset();
  fact(AuthorityEnded{ended.term});
  // What was sent to a voter may be stored there: unknown, not refused. (rule 10)
  if (ended.under_way)
    for (const WriteId write : ended.under_way->writes) fact(WriteUnknown{write});
  for (const PendingWrite& pending : ended.pending)
    fact(WriteRefused{pending.write, RefusalReason::not_leader, shortage(now)});
  if (ended.change)
    fact(WriteRefused{ended.change->write, RefusalReason::not_leader, shortage(now)});
  set_leader(std::nullopt, now);
}

// Authority may have grown: the grant to oneself and the own host's deadline follow it. (rules 9,
// 15)
void Node::State::authority_moved() {
  const Time until = lead->authority.until();
  if (until <= known_until) return;
  known_until = until;
  if (grant.term == lead->term) grant.until = until;
  const Time deadline = until + timing.at_least(timing.permit - timing.lease);
  if (guarded) {
    permit.follow(lead->term, deadline, last_now);
  } else {
    permit.lower(deadline);
  }
}

void Node::State::lead_on(Time now) {
  if (now >= lead->leave_at) return give_up(now);  // (rule 23)
  if (now >= lead->next_heartbeat) heartbeat(now);
  begin_change(now);
  if (lead->phase == Phase::fetching && now >= lead->recover_by) return give_up(now);  // (rule 5)
  if (now >= lead->liveness_due) review_hosts(now);
}

void Node::State::heartbeat(Time now) {
  lead->next_heartbeat = now + timing.heartbeat;
  lead->authority.sent(++lead->seq, now, timing);  // (rule 9)
  authority_moved();
  const Stamp committed = lead->committed.stamp;
  for (const Member& member : members.all()) {
    if (member.id == config.self) continue;
    // Echoes, that is permits, only with authority; this runs right after it was checked. (rule 12)
    send(member.id, Heartbeat{lead->term, lead->seq, lead->permits.echo(member.id, timing),
                              committed, timing, now});
    if (!members.is_voter(member.id)) continue;
    // A lost Coordinator is repeated to those that have not accepted. (rule 5)
    if (lead->accepted.count(member.id) == 0)
      send(member.id, Coordinator{lead->term, timing, configuration(members.version())});
    store_again(now, member.id);
  }
  if (lead->phase == Phase::fetching) fetch_next(now);
  call_former_members(now);
}

void Node::State::on(Time now, HostId from, const HeartbeatAck& message) {
  if (!lead || message.term != lead->term) return;
  // An acknowledgement of a host as a host is not a vote. (rule 9)
  if (message.granted || off(Mutation::rule_9_granted)) {
    lead->authority.granted(from, message.seq);
    authority_moved();
  }
  HostStatus status;
  status.id = from;
  status.stamp = message.stamp;
  status.state_id = message.state_id;
  status.run = message.run;
  status.permit_term = message.permit_term;
  status.permit_spell = message.permit_spell;
  status.has_state = message.has_state;
  status.inventory_digest = message.inventory_digest;
  const HostStatus before = lead->permits.status(from, now, timing, std::nullopt, config.mutations);
  if (!lead->permits.hear(now, message.seq, status)) return;  // Older than one already here.

  const auto reported = lead->reported.find(from);
  const bool known = reported != lead->reported.end() && reported->second == Liveness::alive;
  const bool same = known && before.stamp.boot == status.stamp.boot &&
                    before.state_id == status.state_id && before.run == status.run;
  lead->reported[from] = Liveness::alive;
  if (!same) fact(HostHeard{from, status.stamp.boot, status.state_id, status.run});
  const bool same_permit =
      before.permit_term == status.permit_term && before.permit_spell == status.permit_spell;
  if (!before.heard || !same_permit || before.inventory_digest != status.inventory_digest)
    fact(InventoryDigest{from, status.inventory_digest});
  lead->liveness_due = std::min(lead->liveness_due, now + timing.lease);

  if (members.is_voter(from) || wants_in(from)) {
    if (message.has_state) {
      Stamp& stamp = lead->stamps[from];
      stamp = std::max(stamp, message.catalog);
      try_commit(now);
    } else {
      lead->stamps.erase(from);
      // Let in only by a leader that a majority without it grants authority: then nothing that it
      // may have promised and forgotten can be under way. (rule 22)
      const auto sent = lead->whole_sent.find(from);
      const bool again = sent == lead->whole_sent.end() || now >= sent->second + timing.lease;
      if (again && lead->phase == Phase::ready && lead->authority.until_without(from) > now)
        send_whole(now, from, message.state_id);
    }
    meet_higher_promise(now, message.promised);
  } else if (message.members != lead->members_version) {
    tell_members(from);
  }
}

// A voter that promised more, to a candidate that failed, could never grant to this leader again:
// so it is asked for a promise above that. (rule 12)
void Node::State::meet_higher_promise(Time now, Term promised) {
  saw(promised);
  if (promised <= lead->term || candidacy || now < lead->next_bump) return;
  lead->next_bump = now + timing.lease;
  stand(now);
}

// None while the catalog is not recovered: the marks are not known yet. (rule 14)
std::optional<Marks> Node::State::marks(HostId host) const {
  if (lead->phase != Phase::ready) return std::nullopt;
  const auto& entries = lead->committed.entries;
  Marks found{lead->term, entries.count(held_key(host)) > 0, std::nullopt,
              entries.count(unjoined_key(host)) > 0};
  if (const auto lost = entries.find(lost_key(host)); lost != entries.end())
    found.lost = lost->second;
  return found;
}

void Node::State::review_host(Time now, HostId host) {
  const HostStatus status = lead->permits.status(host, now, timing, marks(host), config.mutations);
  // A host of which a new leader has not heard gets a lease to speak.
  if (!status.heard && status.liveness == Liveness::suspect &&
      now < lead->first_authority + timing.lease)
    return;
  const auto [reported, is_first] = lead->reported.try_emplace(host, status.liveness);
  if (!is_first && reported->second == status.liveness) return;
  reported->second = status.liveness;
  switch (status.liveness) {
    case Liveness::alive:
      break;  // Said when it is heard.
    case Liveness::suspect:
      fact(HostSuspect{host});
      break;
    case Liveness::held:
      fact(HostHeld{host});
      break;
    case Liveness::lost:
      fact(HostLost{host});
      break;
  }
}

void Node::State::review_hosts(Time now) {
  lead->liveness_due = Time::max();
  const Time first_word = lead->first_authority + timing.lease;
  if (now < first_word) lead->liveness_due = first_word;
  for (const Member& member : members.all()) {
    if (member.id == config.self) continue;
    review_host(now, member.id);
    lead->liveness_due =
        std::min(lead->liveness_due, lead->permits.next_change(member.id, now, timing));
  }
}

}  // namespace cierzo::election
