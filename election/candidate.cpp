// Suspecting, challenging, standing, being elected. (rules 1-6, 15)
#include <algorithm>

#include "election/state.hpp"

namespace cierzo::election {

void Node::State::campaign(Time now) {
  if (!can_vote(now) || lead || candidacy || retired || now < may_stand_from()) return;
  // A voter suspects when it holds no unexpired grant; no random timeout. (rule 1)
  if (grant.held(now) && !off(Mutation::rule_4_own)) return;
  if (!round) {
    if (grant.held(now) || now < retry_at) return;
    start_round(now);
  }
  const RoundContext context{members, config.self, grant.term.owner, stood,
                             timing,  patience,    failures};
  if (decide(*round, context, now).go) return stand(now);
  if (now >= round->at + patience.round(timing)) start_round(now);
}

// Challenge and probe in one message to all voters. (rule 2)
void Node::State::start_round(Time now) {
  last_round = std::max(now, last_round + Duration{1});  // Each round has a name of its own.
  round = Round{last_round, {}};
  send_to_voters(Election{Term{seen_counter, HostId{}}, last_round, members_as_of});
}

void Node::State::on(Time now, HostId from, const Answer& message) {
  saw(message.term);
  // An answer to an earlier round still tells how slow the network is. (rule 3)
  if (message.at >= started && message.at <= now) patience.measured(now - message.at, timing);
  if (!round || message.at != round->at || !members.is_voter(from)) return;
  round->answers[from] = message.kind;
  // One that says so stands, and is waited for, once in this election. Its own Election alone
  // proves nothing: it may be deaf. (rule 6)
  if (message.kind == AnswerKind::stand && from < config.self) stood.try_emplace(from, now);
}

// Sends the Coordinator: in a term above every one seen, and of its own. (rule 3)
void Node::State::stand(Time now) {
  std::set<HostId> hopeful{config.self};
  if (round)
    for (const auto& [voter_id, answer] : round->answers)
      if (answer != AnswerKind::leader) hopeful.insert(voter_id);
  round.reset();
  // The candidate's own acceptance obeys rule 4 at the same instant: a heartbeat may have landed.
  if (grant.held_by_other(config.self, now) && !off(Mutation::rule_4_own)) return;
  const Term term{++seen_counter, config.self};
  promise(term);
  candidacy = Candidacy{term,
                        now,
                        now + timing.at_least(timing.lease),
                        now + patience.answer(timing),
                        timing,
                        {},
                        {},
                        std::move(hopeful)};
  grant = {term, std::max(lead ? lead->authority.until() : Time{}, candidacy->deadline)};
  candidacy->accepts[config.self] = own_accept(members.version());
  send_to_voters(Coordinator{term, timing, configuration(members.version())});
  check_elected(now);
}

Accept Node::State::own_accept(const Stamp& told_version) const {
  return {record.promised, catalog.stamp,
          record.last_led, record.promised_before,
          record.longest,  configuration(told_version),
          config.key};
}

// Accepted, by the machine that is this voter in the members in force now: another one under its id
// is nobody. (rules 5, 22)
bool Node::State::counts(HostId from) const {
  const auto accept = candidacy->accepts.find(from);
  return accept != candidacy->accepts.end() && accept->second.key == members.key(from);
}

void Node::State::on(Time now, HostId from, const Accept& message) {
  if (candidacy && message.term == candidacy->term) {
    // The newest members heard are the ones whose majority counts. (rule 23)
    if (!off(Mutation::rule_23_newest_heard) && !hear_members(message.members)) return;
    if (!candidacy) return;                     // It is no voter any more.
    candidacy->accepts.emplace(from, message);  // Once per voter. (rule 5)
    candidacy->refused.erase(from);
    check_elected(now);
  } else if (lead && message.term == lead->term && members.is_voter(from) &&
             message.key == members.key(from)) {
    // Late, or an answer to a repeated Coordinator: a grant from seq 0 on. (rule 9)
    lead->accepted.insert(from);
    lead->authority.granted(from, 0);
    Stamp& stamp = lead->stamps[from];
    stamp = std::max(stamp, message.catalog);
    authority_moved();
    try_commit(now);
  }
}

void Node::State::on(Time now, HostId from, const Refuse& message) {
  saw(message.promised);
  if (candidacy && message.term == candidacy->term && members.is_voter(from)) {
    if (candidacy->accepts.count(from) == 0) candidacy->refused.insert(from);
    // Failed as soon as a majority has become impossible: of those that answered in the round,
    // where there was one, because a silent voter is not going to accept. (rule 4)
    const bool possible = members.majority([&](HostId id) {
      const bool hopeful = lead || candidacy->hopeful.count(id) > 0;
      return candidacy->accepts.count(id) > 0 || (hopeful && candidacy->refused.count(id) == 0);
    });
    if (!possible) end_candidacy(now);
  } else if (lead && message.term == lead->term) {
    meet_higher_promise(now, message.promised);
  }
}

// The Coordinator may be lost, or have met a grant that has ended since. Authority counts from when
// it was first sent, whichever copy is accepted. (rule 5)
void Node::State::repeat_coordinator(Time now) {
  if (now < candidacy->repeat) return;
  candidacy->repeat = now + patience.answer(timing);
  for (const HostId id : members.voters())
    if (candidacy->accepts.count(id) == 0)
      send(id, Coordinator{candidacy->term, candidacy->timing,
                           configuration(members.version())});  // Not to itself: it accepted.
}

void Node::State::check_elected(Time now) {
  if (members.majority([this](HostId id) { return counts(id); })) elected(now);
}

void Node::State::elected(Time now) {
  const Candidacy won = *candidacy;
  Leadership next_lead(won.term, members, config.self);
  // Authority begins from when the Coordinator was first sent: it is seq 0 of rule 9. (rule 5)
  next_lead.authority.sent(0, won.sent, won.timing);
  for (const auto& [voter_id, accept] : won.accepts)
    if (accept.key == members.key(voter_id)) next_lead.authority.granted(voter_id, 0);
  if (now >= next_lead.authority.until()) return end_candidacy(now);

  candidacy.reset();
  failures = 0;
  if (lead)
    end_leadership(now);  // Led an older term until now, and met a higher promise. (rule 12)
  stop_suspecting();
  lead.emplace(std::move(next_lead));
  lead->first_authority = now;
  lead->next_heartbeat = now;
  for (const auto& [voter_id, accept] : won.accepts) {
    lead->accepted.insert(voter_id);
    lead->stamps[voter_id] = accept.catalog;
    if (record.longest.include(accept.longest)) record_changed = true;
  }
  use_timing(won.timing);
  assume_permits(now, won);
  record.last_led = won.term;
  record_changed = true;

  grant = {won.term, lead->authority.until()};
  // Before the first heartbeat leaves, and never raising it thereby. (rule 15)
  permit.hear(won.term, std::nullopt, Duration{0}, now, config.mutations);
  permit.lower(lead->authority.until() + timing.at_least(timing.permit - timing.lease));
  set_leader(won.term, lead->authority.until());
  fact(AuthorityBegan{won.term});
  recover(now, won);
}

// A new leader knows nothing of the permits that others gave: every host, silent or not, has at
// least the bound that the longest permit of the last leader can reach. (rule 15)
void Node::State::assume_permits(Time now, const Candidacy& won) {
  Term last_led;
  Term promised_before;
  for (const auto& [voter_id, accept] : won.accepts) {
    last_led = std::max(last_led, accept.last_led);
    promised_before = std::max(promised_before, accept.promised_before);
  }
  // The exception: the last leader's host followed its authority, if it was heard to lead and
  // nobody promised anything above it since. When in doubt, no exception.
  HostId former_leader;
  if (promised_before <= last_led) former_leader = last_led.owner;
  if (off(Mutation::rule_15_last_led)) former_leader = promised_before.owner;

  for (const Member& member : members.all()) {
    if (member.id == config.self) continue;
    const Duration reach =
        member.id == former_leader ? record.longest.permit_minus_lease : record.longest.permit;
    const Time bound = off(Mutation::rule_15) ? now : now + timing.at_most(reach);
    lead->permits.begin(member.id, bound);
  }
  lead->liveness_due = now;
}

}  // namespace cierzo::election
