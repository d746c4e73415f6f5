// The inside of Node, for its own .cpp files, invariants and nobody else.
//
// One handler per kind of message; each entry point of Node is: expire what has ended, handle the
// event, advance everything that time or the event has made due. Output is collected on the way.
//   node.cpp       entry points, queries        voter.cpp   promises, grants, stores (4, 7-9, 12,
//   20) candidate.cpp  rounds, candidacy (1-6)      leader.cpp  authority, heartbeats, permits
//   (8-10, 12, 15) member_changes.cpp  (23) catalog_leader.cpp  recovery, writes (5, 20)  site.cpp
//   starting a site, lost state (22)  recovery.cpp  a site made anew from one voter (22)
#pragma once
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "election/bully.hpp"
#include "election/grants.hpp"
#include "election/node.hpp"

namespace cierzo::election {

// Writes that wait behind the one under way, and how many of them one Store takes.
inline constexpr std::size_t writes_pending_max = 1000;
inline constexpr std::size_t writes_per_store_max = 64;

// From sending a Coordinator to a majority of Accepts. (rules 4, 5)
struct Candidacy {
  Term term;
  Time sent{};      // When the Coordinator was first sent: authority will begin there.
  Time deadline{};  // Then it has failed.
  Time repeat{};    // When it is sent again to those that have not answered, or refused.
  Timing timing;    // The one it named.
  std::map<HostId, Accept> accepts;  // This host's own included.
  std::set<HostId> refused;
  std::set<HostId> hopeful;  // Answered the round without naming a leader, this host included.
};

// One Store under way: the re-stamping of a new leader, or writes.
struct Batch {
  CatalogDelta delta;
  std::vector<WriteId> writes;
};

struct PendingWrite {
  WriteId write;
  std::vector<CatalogChange> changes;
};

// A change of the members that has not begun: the host that is to vote is let in first. (rule 23)
struct PendingChange {
  WriteId write;
  std::vector<Member> members;
  Time give_up{};
};

enum class Phase { fetching, storing, ready };  // Of the catalog's recovery. (rule 5)

// What a leader knows, in one term.
struct Leadership {
  Leadership(Term t, const Members& members, HostId self) : term(t), authority(members, self) {}

  Term term;
  Authority authority;
  Time first_authority{};     // When the majority was complete. (rule 15)
  std::set<HostId> accepted;  // The others get the Coordinator again.
  std::uint64_t seq = 0;
  Time next_heartbeat{};
  Time next_bump{};  // Not more often is a higher promise met by a new Coordinator.

  PermitLedger permits;
  std::map<HostId, Liveness> reported;  // The last fact about each host.
  Time liveness_due{};

  Phase phase = Phase::fetching;
  Stamp target;                 // The newest catalog among the majority.
  std::vector<HostId> holders;  // Who has it; asked in turn.
  std::size_t asked = 0;
  Time recover_by{};
  std::map<HostId, Stamp> stamps;     // What each voter has stored.
  std::map<HostId, Time> whole_sent;  // When it was last sent everything.
  std::uint64_t sequence = 0;         // Of the last Store.
  std::optional<Batch> under_way;
  std::deque<PendingWrite> pending;
  Catalog committed;

  std::optional<PendingChange> change;
  Stamp members_version;         // Of the committed members, once no change is under way.
  std::vector<HostId> farewell;  // Removed by the change that is being finished.
  Time leave_at = Time::max();   // Its own vote was removed: hands over then. (rule 23)
  Time next_call{};              // Of the hosts that have not joined the recovered site, (rule 22)
  unsigned calls = 0;            // and how often that was done.
};

// What the others said about their state, for a host without one. (rule 22)
struct StateRound {
  Time at{};
  std::map<HostId, StateAnswer> answers;  // The newest of each voter.
  Time next{};
};

struct Node::State {
  State(Config given, Durable durable, Time now);

  // node.cpp
  void step(Time now, HostId from, const Message& message);
  bool belongs(HostId from, const Message& message);
  void expire(Time now);
  void advance(Time now);
  void schedule(Time now);
  Output finish();
  bool off(Mutation mutation) const { return has(config.mutations, mutation); }
  void send(HostId to, Body body) { out.messages.push_back({to, {record.site, std::move(body)}}); }
  template <class B>
  void send_to_voters(const B& body) {
    for (const HostId id : members.voters())
      if (id != config.self) send(id, body);
  }
  void send_to_all(const Body& body);
  void fact(Fact f) { out.facts.push_back(std::move(f)); }
  void saw(Term term) { seen_counter = std::max(seen_counter, term.counter); }
  void set_leader(std::optional<Term> term, Time until);
  void use_timing(const Timing& in_force);
  void change_catalog(const CatalogDelta& delta);
  Shortage shortage(Time now) const;

  // member_changes.cpp
  void recall_members();
  void members_of_catalog();
  [[nodiscard]] bool hear_members(const Configuration& heard);
  void use_members(Stamp as_of, Members in_force);
  void lead_under(const Members& former);
  Configuration configuration(const Stamp& told_version) const;
  Time may_stand_from() const;
  bool may_ask_for_votes(HostId from, const Stamp& members_as_of) const;
  void on(Time now, HostId from, const MembersNews& message);
  void propose_members(Time now, WriteId write, std::vector<Member> to);
  bool wants_in(HostId host) const;
  void begin_change(Time now);
  bool finish_change(Time now, std::vector<WriteId>& writes);
  void members_committed();
  void tell_members(HostId host);

  // voter.cpp
  bool has_state() const { return voter ? record.votes : !record.site.empty(); }
  bool can_vote(Time now) const { return record.votes && now >= votes_from(); }
  Time votes_from() const { return std::max(wait_until, called_until); }
  bool may_lead() const { return voter && members.stays_voter(config.self); }
  void promise(Term term);
  void stop_suspecting();
  bool extend_grant(Time now, Term term, Duration lease);
  void on(Time now, HostId from, const Election& message);
  void on(Time now, HostId from, const Coordinator& message);
  void on(Time now, HostId from, const Heartbeat& message);
  void on(Time now, HostId from, const Store& message);
  void on(Time now, HostId from, const Release& message);
  void on(Time now, HostId from, const Fetch& message);
  void refuse(Time now, HostId to, Term term);
  void acknowledge(Time now, HostId to, const Heartbeat& heartbeat, bool granted);

  // candidate.cpp
  void campaign(Time now);
  void start_round(Time now);
  void stand(Time now);
  void on(Time now, HostId from, const Answer& message);
  void on(Time now, HostId from, const Accept& message);
  void on(Time now, HostId from, const Refuse& message);
  Accept own_accept(const Stamp& told_version) const;
  bool counts(HostId from) const;
  void check_elected(Time now);
  void repeat_coordinator(Time now);
  void elected(Time now);
  void assume_permits(Time now, const Candidacy& won);

  // leader.cpp
  bool has_authority(Time now) const { return lead && now < lead->authority.until(); }
  void give_up(Time now);
  void end_candidacy(Time now);
  void end_leadership(Time now);
  void lower_own_deadline(Time now);
  void authority_moved();
  void lead_on(Time now);
  void heartbeat(Time now);
  void on(Time now, HostId from, const HeartbeatAck& message);
  void meet_higher_promise(Time now, Term promised);
  std::optional<Marks> marks(HostId host) const;
  void review_host(Time now, HostId host);
  void review_hosts(Time now);

  // catalog_leader.cpp
  void recover(Time now, const Candidacy& won);
  void fetch_next(Time now);
  void restamp(Time now);
  void begin_batch(Time now, CatalogDelta delta, std::vector<WriteId> writes);
  void begin_next_batch(Time now);
  void try_commit(Time now);
  void commit(Time now);
  void store_again(Time now, HostId voter_id);
  void send_whole(Time now, HostId voter_id, const std::string& admits);
  void on(Time now, HostId from, const Stored& message);
  void on(Time now, HostId from, const FetchReply& message);
  void propose(Time now, WriteId write, std::vector<CatalogChange> changes);

  // site.cpp
  void ask_for_state(Time now);
  void ask_for_members(Time now);
  Time ask_members_at() const;
  void consider_founding();
  void repeat_found(Time now);
  void admitted(Time now, HostId from, const std::string& site, const Store& store);
  void on(Time now, HostId from, const StateQuery& message);
  void on(Time now, HostId from, const StateAnswer& message);
  void on(Time now, HostId from, const Found& message);
  StateStatus state_status(Time now) const;

  // recovery.cpp
  bool left_alone(Time now) const;
  bool calls_home(const Message& message) const;
  std::optional<RecoveryRefusal> recovery_refused(Time now, const std::set<HostId>& lost) const;
  void leave_site(Time now, const std::string& site);
  void recover_site(Time now, const Recovery& recovery);
  bool ignores_call(Time now, HostId from);
  void called(Time now);
  bool join_recovered(Time now);
  void call_former_members(Time now);

  Config config;
  Members members;
  Stamp members_as_of;  // Of the catalog that they are in. Zero: they are the file's.
  bool voter = false;   // Of either set. (rule 23)
  Time started{};
  Time wait_until{};                    // A restarted voter has forgotten its grants. (rule 7)
  std::map<HostId, Time> rivals_heard;  // Leaders of record.rivals.
  Time called_until{};  // Called into a recovered site: neither stands nor votes. (rule 22)

  Record record;
  bool record_changed = false;
  Catalog catalog;  // What is stored here; ahead of what is committed, at times.
  Timing timing;    // In force.

  std::uint64_t seen_counter = 0;  // Of any term in any message.
  std::map<HostId, std::uint64_t>
      dead;  // By owner: terms up to this counter were released. (rule 8)
  std::map<HostId, Time> last_heard;
  Patience patience;
  Grant grant;
  PermitHolder permit;
  bool guarded = true;
  std::optional<Term> known_leader;
  Time known_until{};
  Beat newest_beat;  // Of whatever leader.
  std::string digest;
  std::string site_of_message;  // Of the message being handled.

  std::optional<Round> round;
  Time last_round{};
  std::map<HostId, Time> stood;  // Lower ids that stand, since the suspicion began. (rule 6)
  Time retry_at{};               // No new round before.
  std::optional<Candidacy> candidacy;
  int failures = 0;  // Candidacies since the last leader.
  std::optional<Leadership> lead;
  bool retired = false;  // Released for a clean stop: stands no more. (rule 8)
  Time next_release{};   // A restarted leader's Release is repeated while it waits. (rule 8)
  StateRound state_round;
  Time members_asked{};  // (rule 23)
  Time next_found{};

  Time last_now{};
  Output out;
  Time next = Time::max();
};

}  // namespace cierzo::election
