#include "tests/simulation/mutations.hpp"

#include <cstdio>
#include <string>

#include "tests/simulation/directed.hpp"

namespace cierzo::simulation {

bool show_mutations() {
  bool good = true;
  std::printf("%-14s %-46s %s\n", "rule off", "schedule", "what breaks");
  for (const Directed& directed : directed_schedules()) {
    election::Mutations off;
    off.set(static_cast<std::size_t>(directed.mutation));
    const auto with = directed.run({}), without = directed.run(off);
    std::string verdict = without.empty() ? "NOTHING NOTICED IT" : without.front();
    if (!with.empty()) verdict = "BREAKS WITH THE RULE ON: " + with.front();
    good = good && with.empty() && !without.empty();
    std::printf("%-14s %-46s %s\n", election::to_string(directed.mutation).c_str(),
                directed.story.c_str(), verdict.c_str());
  }
  return good;
}

}  // namespace cierzo::simulation
