// A random schedule: thirty virtual seconds of faults and writes, from one seed.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "election/mutations.hpp"
#include "resources/ids.hpp"

namespace cierzo::simulation {

struct Outcome {
  std::vector<std::string> failures;  // Of S1-S4, L1 and L2; empty: all held.
  std::uint64_t events = 0;
  std::uint64_t acknowledged = 0;     // Writes.
  std::uint64_t lost_hosts = 0;       // How often a leader regarded a host as lost.
  std::uint64_t terms = 0;            // Leaders that got authority.
  std::uint64_t members_changed = 0;  // How often a host went by others.
  Duration leaderless{};              // After the first leader.
};

Outcome run_schedule(std::uint64_t seed, const election::Mutations& mutations, bool trace);

}  // namespace cierzo::simulation
