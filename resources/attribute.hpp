// The attributes that every type has, and how a value of a manifest becomes the text of an
// attribute.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifests/value.hpp"
#include "resources/type.hpp"

namespace cierzo {

// Those of RESOURCES.md's table, in its order. A type may not use these names for its own.
[[nodiscard]] const std::vector<std::string>& common_attributes();
[[nodiscard]] bool is_common_attribute(std::string_view name);

// What a value must be, for messages: "a string", "a whole number from 1 to 65535".
[[nodiscard]] std::string expected_of(const AttributeType& attribute);

// A scalar as text: "80", "true"; strings as they are. None for arrays, hashes and undef.
[[nodiscard]] std::optional<std::string> scalar_text(const manifests::Value& value);

// A value as the text of that attribute; a list has one element a line. None where the value is of
// another kind or out of its range. "80" in quotes is a number too, as in Puppet.
[[nodiscard]] std::optional<std::string> attribute_text(const manifests::Value& value,
                                                        const AttributeType& attribute);

}  // namespace cierzo
