// Schedules made by hand: each breaks an invariant when its rule is switched off, and none when it
// is on.
//
// Random schedules miss many of these. LEADERSHIP.md, "How it is shown to hold".
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "election/mutations.hpp"

namespace cierzo::simulation {

struct Directed {
  election::Mutation mutation;  // The rule it is about.
  std::string story;            // What happens, in a sentence.
  // The broken invariants; empty: all held.
  std::function<std::vector<std::string>(const election::Mutations&)> run;
};

const std::vector<Directed>& directed_schedules();

}  // namespace cierzo::simulation
