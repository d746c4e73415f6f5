#include "election/commands.hpp"

namespace cierzo::election {

std::string to_string(CommandVerdict verdict) {
  switch (verdict) {
    case CommandVerdict::accepted:
      return "accepted";
    case CommandVerdict::other_boot:
      return "meant for another boot of this host";
    case CommandVerdict::other_state:
      return "meant for another state directory of this host";
    case CommandVerdict::old_term:
      return "of an older term than this host has seen";
    case CommandVerdict::no_permit:
      return "this host holds no valid permit of that term";
    case CommandVerdict::repeated:
      return "at or below the highest command received";
  }
  return "";
}

CommandVerdict judge_at_begin(const CommandHeader& header, const CommandContext& context,
                              const Mutations& mutations) {
  if (!has(mutations, Mutation::rule_17_boot)) {
    if (header.boot != context.boot) return CommandVerdict::other_boot;
    if (header.state_id != context.state_id) return CommandVerdict::other_state;
  }
  if (header.term < context.heard || header.term < context.high_water.term)
    return CommandVerdict::old_term;
  // Also when the command's term is above the heard one: its permit has not arrived yet.
  if (header.term != context.heard || !context.permit_valid) return CommandVerdict::no_permit;
  if (header.permit_spell != context.permit_spell && !has(mutations, Mutation::rule_17_spell))
    return CommandVerdict::no_permit;
  return CommandVerdict::accepted;
}

CommandVerdict judge_at_receipt(const CommandHeader& header, const CommandContext& context,
                                const Mutations& mutations) {
  const CommandVerdict verdict = judge_at_begin(header, context, mutations);
  if (verdict != CommandVerdict::accepted) return verdict;
  if (header.stamp() <= context.high_water && !has(mutations, Mutation::rule_17))
    return CommandVerdict::repeated;
  return CommandVerdict::accepted;
}

CommandHeader CommandLedger::issue(HostId host, std::string boot, std::string state_id,
                                   std::uint64_t permit_spell) {
  Host& entry = hosts_[host];
  entry.open.insert(++entry.last);
  return {term_, entry.last, std::move(boot), std::move(state_id), permit_spell};
}

void CommandLedger::answered(HostId host, std::uint64_t number) { hosts_[host].open.erase(number); }

void CommandLedger::inventory(HostId host, Term term, std::uint64_t number) {
  if (term != term_) return;  // Of another term: says nothing about this one's commands.
  std::set<std::uint64_t>& open = hosts_[host].open;
  open.erase(open.begin(), open.upper_bound(number));
}

void CommandLedger::lost(HostId host) { hosts_[host].open.clear(); }

const std::set<std::uint64_t>& CommandLedger::outstanding(HostId host) const {
  static const std::set<std::uint64_t> none;
  const auto found = hosts_.find(host);
  return found == hosts_.end() ? none : found->second.open;
}

int compare_copies(Incarnation a, Incarnation b, const Mutations& mutations) {
  if (a == b) return 0;
  return (a > b) != has(mutations, Mutation::rule_16) ? 1 : -1;
}

}  // namespace cierzo::election
