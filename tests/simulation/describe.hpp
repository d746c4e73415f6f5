// One short line about a message or a fact, for traces and stories.
#pragma once
#include <string>

#include "election/node.hpp"

namespace cierzo::simulation {

std::string describe(const election::Message& message);  // "Coordinator (3,1)"
// Empty for facts of no interest to a reader of a story.
std::string describe(const election::Fact& fact, const election::Members& members);

}  // namespace cierzo::simulation
