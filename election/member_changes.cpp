// Membership changes: which members are in force here, and how a leader changes them. (rule 23)
//
// The members are one entry of the catalog, so everything that keeps the catalog safe keeps them. A
// change of voters takes two writes. The first holds the new members and the voters before: from
// the moment at which a host has stored it, accepts, grants and stores need a majority of both.
// Once that is committed the second drops the voters before. So of two hosts that go by different
// members one always needs a majority that includes somebody who knows the other's; the newest
// heard wins, by the stamp of the catalog that it is in. What was stored and never committed is
// overwritten like every such write, and with it the members.
//
// A host that is to vote is let in first (rule 22): it has the catalog and grants heartbeats before
// any majority needs it. A leader whose own vote is removed hands over when the first write is
// committed, and its successor, one that stays, writes the second.
#include <algorithm>
#include <utility>

#include "election/state.hpp"

namespace cierzo::election {
namespace {
// A change that cannot begin, because those it needs do not answer, is refused after so long.
constexpr int change_leases = 10;
// A voter that leaves stands when for so long nobody that stays was elected.
constexpr int leaving_leases = 2;
}  // namespace

// At the start, from what is on disk: the catalog's members, newer ones heard, or the file's.
void Node::State::recall_members() {
  voter = members.is_voter(config.self) && members.key(config.self) == config.key;
  const auto entry = catalog.entries.find(members_key);
  if (entry != catalog.entries.end()) {
    if (auto known = decode_members(entry->second)) use_members(catalog.stamp, std::move(*known));
  }
  if (record.members.as_of > members_as_of) {
    if (auto known = decode_members(record.members.text))
      use_members(record.members.as_of, std::move(*known));
  }
  out = {};  // Nobody has heard of others yet.
}

// The catalog stored here has changed; a newer one that was heard of still wins.
void Node::State::members_of_catalog() {
  const auto entry = catalog.entries.find(members_key);
  if (entry == catalog.entries.end() || catalog.stamp < members_as_of) return;
  if (record.members.as_of != Stamp{}) {
    record.members = {};
    record_changed = true;
  }
  if (auto known = decode_members(entry->second)) use_members(catalog.stamp, std::move(*known));
}

// False: it means a version that is not in force here any more, and must be told again.
bool Node::State::hear_members(const Configuration& heard) {
  if (heard.as_of <= members_as_of) return true;
  if (heard.text.empty()) {
    if (heard.version != members.version()) return false;
    members_as_of = heard.as_of;
    return true;
  }
  auto known = decode_members(heard.text);
  if (!known) return false;
  record.members = heard;
  record_changed = true;
  use_members(heard.as_of, std::move(*known));
  return true;
}

void Node::State::use_members(Stamp as_of, Members in_force) {
  members_as_of = as_of;
  if (in_force.version() == members.version() && in_force.version() != Stamp{}) return;
  const Members former = std::exchange(members, std::move(in_force));
  // Under another key its place was given to another machine. (rule 22)
  voter = members.is_voter(config.self) && members.key(config.self) == config.key;
  if (former.all() != members.all() || former.before() != members.before())
    fact(MembersChanged{members});  // Not only their version: who leads first writes the file's.
  if (!voter) stop_suspecting();
  if (candidacy) {  // They are asked too, and may all accept.
    candidacy->hopeful.insert(members.voters().begin(), members.voters().end());
    candidacy->repeat = last_now;
    if (!lead && !voter) end_candidacy(last_now);
  }
  if (lead) lead_under(former);
}

void Node::State::lead_under(const Members& former) {
  for (const Member& member : members.all()) {
    if (member.id == config.self) continue;
    const bool replaced = former.is_member(member.id) && former.key(member.id) != member.key;
    if (replaced) {  // What the other machine granted and stored is nothing to this one.
      lead->authority.forget(member.id);
      lead->accepted.erase(member.id);
      lead->stamps.erase(member.id);
    }
    // Nothing is known of permits that others may have given it.
    if (replaced || !lead->permits.knows(member.id))
      lead->permits.begin(member.id, last_now + timing.at_most(record.longest.permit));
  }
  std::erase_if(lead->reported, [this](const auto& it) { return !members.is_member(it.first); });
  lead->liveness_due = last_now;
  // Under other voters authority may end sooner; the own host's deadline follows it. (rule 15)
  lead->authority.recount();
  known_until = Time{};
  authority_moved();
}

// `told_version`: what the receiver goes by, which then needs no text.
Configuration Node::State::configuration(const Stamp& told_version) const {
  const bool same = told_version == members.version();
  return {members_as_of, members.version(), same ? std::string() : encode(members)};
}

// One that leaves may be the only one that knows of the change, so it must be able to lead until
// the others know too; but it should be one that stays. (rule 23)
Time Node::State::may_stand_from() const {
  if (may_lead()) return Time{};
  if (!voter) return Time::max();
  return std::max(grant.until, wait_until) + leaving_leases * timing.lease;
}

// Between voters; and by one that knows newer members, of which this host may be: its answer says
// what it knows itself. One that was removed and has not heard of it is ignored. (rule 23)
bool Node::State::may_ask_for_votes(HostId from, const Stamp& as_of) const {
  return as_of > members_as_of || (voter && members.is_voter(from));
}

void Node::State::on(Time now, HostId from, const MembersNews& message) {
  const bool elsewhere = !record.site.empty() && site_of_message != record.site;
  if (elsewhere && ignores_call(now, from)) return;
  if (elsewhere && !join_recovered(now)) return called(now);
  // A host without a site may be of none of those in its file: this is where it belongs.
  (void)hear_members(message.members);
}

void Node::State::propose_members(Time now, WriteId write, std::vector<Member> to) {
  const auto refuse_it = [&](RefusalReason reason) {
    fact(WriteRefused{write, reason, shortage(now)});
  };
  if (!has_authority(now)) return refuse_it(RefusalReason::not_leader);  // (rule 21)
  // A leader has committed something in its own term first. (rule 23)
  if (lead->phase != Phase::ready) return refuse_it(RefusalReason::recovering);
  if (lead->change || (members.changing() && !off(Mutation::rule_23_one_at_a_time)))
    return refuse_it(RefusalReason::changing);
  const bool this_one_replaced = std::any_of(to.begin(), to.end(), [this](const Member& member) {
    return member.id == config.self && member.key != config.key;
  });
  if (this_one_replaced || !mistakes_of_change(members, to).empty())
    return refuse_it(RefusalReason::invalid);
  lead->change = PendingChange{write, std::move(to), now + change_leases * timing.lease};
  begin_change(now);
}

// Is to vote when the change that waits has begun.
bool Node::State::wants_in(HostId host) const {
  if (!lead || !lead->change || members.is_voter(host)) return false;
  const auto& to = lead->change->members;
  return std::any_of(to.begin(), to.end(),
                     [&](const Member& member) { return member.id == host && member.voter; });
}

void Node::State::begin_change(Time now) {
  if (!lead || !lead->change || lead->phase != Phase::ready) return;
  const bool waits = lead->under_way && !off(Mutation::rule_23_one_at_a_time);
  CatalogDelta delta{false, catalog.stamp, {lead->term, lead->sequence + 1}, {}};
  Members then = joint(members, lead->change->members, delta.stamp);
  if (off(Mutation::rule_23_both_majorities)) then = finished(then, delta.stamp);

  RefusalReason lacks = RefusalReason::no_majority;
  bool ready = !waits && lead->authority.until_under(then) > now;
  for (const Member& member : lead->change->members) {
    if (!wants_in(member.id)) continue;
    const HostStatus status =
        lead->permits.status(member.id, now, timing, std::nullopt, config.mutations);
    if (status.liveness == Liveness::alive && status.has_state) continue;
    ready = false;
    lacks = RefusalReason::voter_silent;
  }
  const WriteId write = lead->change->write;
  if (!ready) {
    if (now < lead->change->give_up) return;
    lead->change.reset();
    return fact(WriteRefused{write, lacks, shortage(now)});
  }
  lead->change.reset();
  ++lead->sequence;
  delta.changes.push_back({members_key, encode(then)});
  for (const Member& member : then.all()) {
    if (members.is_member(member.id) && members.key(member.id) == member.key) continue;
    delta.changes.push_back({held_key(member.id), std::nullopt});
    // The former site may have had it, by a change that this catalog never had. (rule 22)
    const std::vector<std::string> former = former_sites(lead->committed);
    if (!members.is_member(member.id) && !former.empty()) {
      delta.changes.push_back({lost_key(member.id), std::nullopt});
      delta.changes.push_back({unjoined_key(member.id), former.back()});
      continue;
    }
    // A new machine: until it is heard it is known that nothing is there. (rule 14)
    LostMark mark;
    mark.added = true;
    delta.changes.push_back({lost_key(member.id), encode(mark)});
    delta.changes.push_back({unjoined_key(member.id), std::nullopt});
  }
  begin_batch(now, std::move(delta), {write});
}

// The voters before are not needed any more. True: written, and `writes` are answered when that is
// committed.
bool Node::State::finish_change(Time now, std::vector<WriteId>& writes) {
  if (!lead || !members.changing()) return false;
  if (!may_lead()) {
    lead->leave_at = std::min(lead->leave_at, now + timing.heartbeat);  // Answers its writes first.
    return false;
  }
  CatalogDelta delta{false, catalog.stamp, {lead->term, ++lead->sequence}, {}};
  delta.changes.push_back({members_key, encode(finished(members, delta.stamp))});
  for (const Member& member : members.all())
    if (member.leaving) lead->farewell.push_back(member.id);
  begin_batch(now, std::move(delta), std::exchange(writes, {}));
  return true;
}

// Hosts that store no catalog hear of the members once no change is under way.
void Node::State::members_committed() {
  if (members.changing()) return;
  lead->members_version = members.version();
  for (const HostId host : std::exchange(lead->farewell, {})) tell_members(host);
}

void Node::State::tell_members(HostId host) {
  if (lead->phase != Phase::ready || lead->members_version == Stamp{}) return;
  const auto entry = lead->committed.entries.find(members_key);
  if (entry == lead->committed.entries.end()) return;
  send(host, MembersNews{lead->term,
                         {lead->committed.stamp, lead->members_version, entry->second},
                         former_sites(lead->committed)});
}

}  // namespace cierzo::election
