// One seed, one story: a small site is in the middle of something when its leader is hit at a
// random moment; in the end everything is as declared, and nothing was done twice on the way.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/site/site.hpp"

namespace cierzo::simulation {

// What the site is in the middle of.
enum class Doing { starting, stopping, removing, growing, replacing, mending, count };
[[nodiscard]] std::string to_string(Doing doing);

struct Story {
  std::uint64_t seed = 1;
  SiteOptions site;
  Doing doing = Doing::starting;
  std::vector<PlannedFault> faults;  // From the moment at which it begins to do that.
};

// Everything in it follows from the seed.
[[nodiscard]] Story story_of(std::uint64_t seed);
[[nodiscard]] std::string to_string(const Story& story);

struct StoryEnd {
  std::vector<std::string> failures;
  std::uint64_t events = 0;
  Duration healed_after{};  // From the healing to everything as declared and the plan empty.
};
[[nodiscard]] StoryEnd run(const Story& story);

}  // namespace cierzo::simulation
