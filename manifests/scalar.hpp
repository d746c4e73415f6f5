// What one unquoted scalar says, in either syntax.
#pragma once

#include <string>
#include <string_view>

#include "manifests/value.hpp"

namespace cierzo::manifests {

struct Scalar {
  Value value{};
  std::string mistake{};  // why it is refused; empty: it is not
};

// YAML, any plain scalar: the rules are at yaml_value (yaml_tree.hpp).
[[nodiscard]] Scalar read_plain_scalar(std::string_view text);

// Puppet, what begins with a digit, a minus in front applied: 12, 0x1f, 017 (octal), 1.5, 1e-3.
// Anything else that a digit begins (10.0.0.1) is refused.
[[nodiscard]] Scalar read_puppet_number(std::string_view text);

// Puppet, what begins with a letter: true, false, undef, or a bare word, which is a string. Words
// that Puppet reserves, and what is no word of Puppet (node1.example.org), are refused.
[[nodiscard]] Scalar read_puppet_word(std::string_view text);

}  // namespace cierzo::manifests
