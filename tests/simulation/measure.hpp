// How long nobody leads after the power cut of a leader, and how fast a site starts. Printed.
#pragma once
#include <cstdint>

namespace cierzo::simulation {

void measure(std::uint64_t count);

}  // namespace cierzo::simulation
