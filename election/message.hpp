// What agents say to one another to elect, hold authority, give permits and keep the catalog.
//
// Plain structs; LEADERSHIP.md, "Messages". The names are the bully algorithm's where it has one.
// Losing, doubling, delaying and reordering any of them is normal. The sender is not in a message:
// it is what the transport has proved, and is passed to Node::step beside it.
//
// Times inside a message are readings of the clock of the host that first wrote them: only that
// host computes with them, everybody else gives them back as they are. Durations are nanoseconds.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "election/catalog.hpp"
#include "election/members.hpp"
#include "resources/ids.hpp"

namespace cierzo::election {

// A voter without an unexpired grant asks all voters: to lower ids the bully's challenge, to the
// others a probe. Promises nothing. (rule 2)
struct Election {
  Term term;        // The highest the sender has seen.
  Time at{};        // The sender's clock: names this election, and measures the round trip.
  Stamp members{};  // Configuration::as_of of the sender's. (rule 23)
};

enum class AnswerKind {
  ok,      // No leader known here, and the asker has the better id.
  stand,   // No leader known here, and I have the better id: I stand myself.
  leader,  // I hold an unexpired grant: there is a leader, so no.
};

struct Answer {
  AnswerKind kind = AnswerKind::ok;
  Term term;  // The highest the sender has seen.
  Time at{};  // Election::at, given back.
};

// "I lead in this term, if a majority accepts." Its sending is when authority begins. (rules 4, 5)
struct Coordinator {
  Term term;
  Timing timing;
  Configuration members{};  // That the sender goes by; without its text. (rule 23)
};

struct Accept {
  Term term;             // The accepted one.
  Stamp catalog;         // Stamp of the sender's catalog. (rule 5)
  Term last_led;         // The last leader the sender heard a heartbeat from. (rule 15)
  Term promised_before;  // What it had promised before `term`; the same in duplicates. (rule 15)
  Longest longest;
  Configuration members{};  // That the sender goes by; text only of another version. (rule 23)
  std::string key{};        // The sender's own: who it is, whatever its id. (rule 22)
};

// No to a Coordinator, a Heartbeat or a Store.
struct Refuse {
  Term term;      // The refused one.
  Term promised;  // What stands against it, if higher.
  HostId leader;  // To whom the sender holds an unexpired grant; 0: to nobody.
  Duration grant_left{};
};

struct Heartbeat {
  Term term;
  std::uint64_t seq = 0;         // Rising within the term; the Coordinator counts as 0. (rule 9)
  std::optional<BootTime> echo;  // The receiver's newest stamp, given back: a permit. (rule 12)
  Stamp committed;               // Of the newest committed catalog. (rule 20)
  Timing timing;
  Time at{};  // The leader's clock at sending: comes back with what is forwarded to it. (rule 10)
};

struct HeartbeatAck {
  Term term;
  std::uint64_t seq = 0;
  bool granted = false;            // Only these count for authority. (rule 9)
  BootTime stamp;                  // The sender's clock at sending; zero: it asks for no permit,
                                   // since no guard would end it. (rules 12, 13)
  Term promised;                   // Lets a leader meet a higher promise. (rule 12)
  Stamp catalog;                   // Lets the leader bring a voter up to date.
  Term permit_term;                // From which term the sender holds a valid permit; zero: none.
  std::uint64_t permit_spell = 0;  // Which unbroken stretch of permits; 0: none. (rule 17)
  bool has_state = false;          // False: it cannot vote; as a voter it must be let in. (rule 22)
  std::string state_id;            // Random, made with the sender's state directory. (rules 17, 22)
  std::string run;                 // Random, made at the start of the sender's agent. (rule 14)
  std::string inventory_digest;    // Opaque here.
  Stamp members;                   // Members::version() of what the sender goes by. (rule 23)
};

// A write, or the re-stamping of a new leader. (rules 5, 20)
struct Store {
  Term term;
  CatalogDelta delta;
  std::string admits;  // Not empty: lets in the host whose state id this is. (rules 22, 23)
};

struct Stored {
  Term term;
  Stamp catalog;              // What the sender now has, durably.
  bool whole_wanted = false;  // It did not follow from what the sender has: send the whole.
};

// The sender gives up this term for ever. (rule 8)
struct Release {
  Term term;
};

// A new leader asks a voter that accepted it for its catalog. (rule 5)
struct Fetch {
  Term term;
};

struct FetchReply {
  Term term;
  Catalog catalog;
};

// A voter without state asks the others whether they have one (rule 22); and whoever has heard of
// no leader for long, whether the members are others by now. (rule 23)
struct StateQuery {
  Time at{};                   // As Election::at.
  std::vector<HostId> voters;  // As the sender's file lists them.
  Configuration members{};     // That the sender goes by; without its text. (rule 23)
};

struct StateAnswer {
  Time at{};  // StateQuery::at, given back.
  bool has_state = false;
  bool same_voters = false;  // The sender's file lists the same voters.
  std::string state_id;
  Configuration members{};  // Newer ones than the asker's; as of zero: none. (rule 23)
};

// The lowest voter starts the site: all voters have answered that they have no state. Binds the
// receiver only if its state id is still the one that answered. (rule 22)
struct Found {
  std::string state_id;
};

// The committed members, for a host that stores no catalog, or is no member any more. (rule 23)
struct MembersNews {
  Term term;
  Configuration members;
  // The sites that this one was recovered from: hosts of those join it. (rule 22)
  std::vector<std::string> former{};
};

using Body =
    std::variant<Election, Answer, Coordinator, Accept, Refuse, Heartbeat, HeartbeatAck, Store,
                 Stored, Release, Fetch, FetchReply, StateQuery, StateAnswer, Found, MembersNews>;

// A message of another site is dropped; one without a site comes from a host that has no state yet.
struct Message {
  std::string site;
  Body body;
};

}  // namespace cierzo::election
