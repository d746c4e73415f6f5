// Rules that a test can switch off, to show that a test notices. Production code never sets one.
#pragma once
#include <bitset>
#include <optional>
#include <string>
#include <vector>

namespace cierzo::election {

enum class Mutation {
  rule_4,               // accepts a Coordinator while holding a grant to someone else
  rule_4_own,           // the candidate's own acceptance is not checked again
  rule_5,               // leads with its own catalog instead of the majority's newest
  rule_7,               // a restarted voter does not wait
  rule_8,               // a Release cancels a grant of any term
  rule_8_deadline,      // a Release leaves the host's own deadline as it was
  rule_8_every_term,    // a failed candidate that still leads an older term goes on leading it
  rule_9_granted,       // every acknowledgement counts as a vote
  rule_10_late,         // what was forwarded is begun however long it was on its way
  rule_12,              // permits run from the receipt of a heartbeat, not from the echoed stamp
  rule_12_boot,         // echoes of another boot count
  rule_14,              // a host is lost when it is silent, not when its bound has passed
  rule_14_held,         // held hosts are lost by time
  rule_14_heard_since,  // a lost mark goes on counting when the host was heard since
  rule_15,              // a new leader assumes that silent hosts have no permit
  rule_15_last_led,     // the shorter bound goes to the leader last promised, not last heard
  rule_16,              // of two copies the lower incarnation wins
  rule_17,              // commands at or below the high-water mark are executed
  rule_17_boot,         // commands for another boot or state are executed
  rule_17_spell,        // commands from before the permit was interrupted are executed
  rule_20,              // a voter takes a Store below its promise
  rule_20_follows,      // a Store applies to whatever is there
  rule_22,              // a voter that lost its state votes
  rule_22_unjoined,     // a host that has not joined the recovered site is lost by time
  rule_22_alone,        // a host joins the recovered site while it is led in the former one
  rule_22_suffice,      // recovered is also where the others could elect a leader
  rule_22_called,       // a host that is called into the recovered site votes in the former one
  rule_22_led,          // a call that came while it was led counts when it is led no more
  rule_23_both_majorities,  // a change of voters needs only a majority of the new ones
  rule_23_one_at_a_time,    // the next change begins while one is not committed
  rule_23_committed_first,  // a new leader finishes a change before it has committed anything
  rule_23_newest_heard,     // a candidate goes by the members it knew, whatever it hears
  count
};

using Mutations = std::bitset<static_cast<std::size_t>(Mutation::count)>;

inline bool has(const Mutations& mutations, Mutation mutation) {
  return mutations.test(static_cast<std::size_t>(mutation));
}

// "4-own" and back.
std::string to_string(Mutation mutation);
std::optional<Mutation> mutation_named(const std::string& name);
std::vector<Mutation> all_mutations();

}  // namespace cierzo::election
