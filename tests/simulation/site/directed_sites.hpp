// Schedules of whole sites made by hand: each breaks an invariant when its rule of the guard is
// switched off, and none when it is on. (The same for the rules of the election: directed.hpp)
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "agent/guard/rules.hpp"

namespace cierzo::simulation {

struct DirectedSite {
  std::string rule;   // "13-thaw"
  std::string story;  // What happens, in a sentence.
  // The broken invariants; empty: all held.
  std::function<std::vector<std::string>(const guard::Mutations&)> run;
};

[[nodiscard]] const std::vector<DirectedSite>& directed_sites();

// Prints a table: rule, schedule, what breaks without the rule. False: something broke with a rule
// on, or nothing noticed that it was off.
[[nodiscard]] bool show_guard_mutations();

}  // namespace cierzo::simulation
