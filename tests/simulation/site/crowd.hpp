// A large site: many instances on many hosts, declared, converged, and healed after the faults of a
// bad day. Shows that the product does at that size what it does at three hosts, and how long it
// takes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/site/site.hpp"

namespace cierzo::simulation {

struct Crowd {
  std::uint64_t seed = 1;
  unsigned hosts = 100, voters = 5;
  unsigned resources = 20, each = 50;  // Instances.
  bool trace = false;
};

struct Chapter {
  std::string what;
  Duration virtual_time{};  // Until everything is as declared and the plan is empty.
  double wall_seconds = 0;
};

struct CrowdEnd {
  std::vector<std::string> failures;
  std::vector<Chapter> chapters;
  std::uint64_t events = 0;
};
[[nodiscard]] CrowdEnd run(const Crowd& crowd);
[[nodiscard]] std::string to_string(const CrowdEnd& end);

}  // namespace cierzo::simulation
