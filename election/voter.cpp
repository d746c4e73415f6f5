// The voter's and the host's side: promises, grants, permits, stores. (rules 2, 4, 8, 9, 12, 20)
#include <algorithm>

#include "election/state.hpp"

namespace cierzo::election {

void Node::State::promise(Term term) {
  if (term <= record.promised) return;
  record.promised_before = record.promised;
  record.promised = term;
  record_changed = true;
}

void Node::State::stop_suspecting() {
  round.reset();
  stood.clear();
}

// Extends, never shortens. False: another's grant still stands.
bool Node::State::extend_grant(Time now, Term term, Duration lease) {
  if (grant.held_by_other(term.owner, now) && !off(Mutation::rule_4)) return false;
  const Time so_far = grant.term.owner == term.owner ? grant.until : Time{};
  grant = {term, std::max(so_far, now + lease)};
  return true;
}

void Node::State::on(Time now, HostId from, const Election& message) {
  saw(message.term);
  // A voter that waits, or has no state, leaves elections unanswered. (rules 2, 7, 22)
  if (!can_vote(now) || !may_ask_for_votes(from, message.members)) return;
  AnswerKind kind = AnswerKind::ok;
  if (grant.held_by_other(from, now)) {
    kind = AnswerKind::leader;  // A better id that comes back does not depose. (rule 2)
  } else if (from > config.self && !grant.held(now) && !retired && may_lead()) {
    kind = AnswerKind::stand;
    // Starts its own election; one in which it heard of a leader that is gone by now starts anew.
    if (round && std::any_of(round->answers.begin(), round->answers.end(), [](const auto& answer) {
          return answer.second == AnswerKind::leader;
        }))
      round.reset();
    if (!round) retry_at = now;
  }
  send(from, Answer{kind, Term{seen_counter, HostId{}}, message.at});
}

void Node::State::on(Time now, HostId from, const Coordinator& message) {
  if (!can_vote(now) || !may_ask_for_votes(from, message.members.as_of)) return;  // (rules 7, 22)
  // Both halves of rule 4. Equal terms: a duplicate of the one accepted, accepted again.
  const bool granted_elsewhere = grant.held_by_other(from, now) && !off(Mutation::rule_4);
  if (message.term < record.promised || granted_elsewhere) return refuse(now, from, message.term);
  promise(message.term);
  if (record.longest.include(message.timing)) record_changed = true;
  extend_grant(now, message.term, message.timing.lease);
  stop_suspecting();
  send(from, own_accept(message.members.version));
}

void Node::State::refuse(Time now, HostId to, Term term) {
  Refuse refusal{term, std::max(record.promised, record.last_led), HostId{}, Duration{0}};
  if (grant.held(now)) {
    refusal.leader = grant.term.owner;
    refusal.grant_left = grant.until - now;
  }
  send(to, refusal);
}

void Node::State::on(Time now, HostId from, const Heartbeat& message) {
  // Permits and commands follow the highest term a heartbeat was heard from, not the highest
  // promised. (rule 12)
  if (message.term < record.last_led) return refuse(now, from, message.term);
  // Only an elected leader sends heartbeats: what this host tried below that term has failed. (rule
  // 9)
  if ((lead && lead->term < message.term) || (candidacy && candidacy->term < message.term))
    give_up(now);
  if (!voter && record.site.empty()) {  // A host without a vote just learns where it belongs.
    record.site = site_of_message;
    record_changed = true;
  }
  if (record.last_led < message.term) {
    record.last_led = message.term;
    record_changed = true;
  }
  if (!record.founding.empty() && message.committed.term.counter > 0) {
    record.founding.clear();
    record_changed = true;
  }
  use_timing(message.timing);
  if (newest_beat.term != message.term || newest_beat.at < message.at)
    newest_beat = {message.term, message.at};
  permit.hear(message.term, message.echo, message.timing.permit, now, config.mutations);

  // A grant comes from the promise to exactly this term; during rule 7's wait too: a heartbeat of
  // the promised term takes nothing from anybody else. (rules 7, 9)
  // One that is about to become a voter grants too: only who counts it must know. (rule 23)
  bool granted = record.votes && record.promised == message.term;
  granted = granted && extend_grant(now, message.term, message.timing.lease);
  if (granted && !off(Mutation::rule_4_own)) stop_suspecting();
  if (granted) failures = 0;
  set_leader(message.term, now + message.timing.lease);
  acknowledge(now, from, message, granted);
}

void Node::State::acknowledge(Time now, HostId to, const Heartbeat& heartbeat, bool granted) {
  HeartbeatAck ack;
  ack.term = heartbeat.term;
  ack.seq = heartbeat.seq;
  ack.granted = granted;
  ack.stamp.boot = config.boot;
  if (guarded) ack.stamp.at = now;  // Without a live guard no stamp, so no permit. (rule 13)
  ack.promised = record.promised;
  ack.catalog = catalog.stamp;
  if (permit.valid(now)) ack.permit_term = permit.heard();
  ack.permit_spell = permit.spell(now);
  ack.has_state = record.votes;
  ack.state_id = record.state_id;
  ack.run = config.run;
  ack.inventory_digest = digest;
  ack.members = members.version();
  send(to, std::move(ack));
}

void Node::State::on(Time now, HostId from, const Store& message) {
  if (!record.votes) return admitted(now, from, site_of_message, message);
  if (message.term < record.promised && !off(Mutation::rule_20))
    return refuse(now, from, message.term);
  if ((lead && lead->term < message.term) || (candidacy && candidacy->term < message.term))
    give_up(now);
  // Above the promise it is a promise too, in the same transaction; a grant it is not. (rule 20)
  promise(message.term);
  const CatalogDelta& delta = message.delta;
  const bool follows =
      delta.whole || delta.follows == catalog.stamp || off(Mutation::rule_20_follows);
  if (delta.stamp > catalog.stamp && follows) change_catalog(delta);
  send(from, Stored{message.term, catalog.stamp, catalog.stamp < delta.stamp});
}

void Node::State::on(Time now, HostId from, const Release& message) {
  std::uint64_t& released = dead[from];
  released = std::max(released, message.term.counter);
  // Cancels a grant to its sender in exactly that term, no other. (rule 8)
  const bool same = grant.term == message.term ||
                    (off(Mutation::rule_8) && grant.term.owner == message.term.owner);
  if (same && grant.held(now)) {
    grant.until = now;
    retry_at = now;
  }
  permit.end(message.term);
  if (known_leader == message.term) set_leader(std::nullopt, now);
}

void Node::State::on(Time, HostId from, const Fetch& message) {
  if (message.term == record.promised) send(from, FetchReply{message.term, catalog});
}

}  // namespace cierzo::election
