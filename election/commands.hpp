// Commands: whether a host may obey one, what the leader must assume of one without an answer, and
// the numbers of incarnations. Pure values; the shell keeps the host's mark on disk.
//
// LEADERSHIP rules 16 and 17.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "election/mutations.hpp"
#include "resources/ids.hpp"

namespace cierzo::election {

// On every command. `number` rises per host within a term.
struct CommandHeader {
  Term term;
  std::uint64_t number = 0;
  std::string boot;      // Of the host it is meant for; as in its HeartbeatAck.
  std::string state_id;  // The same.
  // The stretch of permits that the host reported, as in its HeartbeatAck. A host whose permit has
  // ended may have been lost and its instances started elsewhere: what was sent before must not be
  // obeyed when it comes back in the same term, however late it arrives.
  std::uint64_t permit_spell = 0;
  Stamp stamp() const { return {term, number}; }
};

// What the host knows when it decides. The mark is durable: it and the unfinished entry are written
// in one transaction at receipt, before the command has any effect.
struct CommandContext {
  std::string boot;
  std::string state_id;
  Term heard;                      // Node::permit_term()
  bool permit_valid = false;       // Node::permit_valid(now), read now.
  std::uint64_t permit_spell = 0;  // Node::permit_spell(now)
  Stamp high_water;
};

enum class CommandVerdict { accepted, other_boot, other_state, old_term, no_permit, repeated };
std::string to_string(CommandVerdict verdict);

// At receipt. (rule 17)
CommandVerdict judge_at_receipt(const CommandHeader& header, const CommandContext& context,
                                const Mutations& mutations = {});
// Again when the call begins: the mark has been passed, term and permit must still hold. (rule 17)
CommandVerdict judge_at_begin(const CommandHeader& header, const CommandContext& context,
                              const Mutations& mutations = {});

// The leader's side, one object per term of leadership.
class CommandLedger {
 public:
  explicit CommandLedger(Term term) : term_(term) {}

  CommandHeader issue(HostId host, std::string boot, std::string state_id,
                      std::uint64_t permit_spell);
  void answered(HostId host, std::uint64_t number);
  // The host reported an inventory of this term, at or above `number`: it knows of all up to it.
  void inventory(HostId host, Term term, std::uint64_t number);
  void lost(HostId host);
  // Without an answer they count as executed. (rule 17)
  const std::set<std::uint64_t>& outstanding(HostId host) const;

  // Numbers the start of a domain. (rule 16)
  Incarnation next_incarnation() { return {term_, ++incarnations_}; }

 private:
  struct Host {
    std::uint64_t last = 0;
    std::set<std::uint64_t> open;
  };
  Term term_;
  std::uint64_t incarnations_ = 0;
  std::map<HostId, Host> hosts_;
};

// Of two copies of an instance the one with the higher incarnation is right: negative, zero or
// positive as `a` is the wrong one, the same one, or the right one. (rule 16)
int compare_copies(Incarnation a, Incarnation b, const Mutations& mutations = {});

}  // namespace cierzo::election
