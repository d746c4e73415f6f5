// What a simulated site is told to have: resources of the built-in types by turns, of any size.
#pragma once
#include <set>
#include <string>

#include "resources/ids.hpp"

namespace cierzo::simulation {

struct Declared {
  unsigned number = 1;     // Of the resource: its name, its type and its addresses follow from it.
  unsigned instances = 4;  // 4 to 200.
};

[[nodiscard]] std::string name_of(const Declared& declared);  // "r3"
// ensure: running, or else stopped.
[[nodiscard]] std::string manifest(const Declared& declared, bool running = true);
[[nodiscard]] std::set<InstanceName> instances_of(const Declared& declared);

}  // namespace cierzo::simulation
