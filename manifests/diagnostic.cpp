#include "manifests/diagnostic.hpp"

#include <algorithm>
#include <tuple>

#include "manifests/nearest.hpp"

namespace cierzo::manifests {

namespace {

constexpr std::size_t accepted_shown_max = 16;  // more names than that help nobody

}  // namespace

std::string to_string(const Position& at) {
  std::string text = at.file;
  if (at.line > 0) {
    if (!text.empty()) text += ':';
    text += std::to_string(at.line) + ':' + std::to_string(at.column);
  }
  return text;
}

std::string to_string(const Diagnostic& diagnostic) {
  std::string text = to_string(diagnostic.at);
  if (!text.empty()) text += ": ";
  if (diagnostic.severity == Severity::warning) text += "warning: ";
  text += diagnostic.what;
  if (!diagnostic.expected.empty()) text += ": " + diagnostic.expected;
  if (!diagnostic.nearest.empty()) text += "; did you mean '" + diagnostic.nearest + "'?";
  if (!diagnostic.accepted.empty()) {
    text += " (accepted: ";
    for (std::size_t i = 0; i < diagnostic.accepted.size(); ++i) {
      if (i > 0) text += ", ";
      text += diagnostic.accepted[i];
    }
    text += ')';
  }
  return text;
}

Diagnostic mistake(Position at, std::string what, std::string expected) {
  Diagnostic result;
  result.at = std::move(at);
  result.what = std::move(what);
  result.expected = std::move(expected);
  return result;
}

Diagnostic warning(Position at, std::string what, std::string expected) {
  Diagnostic result = mistake(std::move(at), std::move(what), std::move(expected));
  result.severity = Severity::warning;
  return result;
}

Diagnostic unknown_name(Position at, std::string what, std::string_view name,
                        std::vector<std::string> known, std::string expected) {
  Diagnostic result = mistake(std::move(at), std::move(what), std::move(expected));
  result.nearest = nearest(name, known).value_or("");
  if (known.size() <= accepted_shown_max) result.accepted = std::move(known);
  return result;
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::error; });
}

void put_in_order(std::vector<Diagnostic>& diagnostics) {
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::tie(a.at.file, a.at.line, a.at.column) <
                            std::tie(b.at.file, b.at.line, b.at.column);
                   });
  if (diagnostics.size() <= diagnostics_max) return;
  // Errors must not hide behind a hundred warnings: when one is cut, the notice itself is an error.
  const std::size_t cut = diagnostics.size() - diagnostics_max;
  const bool errors = has_errors(diagnostics);
  const Position at = diagnostics[diagnostics_max].at;
  diagnostics.resize(diagnostics_max);
  diagnostics.push_back(mistake(at, "and " + std::to_string(cut) + " more from here on"));
  if (!errors) diagnostics.back().severity = Severity::warning;
}

}  // namespace cierzo::manifests
