// From declarations back to text, in either syntax. For every list that `parse` can give,
// parse(print(x)) equals x (tests/manifests/roundtrip_test.cpp), with one exception that YAML
// forces: it has each type once, so print_yaml gathers the declarations of a type where its first
// one stood.
#pragma once

#include <string>
#include <vector>

#include "manifests/value.hpp"

namespace cierzo::manifests {

[[nodiscard]] std::string print_puppet(const std::vector<Declaration>& declarations);
[[nodiscard]] std::string print_yaml(const std::vector<Declaration>& declarations);

// One value as a YAML document, block style, ending in a newline. A string that any YAML reader
// (1.1 or 1.2) could take for something else is quoted.
[[nodiscard]] std::string to_yaml(const Value& value);

}  // namespace cierzo::manifests
