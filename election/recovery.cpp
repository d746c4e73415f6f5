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
// has led it for as long as a permit. One that is called while it is led knows better than he: it
// hears no call of that site any more, so that no restart of a leader ends a site that works. It
// brings neither its vote nor what it stored: a vote it gets like any host, one at a time. (rule
// 23)
#include <algorithm>

#include "election/state.hpp"

namespace cierzo::election {
namespace {

// Beyond whatever term the lost voters may have reached unseen: what they commanded must be older
// than what is commanded from now on. (rules 16, 17)
constexpr std::uint64_t terms_skipped = 1'000'000;
constexpr std::size_t former_max = 16;  // Sites that are remembered,
constexpr std::size_t rivals_max = 16;  // and those that are not joined.
constexpr int calls_for_a_lease = 4;  // More than one while a voter waits after its start. (rule 7)
constexpr unsigned calls_for_a_text = 8;

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
  // While voters change nobody knows by which set the others go: either may be enough. (rule 23)
  const auto suffice = [&](const std::vector<HostId>& voters) {
    const auto others = std::count_if(voters.begin(), voters.end(), [&](HostId id) {
      return id != config.self && lost.count(id) == 0;
    });
    return !voters.empty() && static_cast<std::size_t>(others) >= majority_of(voters.size());
  };
  const bool others_suffice = suffice(members.present()) || suffice(members.before());
  if (others_suffice && !off(Mutation::rule_22_suffice)) return RecoveryRefusal::others_suffice;
  return std::nullopt;
}

// Whatever was promised and stored for the former site is nothing to the new one.
void Node::State::leave_site(Time now, const std::string& site) {
  if (candidacy) give_up(now);
  stop_suspecting();
  grant = {};
  record.founding.clear();
  record.members = {};
  record.rivals.clear();
  rivals_heard.clear();
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

// Whoever is led knows that its site lives, and that the other was made by mistake. It must
// remember that: its leader may have just restarted when the next call comes, and with a majority
// that joined then, what the former site has stored would be gone. (S3)
bool Node::State::ignores_call(Time now, HostId from) {
  if (off(Mutation::rule_22_led)) return false;
  std::vector<std::string>& rivals = record.rivals;
  const bool known = std::find(rivals.begin(), rivals.end(), site_of_message) != rivals.end();
  if (!known && !lead && !known_leader) return false;
  rivals_heard[from] = now;
  if (known) return true;
  if (rivals.size() == rivals_max) rivals.erase(rivals.begin());
  rivals.push_back(site_of_message);
  record_changed = true;
  fact(RivalSite{from, site_of_message});
  return true;
}

// Called while it is not led, or is led no more: until it may join it stays still. Of hosts that
// were called lost and are switched on together a majority of the former site would otherwise elect
// a leader, before any of them has been left alone for long enough to join.
void Node::State::called(Time now) {
  const bool led = lead || known_leader;  // Then it ignores the call, but where 22-led is off.
  if (led || off(Mutation::rule_22_called)) return;
  if (candidacy) end_candidacy(now);
  stop_suspecting();
  called_until = std::max(called_until, now + timing.at_most(record.longest.permit));
}

// False: this host is led, or was a moment ago.
bool Node::State::join_recovered(Time now) {
  const bool led_is_no_matter = off(Mutation::rule_22_alone) && !lead && !candidacy;
  if (!left_alone(now) && !led_is_no_matter) return false;
  const std::string former = record.site;
  leave_site(now, site_of_message);
  record.votes = false;
  members_as_of = Stamp{};  // The new site's are in force, whatever this host had heard.
  fact(SiteRecovered{former, record.site});
  return true;
}

void Node::State::call_former_members(Time now) {
  if (now < lead->next_call || former_sites(lead->committed).empty()) return;
  lead->next_call = now + timing.lease / calls_for_a_lease;
  const bool known =
      lead->members_version != Stamp{} && lead->committed.entries.count(members_key) > 0;
  if (lead->phase != Phase::ready || !known) return;
  // The members' text, which may be long, only now and then: but with it, since an address of this
  // host that is wrong in the former site's is one reason to recover.
  const bool with_text = lead->calls++ % calls_for_a_text == 0;
  const MembersNews call{lead->term,
                         {lead->committed.stamp, lead->members_version,
                          with_text ? lead->committed.entries.at(members_key) : std::string()},
                         former_sites(lead->committed)};
  for (const Member& member : members.all()) {
    if (member.id == config.self) continue;
    const HostStatus status =
        lead->permits.status(member.id, now, timing, std::nullopt, config.mutations);
    if (!status.heard) send(member.id, call);
  }
}

}  // namespace cierzo::election
