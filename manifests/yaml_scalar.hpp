// What a plain (unquoted) YAML scalar says. Used for reading and, by print_yaml.cpp, to know which
// strings must be quoted.
#pragma once

#include <string>
#include <string_view>

#include "manifests/value.hpp"

namespace cierzo::manifests {

struct Scalar {
  Value value{};
  std::string mistake{};  // why it is refused; empty: it is not
};

// The rules are at yaml_value (yaml_tree.hpp).
[[nodiscard]] Scalar read_plain_scalar(std::string_view text);

}  // namespace cierzo::manifests
