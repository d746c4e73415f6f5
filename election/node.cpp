#include "election/node.hpp"

#include <algorithm>
#include <utility>

#include "election/invariants.hpp"
#include "election/state.hpp"

namespace cierzo::election {
namespace {

// The term a message speaks for, where only the term's owner may send it.
const Term* owned_term(const Body& body) {
  if (const auto* m = std::get_if<Coordinator>(&body)) return &m->term;
  if (const auto* m = std::get_if<Heartbeat>(&body)) return &m->term;
  if (const auto* m = std::get_if<Store>(&body)) return &m->term;
  if (const auto* m = std::get_if<Release>(&body)) return &m->term;
  if (const auto* m = std::get_if<Fetch>(&body)) return &m->term;
  if (const auto* m = std::get_if<MembersNews>(&body)) return &m->term;
  return nullptr;
}

template <class... Kinds>
bool is_one_of(const Body& body) {
  return (std::holds_alternative<Kinds>(body) || ...);
}

}  // namespace

Node::State::State(Config given, Durable durable, Time now)
    : config(std::move(given)),
      members(config.members),
      started(now),
      record(std::move(durable.record)),
      catalog(std::move(durable.catalog)),
      timing(record.timing.value_or(config.timing)),
      permit(config.boot, config.guard_deadline, record.last_led, record.permit_interruptions),
      next(now) {
  if (record.state_id.empty()) {
    record.state_id = config.fresh_state_id;
    record_changed = true;
  }
  recall_members();
  if (record.longest.include(timing)) record_changed = true;
  saw(record.promised);
  saw(record.last_led);
  saw(catalog.stamp.term);
  // Whatever it granted before the restart has ended on every clock by then. (rule 7)
  wait_until = now;
  if (!off(Mutation::rule_7)) wait_until += timing.at_most(record.longest.lease);
}

bool Node::State::belongs(HostId from, const Message& message) {
  if (from == config.self) return false;
  if (off(Mutation::rule_22) && voter && !record.votes && !message.site.empty()) {
    record.site = message.site;
    record.votes = true;
  }
  // Where it does not know yet where it belongs, only what can tell is understood. (rule 22)
  if (record.site.empty())
    return is_one_of<StateQuery, StateAnswer, Found, Heartbeat, Store, MembersNews>(message.body);
  const bool here = message.site == record.site ||
                    (message.site.empty() && is_one_of<StateQuery, HeartbeatAck>(message.body)) ||
                    calls_home(message);
  // A leader may be one of whom this host has not heard: what says so is a majority, not this
  // host's list. Who may speak at all is the transport's to know. (rule 23)
  return here && (members.is_member(from) ||
                  is_one_of<Election, Coordinator, Heartbeat, Store, Release, Fetch, MembersNews>(
                      message.body));
}

void Node::State::step(Time now, HostId from, const Message& message) {
  if (!belongs(from, message)) return;
  last_heard[from] = now;
  if (const Term* term = owned_term(message.body)) {
    if (term->owner != from) return;
    const auto released = dead.find(from);
    // A released term is dead: every later message of it is ignored. (rule 8)
    if (released != dead.end() && term->counter <= released->second) return;
    // Not of another site: terms of the former one must stay below those of the recovered. (rule
    // 22)
    if (message.site == record.site || record.site.empty() || message.site.empty()) saw(*term);
  }
  if (has_state() && !record.founding.empty() && !message.site.empty() &&
      record.founding.erase(from) > 0)
    record_changed = true;
  site_of_message = message.site;
  std::visit([&](const auto& body) { on(now, from, body); }, message.body);
}

// Ends what time has ended, before anything else looks at it: what arrives later counts no more.
void Node::State::expire(Time now) {
  last_now = now;
  // Steps down when authority ends, for ever in this term. (rules 8, 10)
  if (lead && !has_authority(now)) give_up(now);
  if (candidacy && now >= candidacy->deadline) end_candidacy(now);
  if (!lead && known_leader && now >= known_until) set_leader(std::nullopt, now);
}

void Node::State::advance(Time now) {
  expire(now);
  if (voter && !has_state()) ask_for_state(now);
  if (!voter || has_state()) ask_for_members(now);
  if (!record.founding.empty()) repeat_found(now);
  // A restarted agent that was the leader, or stood, gives that term up. Repeated, because
  // connections are young; harmless, because it names one dead term. (rule 8)
  if (record.promised.owner == config.self && now < wait_until && now >= next_release) {
    if (next_release == Time{}) lower_own_deadline(now);  // Later permits are a new leader's.
    send_to_all(Release{record.promised});
    next_release = now + timing.heartbeat;
  }
  if (lead) lead_on(now);
  if (candidacy) repeat_coordinator(now);
  campaign(now);
  schedule(now);
}

void Node::State::schedule(Time now) {
  next = Time::max();
  const auto consider = [&](Time at) { next = std::min(next, std::max(at, now)); };
  if (known_leader && !lead) consider(known_until);
  if (candidacy) consider(std::min(candidacy->deadline, candidacy->repeat));
  if (lead) {
    consider(lead->authority.until());
    consider(lead->next_heartbeat);
    consider(lead->liveness_due);
    return;
  }
  if ((!voter || has_state()) && !known_leader) consider(ask_members_at());
  if (!voter) return;
  if (!has_state()) return consider(state_round.next);
  if (!record.founding.empty()) consider(next_found);
  if (now < votes_from()) {
    consider(votes_from());
    if (record.promised.owner == config.self && now < wait_until) consider(next_release);
    return;
  }
  if (candidacy || retired) return;
  if (now < may_stand_from()) return consider(may_stand_from());
  if (grant.held(now)) return consider(grant.until);
  if (!round) return consider(retry_at);
  const RoundDecision decision = decide(
      *round, {members, config.self, grant.term.owner, stood, timing, patience, failures}, now);
  consider(decision.again);
}

Output Node::State::finish() {
  if (record.permit_interruptions !=
      permit.interruptions()) {  // On disk before reported. (rule 17)
    record.permit_interruptions = permit.interruptions();
    record_changed = true;
  }
  if (record_changed) {
    out.persist.record = record;
    record_changed = false;
  }
  return std::exchange(out, Output{});
}

void Node::State::send_to_all(const Body& body) {
  for (const Member& member : members.all())
    if (member.id != config.self) send(member.id, body);
}

void Node::State::set_leader(std::optional<Term> term, Time until) {
  known_until = until;
  if (known_leader == term) return;
  known_leader = term;
  fact(LeaderChanged{term});
}

void Node::State::use_timing(const Timing& in_force) {
  if (record.longest.include(in_force)) record_changed = true;
  if (timing == in_force && record.timing) return;
  timing = in_force;
  record.timing = in_force;
  record_changed = true;
}

void Node::State::change_catalog(const CatalogDelta& delta) {
  apply(catalog, delta);
  members_of_catalog();
  // Two changes in one Output are written as their result.
  out.persist.catalog = out.persist.catalog ? whole_of(catalog) : delta;
  for (const CatalogChange& change : delta.changes) {
    if (change.key != timing_key || !change.value) continue;
    // Known to a majority as a length that may be in use, before it is in use. (rules 7, 14, 15)
    if (const auto decoded = decode_timing(*change.value);
        decoded && record.longest.include(*decoded))
      record_changed = true;
  }
}

// Of the present voters; of those before while the change of voters waits for them. (rule 23)
Shortage Node::State::shortage(Time now) const {
  const auto among = [&](const std::vector<HostId>& voters) {
    Shortage shortage;
    shortage.needed = majority_of(voters.size());
    shortage.voters = voters.size();
    for (const HostId id : voters) {
      const auto heard = last_heard.find(id);
      const bool lately = heard != last_heard.end() && now < heard->second + 2 * timing.lease;
      if (id == config.self || lately)
        ++shortage.reachable;
      else
        shortage.missing.push_back(id);
    }
    return shortage;
  };
  const Shortage before = among(members.before());
  const bool waits_for_them = members.changing() && before.reachable < before.needed;
  return waits_for_them ? before : among(members.present());
}

std::string to_string(const Shortage& shortage, const Members& members) {
  std::string text = std::to_string(shortage.reachable) + " of " + std::to_string(shortage.voters) +
                     " voters reachable, " + std::to_string(shortage.needed) + " needed";
  for (std::size_t i = 0; i < shortage.missing.size(); ++i)
    text += (i == 0 ? "; missing: " : ", ") + members.name(shortage.missing[i]);
  return text;
}

Node::Node(Config config, Durable durable, Time now)
    : state_(std::make_unique<State>(std::move(config), std::move(durable), now)) {}
Node::~Node() = default;

Output Node::step(Time now, HostId from, const Message& message) {
  state_->expire(now);
  state_->step(now, from, message);
  state_->advance(now);
  check_invariants(*this, now);
  return state_->finish();
}

Output Node::tick(Time now) {
  state_->advance(now);
  check_invariants(*this, now);
  return state_->finish();
}

Time Node::next_tick() const { return state_->next; }

Output Node::propose(Time now, WriteId write, std::vector<CatalogChange> changes) {
  state_->expire(now);
  state_->propose(now, write, std::move(changes));
  state_->advance(now);
  check_invariants(*this, now);
  return state_->finish();
}

Output Node::change_members(Time now, WriteId write, std::vector<Member> members) {
  state_->expire(now);
  state_->propose_members(now, write, std::move(members));
  state_->advance(now);
  check_invariants(*this, now);
  return state_->finish();
}

std::optional<RecoveryRefusal> Node::recovery_refused(Time now,
                                                      const std::set<HostId>& lost) const {
  return state_->recovery_refused(now, lost);
}

Output Node::recover(Time now, const Recovery& recovery) {
  state_->expire(now);
  state_->recover_site(now, recovery);
  state_->advance(now);
  check_invariants(*this, now);
  return state_->finish();
}

bool Node::is_rival(HostId host, Time now) const {
  const auto heard = state_->rivals_heard.find(host);
  return heard != state_->rivals_heard.end() && now < heard->second + 2 * state_->timing.lease;
}

Output Node::release(Time now) {
  state_->retired = true;
  state_->round.reset();
  if (state_->lead || state_->candidacy) state_->give_up(now);
  state_->advance(now);
  check_invariants(*this, now);
  return state_->finish();
}

void Node::set_guarded(bool guarded) { state_->guarded = guarded; }

void Node::set_inventory_digest(std::string digest) { state_->digest = std::move(digest); }

Output Node::connection_broken(Time now, HostId peer) {
  // Only a round that would start anyway starts now; grants run on. (rule 11)
  if (state_->members.is_voter(peer)) state_->retry_at = now;
  return tick(now);
}

Role Node::role() const {
  const State& s = *state_;
  if (!s.has_state()) return Role::stateless;
  if (s.lead) return Role::leader;
  if (s.candidacy || s.round) return Role::candidate;
  return s.last_now < s.votes_from() ? Role::waiting : Role::follower;
}

std::optional<Term> Node::leader() const { return state_->known_leader; }
Term Node::term() const { return std::max(state_->record.promised, state_->record.last_led); }
bool Node::has_authority(Time now) const { return state_->has_authority(now); }
bool Node::ready(Time now) const {
  return state_->has_authority(now) && state_->lead->phase == Phase::ready;
}
Time Node::authority_until() const {
  return state_->lead ? state_->lead->authority.until() : Time{};
}
std::optional<Beat> Node::newest_beat() const {
  const Beat& beat = state_->newest_beat;
  if (state_->known_leader != beat.term || beat.term == Term{}) return std::nullopt;
  return beat;
}
std::optional<Duration> Node::age_of(const Beat& beat, Time now) const {
  const bool ours = state_->lead && state_->lead->term == beat.term;
  if (!ours || beat.at <= Time{} || beat.at > now) return std::nullopt;
  return now - beat.at;
}
Shortage Node::shortage(Time now) const { return state_->shortage(now); }
const Members& Node::members() const { return state_->members; }
const Timing& Node::timing() const { return state_->timing; }
bool Node::permit_valid(Time now) const { return state_->permit.valid(now); }
Term Node::permit_term() const { return state_->permit.heard(); }
std::uint64_t Node::permit_spell(Time now) const { return state_->permit.spell(now); }
Time Node::deadline() const { return state_->permit.deadline(); }

std::vector<HostStatus> Node::hosts(Time now) const {
  std::vector<HostStatus> all;
  if (!has_authority(now)) return all;
  for (const Member& member : state_->members.all())
    if (member.id != state_->config.self) all.push_back(host(member.id, now));
  return all;
}

HostStatus Node::host(HostId id, Time now) const {
  if (!has_authority(now)) return {};
  return state_->lead->permits.status(id, now, state_->timing, state_->marks(id),
                                      state_->config.mutations);
}

bool Node::may_unhold(HostId id, const std::string& held_run, Time now) const {
  if (!ready(now)) return false;
  const HostStatus status = host(id, now);
  return status.liveness == Liveness::alive && status.run != held_run &&
         status.permit_term == state_->lead->term;
}

const Catalog& Node::committed() const {
  static const Catalog none;
  return state_->lead ? state_->lead->committed : none;
}
const Catalog& Node::local_view() const { return state_->catalog; }
const Record& Node::record() const { return state_->record; }
StateStatus Node::state_status(Time now) const { return state_->state_status(now); }

}  // namespace cierzo::election
