// What to write instead of the parts of Puppet that are not read. Each function answers with an
// advice, or with nothing when the text is none of its business.
#pragma once

#include <string_view>

namespace cierzo::manifests {

// A word that begins a statement: class, node, include, if, notice ...
[[nodiscard]] std::string_view keyword_advice(std::string_view word);

// What stands behind the name that begins a statement: f(, T[, T <|
[[nodiscard]] std::string_view statement_advice(std::string_view rest);

// What stands behind a complete value: an operator, a selector, an access, a call.
[[nodiscard]] std::string_view operator_advice(std::string_view rest);

// What stands where a value should: a heredoc, a parenthesis, a regular expression.
[[nodiscard]] std::string_view value_advice(std::string_view rest);

// What stands where '=>' should: a colon, a hyphen in a name, +>.
[[nodiscard]] std::string_view arrow_advice(std::string_view rest);

// What stands where an attribute's name should: a quoted one, one that begins with a capital.
[[nodiscard]] std::string_view name_advice(std::string_view rest);

}  // namespace cierzo::manifests
