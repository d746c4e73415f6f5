// What is wrong with what an operator wrote. Diagnostics are values: whoever finds mistakes
// collects all of them and returns the list, nobody throws at the first. Used for manifests, types,
// image sidecars and the agent's configuration alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifests/value.hpp"

namespace cierzo::manifests {

enum class Severity { error, warning };  // a warning refuses nothing

struct Diagnostic {
  Position at{};
  std::string what{};      // the thing or the offending text: "web.app.replicas", "unexpected '='"
  std::string expected{};  // "must be at least 1, got 0"; may be empty
  std::string nearest{};   // the known name that was probably meant; empty: none is near
  std::vector<std::string>
      accepted{};  // all that would have been accepted, where that is a short list
  Severity severity{Severity::error};
};

// file:line:column; the file alone for line 0.
[[nodiscard]] std::string to_string(const Position& at);

// file:line:column: [warning: ]what[: expected][; did you mean 'nearest'?][ (accepted: a, b)]
// Parts that are empty are left out with their punctuation. One line, without a newline at its end.
[[nodiscard]] std::string to_string(const Diagnostic& diagnostic);

[[nodiscard]] Diagnostic mistake(Position at, std::string what, std::string expected = {});
[[nodiscard]] Diagnostic warning(Position at, std::string what, std::string expected = {});

// A name that is none of `known`: names the nearest and, while they fit on a line, all of them.
// unknown_name(at, "web.db.flavour", "flavour", {"image", "flavor"}, "unknown field")
[[nodiscard]] Diagnostic unknown_name(Position at, std::string what, std::string_view name,
                                      std::vector<std::string> known, std::string expected);

// True when one of them is an error, not just a warning.
[[nodiscard]] bool has_errors(const std::vector<Diagnostic>& diagnostics);

// Orders them by line and column (stable, so by file first) and keeps the first diagnostics_max: a
// file of rubbish must not answer with a megabyte of complaints. The last one then says how many
// were cut.
inline constexpr std::size_t diagnostics_max = 100;
void put_in_order(std::vector<Diagnostic>& diagnostics);

}  // namespace cierzo::manifests
