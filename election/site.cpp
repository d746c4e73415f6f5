// Starting a site, and a voter that lost its state. (rule 22)
//
// A voter without state asks all the others. The file's `hosts:` start a site only when every
// listed voter answers, in one round, that it has no state: then the lowest id makes the site and
// tells the others. Found names the state id of its receiver, so that it never reaches a disk that
// came later; the founder keeps on disk whom it still owes it, so that its restart strands nobody.
//
// A voter that has no state while others do is let in by a leader's whole Store that names its
// state id.
#include <algorithm>

#include "election/state.hpp"

namespace cierzo::election {

void Node::State::ask_for_state(Time now) {
  if (now < state_round.next) return;
  state_round.at = std::max(now, state_round.at + Duration{1});
  state_round.next = now + std::max(timing.heartbeat, patience.round(timing));
  send_to_voters(StateQuery{state_round.at, members.voters(), configuration(members.version())});
  consider_founding();  // A single voter has nobody to ask.
}

// It may know only members that are none any more, so that it believes no leader. (rule 23)
void Node::State::ask_for_members(Time now) {
  if (lead || known_leader || now < ask_members_at()) return;
  members_asked = now;
  send_to_voters(StateQuery{now, members.voters(), configuration(members.version())});
}

Time Node::State::ask_members_at() const {
  return std::max({known_until, started, members_asked}) + 2 * timing.lease;
}

void Node::State::on(Time, HostId from, const StateQuery& message) {
  StateAnswer answer{message.at, !record.site.empty(), message.voters == members.voters(),
                     record.state_id};
  if (members_as_of > message.members.as_of)
    answer.members = configuration(message.members.version);
  send(from, std::move(answer));
}

void Node::State::on(Time now, HostId from, const StateAnswer& message) {
  (void)hear_members(message.members);
  if (has_state() || !members.is_voter(from)) return;
  if (message.at >= started && message.at <= now) patience.measured(now - message.at, timing);
  // Only of this round: an answer to an earlier boot of this host may carry any time.
  if (message.at != state_round.at) return;
  state_round.answers[from] = message;
  consider_founding();
}

void Node::State::consider_founding() {
  if (!record.site.empty() || members.voters().front() != config.self) return;
  std::map<HostId, std::string> others;
  for (const HostId id : members.voters()) {
    if (id == config.self) continue;
    const auto answer = state_round.answers.find(id);
    if (answer == state_round.answers.end() || answer->second.at != state_round.at) return;
    if (answer->second.has_state || !answer->second.same_voters) return;
    others[id] = answer->second.state_id;
  }
  record.site = config.fresh_site_id;
  record.votes = true;
  record.founding = others;
  record_changed = true;
  fact(SiteFounded{record.site});
  for (const auto& [id, state_id] : others) send(id, Found{state_id});
}

void Node::State::repeat_found(Time now) {
  if (now < next_found) return;
  next_found = now + timing.heartbeat;
  for (const auto& [id, state_id] : record.founding) send(id, Found{state_id});
}

void Node::State::on(Time, HostId from, const Found& message) {
  const bool for_me = voter && record.site.empty() && message.state_id == record.state_id;
  if (!for_me || from != members.voters().front() || site_of_message.empty()) return;
  record.site = site_of_message;
  record.votes = true;
  record_changed = true;
  fact(StateJoined{record.site, catalog.stamp});
}

void Node::State::admitted(Time now, HostId from, const std::string& site, const Store& store) {
  // What it granted before it lost its state has ended by then. (rule 7)
  if (now < wait_until || site.empty()) return;
  if (store.admits != record.state_id || !store.delta.whole) return;
  record.site = site;
  record.votes = true;
  promise(store.term);
  change_catalog(store.delta);
  record_changed = true;
  fact(StateJoined{site, catalog.stamp});
  send(from, Stored{store.term, catalog.stamp, false});
}

StateStatus Node::State::state_status(Time now) const {
  StateStatus status;
  status.has_state = has_state();
  if (status.has_state) return status;
  const Duration lately = 3 * std::max(timing.heartbeat, patience.round(timing));
  for (const HostId id : members.voters()) {
    if (id == config.self) continue;
    const auto answer = state_round.answers.find(id);
    if (answer == state_round.answers.end() || answer->second.at + lately <= now) {
      status.silent.push_back(id);
      continue;
    }
    if (answer->second.has_state) status.with_state.push_back(id);
    if (!answer->second.same_voters) status.disagree.push_back(id);
  }
  return status;
}

}  // namespace cierzo::election
