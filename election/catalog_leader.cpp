// The leader's catalog: recovery, and writes on a majority. (rules 5, 20, 22)
#include <algorithm>

#include "election/state.hpp"

namespace cierzo::election {
namespace {
// A leader that cannot get the newest catalog gives up after this many leases. (rule 5)
constexpr int recover_leases = 4;
}  // namespace

// Takes the highest stamp among the majority; fetches it if it is not its own. (rule 5)
void Node::State::recover(Time now, const Candidacy& won) {
  lead->recover_by = now + recover_leases * timing.lease;
  for (const auto& [voter_id, accept] : won.accepts)
    lead->target = std::max(lead->target, accept.catalog);
  if (catalog.stamp >= lead->target || off(Mutation::rule_5)) return restamp(now);
  for (const auto& [voter_id, accept] : won.accepts)
    if (accept.catalog == lead->target) lead->holders.push_back(voter_id);
  fetch_next(now);
}

void Node::State::fetch_next(Time) {
  send(lead->holders[lead->asked % lead->holders.size()], Fetch{lead->term});
  ++lead->asked;
}

void Node::State::on(Time now, HostId from, const FetchReply& message) {
  if (!lead || message.term != lead->term || lead->phase != Phase::fetching) return;
  if (!members.is_voter(from) || message.catalog.stamp < lead->target) return;
  change_catalog(whole_of(message.catalog));
  restamp(now);
}

// Makes what it found its own term's, on a majority, before it acts: an older leader's half-stored
// write is thereby either taken over or dead. (rule 5)
void Node::State::restamp(Time now) {
  lead->phase = Phase::storing;
  CatalogDelta delta{false, catalog.stamp, {lead->term, 0}, {}};
  // The first leader of the site puts its file's timing where it belongs.
  if (catalog.entries.count(timing_key) == 0) delta.changes.push_back({timing_key, encode(timing)});
  if (catalog.entries.count(members_key) == 0)  // And its members.
    delta.changes.push_back({members_key, encode(Members(members.all(), {}, delta.stamp))});
  // Elected by members that it only heard of, newer than the newest catalog: that change was never
  // committed, and is taken over like any half-stored write. Dropped, it may drop this leader's
  // vote.
  if (members_as_of > catalog.stamp)
    delta.changes.push_back(
        {members_key, encode(Members(members.all(), members.before(), delta.stamp))});
  if (members.changing() && off(Mutation::rule_23_committed_first))
    delta.changes.push_back({members_key, encode(finished(members, delta.stamp))});
  begin_batch(now, std::move(delta), {});
}

void Node::State::begin_batch(Time now, CatalogDelta delta, std::vector<WriteId> writes) {
  change_catalog(delta);
  lead->stamps[config.self] = delta.stamp;
  lead->under_way = Batch{std::move(delta), std::move(writes)};
  send_to_voters(Store{lead->term, lead->under_way->delta, ""});
  try_commit(now);
}

void Node::State::begin_next_batch(Time now) {
  if (lead->phase != Phase::ready || lead->under_way || lead->pending.empty()) return;
  CatalogDelta delta{false, catalog.stamp, {lead->term, ++lead->sequence}, {}};
  std::vector<WriteId> writes;
  while (!lead->pending.empty() && writes.size() < writes_per_store_max) {
    PendingWrite& pending = lead->pending.front();
    writes.push_back(pending.write);
    std::move(pending.changes.begin(), pending.changes.end(), std::back_inserter(delta.changes));
    lead->pending.pop_front();
  }
  begin_batch(now, std::move(delta), std::move(writes));
}

// Committed when a majority of voters has it, under this term, and authority still holds. (rules
// 10, 20)
void Node::State::try_commit(Time now) {
  if (!lead || !lead->under_way || !has_authority(now)) return;
  const Stamp wanted = lead->under_way->delta.stamp;
  const bool stored = members.majority([&](HostId id) {
    const auto stamp = lead->stamps.find(id);
    return stamp != lead->stamps.end() && stamp->second >= wanted;
  });
  if (stored) commit(now);
}

void Node::State::commit(Time now) {
  Batch done = std::move(*lead->under_way);
  lead->under_way.reset();
  const bool first = lead->phase == Phase::storing;
  CatalogCommitted committed{done.delta.stamp, {}, first};
  if (first) {
    lead->committed = catalog;
    lead->phase = Phase::ready;
    if (!record.founding.empty()) {  // The rest are let in by the leader from now on. (rule 22)
      record.founding.clear();
      record_changed = true;
    }
    fact(LeadershipReady{lead->term});
  } else {
    apply(lead->committed, done.delta);
    for (const CatalogChange& change : done.delta.changes) committed.keys.push_back(change.key);
  }
  fact(std::move(committed));
  members_committed();
  const bool finishing = finish_change(now, done.writes);
  for (const WriteId write : done.writes) fact(WriteCommitted{write, done.delta.stamp});
  lead->liveness_due = now;  // Held marks may have changed. (rule 14)

  const auto entry = lead->committed.entries.find(timing_key);
  if (entry != lead->committed.entries.end())
    if (const auto in_force = decode_timing(entry->second)) use_timing(*in_force);
  if (finishing) return;
  begin_next_batch(now);
}

void Node::State::on(Time now, HostId from, const Stored& message) {
  if (!lead || message.term != lead->term || !members.is_voter(from)) return;
  Stamp& stamp = lead->stamps[from];
  stamp = std::max(stamp, message.catalog);
  if (message.whole_wanted && message.catalog < catalog.stamp)
    send_whole(now, from, "");  // It follows from nothing it has: the whole. (rule 20)
  try_commit(now);
}

// What a voter lacks is sent again with the heartbeats, while it is heard.
void Node::State::store_again(Time now, HostId voter_id) {
  if (lead->phase == Phase::fetching) return;
  const auto stamp = lead->stamps.find(voter_id);
  if (stamp == lead->stamps.end() || stamp->second >= catalog.stamp) return;
  const auto heard = last_heard.find(voter_id);
  if (heard == last_heard.end() || now >= heard->second + timing.lease) return;
  if (lead->under_way && lead->under_way->delta.follows == stamp->second)
    return send(voter_id, Store{lead->term, lead->under_way->delta, ""});
  const auto sent = lead->whole_sent.find(voter_id);
  if (sent != lead->whole_sent.end() && now < sent->second + timing.lease) return;
  send_whole(now, voter_id, "");
}

void Node::State::send_whole(Time now, HostId voter_id, const std::string& admits) {
  lead->whole_sent[voter_id] = now;
  send(voter_id, Store{lead->term, whole_of(catalog), admits});
}

void Node::State::propose(Time now, WriteId write, std::vector<CatalogChange> changes) {
  const auto refuse_it = [&](RefusalReason reason) {
    fact(WriteRefused{write, reason, shortage(now)});
  };
  if (!has_authority(now)) return refuse_it(RefusalReason::not_leader);  // (rule 21)
  for (const CatalogChange& change : changes)
    if (change.key == members_key) return refuse_it(RefusalReason::invalid);  // change_members()
  if (lead->phase != Phase::ready) return refuse_it(RefusalReason::recovering);
  if (lead->pending.size() >= writes_pending_max) return refuse_it(RefusalReason::too_many);
  lead->pending.push_back({write, std::move(changes)});
  begin_next_batch(now);
}

}  // namespace cierzo::election
