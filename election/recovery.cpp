// A site made anew from one voter, where no majority with state is left. (rule 22)
//
// An administrator says which hosts are gone for good. Recovered is only where the others could
// not elect a leader without this host: then nobody leads the former site again, if he is right. If
// he is not, his word counts for the hosts that he named and for no other: of each of those nothing
// is known until it is heard in the new site (unjoined_key), so nothing that it may run is started
// elsewhere, whoever leads it.
//
// The new site has another id, so its messages and those of the former one are nothing to one
// another. A host of the former site joins when it is called by a leader of the new one and nobody
// has led it for as long as a permit. It brings neither its vote nor what it stored: a vote it gets
// like any host, one at a time. (rule 23)
#include <algorithm>

#include "election/state.hpp"

namespace cierzo::election {
namespace {

// Beyond whatever term the lost voters may have reached unseen: what they commanded must be older
// than what is commanded from now on. (rules 16, 17)
constexpr std::uint64_t terms_skipped = 1'000'000;
constexpr std::size_t former_max = 16;  // Sites that are remembered.

}  // namespace

// Nobody leads this host, or has for as long as the longest permit: whatever it was given by then
// has ended.
bool Node::State::left_alone(Time now) const {
  const Time since = std::max(known_until, started);
  return !lead && !known_leader && !grant.held_by_other(config.self, now) &&
         now >= since + timing.at_most(record.longest.permit);
}

// A leader of the site that was made out of this host's.
bool Node::State::calls_home(const Message& message) const {
  const auto* news = std::get_if<MembersNews>(&message.body);
  if (news == nullptr || message.site.empty()) return false;
  return std::find(news->former.begin(), news->former.end(), record.site) != news->former.end();
}

std::optional<RecoveryRefusal> Node::State::recovery_refused(Time now,
                                                             const std::set<HostId>& lost) const {
  if (!voter || !record.votes) return RecoveryRefusal::no_vote;
  if (lead || known_leader) return RecoveryRefusal::led;
  if (!left_alone(now)) return RecoveryRefusal::led_lately;
  const bool others_suffice =
      members.majority([&](HostId id) { return id != config.self && lost.count(id) == 0; });
  if (others_suffice) return RecoveryRefusal::others_suffice;
  return std::nullopt;
}

// Whatever was promised and stored for the former site is nothing to the new one.
void Node::State::leave_site(Time now, const std::string& site) {
  if (candidacy) give_up(now);
  stop_suspecting();
  grant = {};
  record.founding.clear();
  record.members = {};
  record.site = site;
  record_changed = true;
}

void Node::State::recover_site(Time now, const Recovery& recovery) {
  const std::string former = record.site;
  leave_site(now, recovery.site);
  seen_counter += terms_skipped;
  const Term term{++seen_counter, config.self};
  promise(term);  // Above the last leader that was heard: no exception for its host. (rule 15)
  CatalogDelta delta{false, catalog.stamp, {term, 0}, {}};
  std::vector<Member> all = recovery.members;
  for (Member& member : all) {
    member.voter = member.id == config.self;
    member.witness = member.witness && member.voter;
    member.leaving = false;
    if (member.voter) continue;
    // Marks of the former site may be older than what its last leader knew.
    delta.changes.push_back({held_key(member.id), std::nullopt});
    if (recovery.lost.count(member.id) > 0) {
      delta.changes.push_back({lost_key(member.id), encode(LostMark{})});
      delta.changes.push_back({unjoined_key(member.id), std::nullopt});
    } else {
      delta.changes.push_back({lost_key(member.id), std::nullopt});
      delta.changes.push_back({unjoined_key(member.id), former});
    }
  }
  std::vector<std::string> sites = former_sites(catalog);
  sites.push_back(former);
  if (sites.size() > former_max) sites.erase(sites.begin());
  delta.changes.push_back({former_key, encode_former(sites)});
  delta.changes.push_back({first_term_key, encode(term)});
  for (auto entry = catalog.entries.lower_bound(settled_prefix);
       entry != catalog.entries.end() && entry->first.starts_with(settled_prefix); ++entry)
    delta.changes.push_back({entry->first, std::nullopt});
  delta.changes.push_back({members_key, encode(Members(std::move(all), {}, delta.stamp))});
  change_catalog(delta);
  retry_at = now;
  fact(SiteRecovered{former, record.site, true});
}

// False: this host is led, or was a moment ago.
bool Node::State::join_recovered(Time now) {
  if (!left_alone(now)) return false;
  const std::string former = record.site;
  leave_site(now, site_of_message);
  record.votes = false;
  members_as_of = Stamp{};  // The new site's are in force, whatever this host had heard.
  fact(SiteRecovered{former, record.site});
  return true;
}

void Node::State::call_former_members(Time now) {
  if (now < lead->next_call || former_sites(lead->committed).empty()) return;
  lead->next_call = now + timing.lease;
  for (const Member& member : members.all()) {
    if (member.id == config.self) continue;
    const HostStatus status =
        lead->permits.status(member.id, now, timing, std::nullopt, config.mutations);
    if (!status.heard) tell_members(member.id);
  }
}

}  // namespace cierzo::election
