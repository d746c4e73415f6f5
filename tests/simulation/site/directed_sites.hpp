// Schedules of whole sites made by hand: each breaks an invariant when its rule is switched off,
// and none when it is on. (The same for the election alone: directed.hpp)
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "agent/guard/rules.hpp"
#include "election/mutations.hpp"

namespace cierzo::simulation {

// Rules that are switched off: one of the guard, one that agents keep, or the brake.
struct RulesOff {
  guard::Mutations guard{};
  election::Mutations agent{};
  double brake_share = 0.5;
};
// "13-thaw", "17", "19": the brake. Only for rules that there are.
[[nodiscard]] RulesOff without_rule(const std::string& rule);

struct DirectedSite {
  std::string rule;    // "13-thaw"
  std::string story;   // What happens, in a sentence.
  std::string breaks;  // What is said first when the rule is off begins with this: "S2".
  // The broken invariants; empty: all held.
  std::function<std::vector<std::string>(const RulesOff&)> run;
};

[[nodiscard]] const std::vector<DirectedSite>& directed_sites();

// Prints a table: rule, schedule, what breaks without the rule. False: something broke with a rule
// on, or nothing noticed that it was off.
[[nodiscard]] bool show_site_mutations();

}  // namespace cierzo::simulation
