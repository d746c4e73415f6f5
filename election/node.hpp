// One host's part in the election, as a pure state machine: who leads, with which authority, which
// permits are given, and what the catalog holds.
//
// It reads no clock, sends nothing and writes nothing: events go in with the time, an Output comes
// back. Read LEADERSHIP.md first: comments cite its rules by number.
//
// How to drive it
//  * Construct it from what is on disk, then call tick(now) at once, and again whenever
//    next_tick() is reached. Calling tick too early or too often does no harm; late costs liveness.
//  * Call step for every message, with the time read AFTER it was received, and the sender that the
//    transport has proved.
//  * `now` never goes back. It is the clock of LEADERSHIP.md, "Words": counts suspend, never
//  slewed.
//  * Handle Outputs in the order in which they were returned, one queue, first in first out:
//      1. write deadline() to the guard's page (when there is a guard), if it has fallen;
//      2. make `persist` durable (synced);
//      3. write deadline() to the page, if it has risen;
//      4. send `messages`;
//      5. act on `facts`.
//    While a persist is under way later Outputs wait in the queue; step and tick may go on being
//    called. That is enough: a promise counts from its check in memory, and nothing that depends on
//    it leaves before it is on disk. Never drop an Output that has a persist; messages alone may be
//    dropped.
//  * Before each effect (command sent, write acknowledged, read answered) ask has_authority with a
//    fresh clock. (rule 10) A write is acknowledged by the fact WriteCommitted, and only if
//    has_authority(now) is still true when it is handled; otherwise its outcome is unknown.
//
// One thread. Time is nanoseconds.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "election/catalog.hpp"
#include "election/durable.hpp"
#include "election/members.hpp"
#include "election/message.hpp"
#include "election/mutations.hpp"
#include "election/permits.hpp"
#include "resources/ids.hpp"

namespace cierzo::election {

using WriteId =
    Id<struct WriteTag, std::uint64_t>;  // The caller's name for a write; unique per Node.

struct Config {
  HostId self;
  // For the first start: later the catalog's are in force. mistakes(members) is empty, and self is
  // one of them.
  std::vector<Member> members;
  std::string key;   // This host's own public key: Member::key.
  Timing timing;     // For the first start: later the catalog's is in force.
  std::string boot;  // This boot's id.
  // Random, made by the caller at each start. The first is used if this host starts the site, the
  // second if it has no state yet, the third names this start of the agent. (rules 14, 17, 22)
  std::string fresh_site_id;
  std::string fresh_state_id;
  std::string run;
  Time guard_deadline{};  // What the guard's page still holds from an earlier run; zero: nothing.
  Mutations mutations{};  // For tests only.
};

struct Send {
  HostId to;
  Message message;
};

// Why there is no leader to ask, or why a write is refused. (rule 21)
struct Shortage {
  std::size_t reachable = 0;  // Voters heard lately, this host included if it votes.
  std::size_t needed = 0;
  std::size_t voters = 0;
  std::vector<HostId> missing;
};
// "1 of 3 voters reachable, 2 needed; missing: node2, node3"
std::string to_string(const Shortage& shortage, const Members& members);

// Facts: what changed, in the order in which it did.
struct LeaderChanged {
  std::optional<Term> leader;
};  // Term::owner leads, as far as this host knows.
struct AuthorityBegan {
  Term term;
};  // This host leads; the catalog is not recovered yet.
struct LeadershipReady {
  Term term;
};  // It is recovered: now the leader acts. (rule 5)
struct AuthorityEnded {
  Term term;
};
struct CatalogCommitted {
  Stamp stamp;
  std::vector<std::string> keys;
  bool whole = false;
};  // Leader only.
struct WriteCommitted {
  WriteId write;
  Stamp stamp;
};
struct WriteUnknown {
  WriteId write;
};  // Authority ended while it was stored: may or may not be. (rule 10)
enum class RefusalReason {
  not_leader,
  recovering,
  too_many,
  changing,      // Another change of the members is not finished. (rule 23)
  invalid,       // mistakes_of_change(), or a write of members_key by propose().
  voter_silent,  // The host that is to vote does not answer, or cannot be given the catalog.
  no_majority,   // Too few of the voters that would be needed answer.
};
struct WriteRefused {
  WriteId write;
  RefusalReason reason;
  Shortage shortage;
};  // Nothing was stored.
struct HostHeard {
  HostId host;
  std::string boot;
  std::string state_id;
  std::string run;
};
struct HostSuspect {
  HostId host;
};
struct HostHeld {
  HostId host;
};
struct HostLost {
  HostId host;
};
struct InventoryDigest {
  HostId host;
  std::string digest;
};  // It changed, or the permit that the host acknowledges; or it is the first of the term.
struct MembersChanged {
  Members members;
};  // Node::members() did: whom to listen to, and where they are.
struct SiteFounded {
  std::string site;
};  // This host started the site. (rule 22)
struct StateJoined {
  std::string site;
  Stamp catalog;
};  // This host got its state. (rule 22)
struct SiteRecovered {
  std::string former, site;
  bool here = false;  // By this host; otherwise it has joined what another made anew.
};                    // This host belongs to another site now. (rule 22)
struct RivalSite {
  HostId by;
  std::string site;
};  // `by` leads a site that was made out of this one, which lives. Told once. (rule 22)
using Fact = std::variant<LeaderChanged, AuthorityBegan, LeadershipReady, AuthorityEnded,
                          CatalogCommitted, WriteCommitted, WriteUnknown, WriteRefused, HostHeard,
                          HostSuspect, HostHeld, HostLost, InventoryDigest, MembersChanged,
                          SiteFounded, StateJoined, SiteRecovered, RivalSite>;

struct Output {
  Persist persist;  // persist.empty(): nothing to write.
  std::vector<Send> messages;
  std::vector<Fact> facts;
};

enum class Role { stateless, waiting, follower, candidate, leader };

// What a host without its state knows of the others. (rule 22)
struct StateStatus {
  bool has_state = true;
  std::vector<HostId> silent;  // Voters that have not answered lately: all must, to start a site.
  std::vector<HostId> with_state;  // So the site exists: wait for its leader to let this host in.
  std::vector<HostId> disagree;    // Their file lists other voters.
};

// The site is made anew from what one voter has stored. (rule 22)
struct Recovery {
  std::string site;             // The new id, random.
  std::vector<Member> members;  // The present ones; only their addresses may be others.
  std::set<HostId> lost;        // Gone for good, or without their state: an administrator's word.
};

enum class RecoveryRefusal {
  no_vote,         // It has no vote, or has lost its state: another voter has more than it.
  led,             // There is a leader.
  led_lately,      // There was one, or this agent started, less than a permit ago.
  others_suffice,  // Those that are not lost could elect a leader without this host.
};

// A heartbeat that was heard: of which term, and the leader's clock when it was sent. Whoever asks
// a leader for something names the newest: then the leader knows by its own clock how old that
// can be at most. (rule 10)
struct Beat {
  Term term;
  Time at{};
};

class Node {
 public:
  Node(Config config, Durable durable, Time now);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] Output step(Time now, HostId from, const Message& message);
  [[nodiscard]] Output tick(Time now);
  Time next_tick() const;  // Time::max(): only a message can change anything.

  // Every key at most once in one write. Answered by exactly one of WriteCommitted, WriteRefused
  // and WriteUnknown, in this Output or a later one; writes are committed in the order proposed.
  [[nodiscard]] Output propose(Time now, WriteId write, std::vector<CatalogChange> changes);

  // Makes these the members; answered as a write. Committed: the change is finished, but for one
  // that removes this host's own vote: then its successor finishes it. (rule 23)
  [[nodiscard]] Output change_members(Time now, WriteId write, std::vector<Member> members);

  // Why this host may not recover the site; none: it may. (rule 22)
  std::optional<RecoveryRefusal> recovery_refused(Time now, const std::set<HostId>& lost) const;
  // Only where it may, in the same instant. This host then votes alone and leads; the hosts in
  // `lost` count as confirmed lost, all others as unknown until they have joined.
  [[nodiscard]] Output recover(Time now, const Recovery& recovery);

  // That host leads a site that was made out of this one, which lives, and called lately. (rule 22)
  bool is_rival(HostId host, Time now) const;

  // Gives up leading or standing, so that the others elect without waiting; after it this host only
  // follows: for a clean stop. (rule 8)
  [[nodiscard]] Output release(Time now);

  // Does a live guard look after this host's VMs? Without one no stamp leaves and the leader's own
  // host gets no permit either; those that were given run out. True at first. (rule 13)
  void set_guarded(bool guarded);

  // Goes out with every HeartbeatAck from now on; opaque.
  void set_inventory_digest(std::string digest);

  // A broken connection is a hint: a voter without a grant probes at once. Shortens nothing. (rule
  // 11)
  [[nodiscard]] Output connection_broken(Time now, HostId peer);

  // Who leads
  Role role() const;
  std::optional<Term> leader() const;  // As far as known here; its owner leads.
  Term term() const;                   // The highest this host has promised or heard.
  bool has_authority(Time now) const;  // Ask with a fresh clock, at each effect. (rule 10)
  bool ready(Time now) const;          // Authority, and the catalog recovered: may act. (rule 5)
  Time authority_until() const;        // Zero: none.
  std::optional<Beat> newest_beat() const;  // Of leader(), where it is another host.
  // Since that one was sent, as the leader in its term; none: it is not of this leadership.
  std::optional<Duration> age_of(const Beat& beat, Time now) const;
  Shortage shortage(Time now) const;  // Who can be heard, of how many needed. (rule 21)
  const Members& members() const;     // In force here; maybe not committed yet. (rule 23)
  const Timing& timing() const;       // In force.

  // This host's permit
  bool permit_valid(Time now) const;  // Of the highest term heard, by a fresh clock. (rules 12, 17)
  Term permit_term() const;           // The highest term a heartbeat was heard from. (rule 12)
  std::uint64_t permit_spell(Time now) const;  // Which unbroken stretch; 0: none. (rule 17)
  Time deadline() const;  // Until when its VMs may run: for the guard. (rules 12, 13)

  // The other hosts, as the leader sees them; empty without authority. Every member but this host.
  std::vector<HostStatus> hosts(Time now) const;
  HostStatus host(HostId id, Time now) const;
  // The held mark of `host`, written by the agent started as `held_run`, may be deleted: a later
  // start of its agent reports a permit of this term. (rule 14)
  bool may_unhold(HostId host, const std::string& held_run, Time now) const;

  // The catalog
  const Catalog& committed() const;   // The leader's, once ready: what reads return. (rule 20)
  const Catalog& local_view() const;  // What is stored here; label it as such. (rule 21)

  const Record& record() const;              // As it is, or is about to be, on disk.
  StateStatus state_status(Time now) const;  // (rule 22)

 private:
  friend struct Inspection;  // invariants.hpp
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cierzo::election
