// The faults of a bad day, drawn from a seed. For cluster.cpp only.
#pragma once
#include <vector>

#include "tests/simulation/site/cluster.hpp"

namespace cierzo::simulation {

inline constexpr Duration bad_day = std::chrono::seconds(30);

// Each with what ends it, but for those that only the healing ends. Of the voters fewer than half
// lose their disks: more is beyond what is promised.
[[nodiscard]] std::vector<PlannedFault> draw_faults(Random& random, const Cluster& cluster);

}  // namespace cierzo::simulation
