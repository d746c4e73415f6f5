// From the text of a manifest to declarations. Pure: reads no file (the caller has the text), knows
// no type (resources/ checks against types), throws nothing: every mistake of the file is in the
// result, in the order of the text. Reading goes on after a mistake at the next attribute or
// resource.
//
// Mistakes of both syntaxes: text that is not UTF-8, holds a NUL or exceeds text_max; nesting
// beyond value_nesting_max; an attribute, a key or a (type, title) given twice; a name that is no
// name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifests/diagnostic.hpp"
#include "manifests/value.hpp"

namespace cierzo::manifests {

struct Parsed {
  std::vector<Declaration> declarations{};  // those that could be read; use them only when ok()
  std::vector<Diagnostic> diagnostics{};

  [[nodiscard]] bool ok() const { return !has_errors(diagnostics); }
};

enum class Syntax { puppet, yaml };

// By the extension (.pp; .yaml, .yml); without one of these, by what the text looks like.
[[nodiscard]] Syntax syntax_of(std::string_view text, std::string_view file_name);

// `file_name` is what diagnostics and positions show.
[[nodiscard]] Parsed parse(std::string_view text, std::string file_name);
[[nodiscard]] Parsed parse_puppet(std::string_view text, std::string file_name);
[[nodiscard]] Parsed parse_yaml(std::string_view text, std::string file_name);

}  // namespace cierzo::manifests
