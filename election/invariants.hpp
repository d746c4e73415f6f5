// What must hold inside one Node after every step. Cheap, so on in release as well: a broken one
// aborts with the state printed, because acting on it could run something twice.
#pragma once
#include <string>
#include <vector>

#include "election/node.hpp"

namespace cierzo::election {

// One sentence per broken invariant; empty: all hold.
std::vector<std::string> broken_invariants(const Node& node, Time now);

// Aborts if one is broken. Nodes with mutations are left alone: tests watch those from outside.
void check_invariants(const Node& node, Time now);

}  // namespace cierzo::election
