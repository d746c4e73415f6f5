// Numbers as text, the same in both syntaxes and independent of the locale.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cierzo::manifests {

// All of `text` as digits of that base (2 to 16), with a sign applied; none when it does not fit.
[[nodiscard]] inline std::optional<std::int64_t> parse_integer(std::string_view text, int base,
                                                               bool negative) {
  std::uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  constexpr auto most = static_cast<std::uint64_t>(INT64_MAX);
  if (magnitude > most + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
}

// All of `text` as a finite decimal number without a sign in front; none otherwise.
[[nodiscard]] inline std::optional<double> parse_double(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.empty() || !std::isfinite(value)) return std::nullopt;
  return value;
}

// The shortest text that reads back as exactly this number, never looking like an integer, and
// without a plus in its exponent: Puppet has none.
[[nodiscard]] inline std::string print_double(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, error == std::errc{} ? end : buffer);
  if (const std::size_t plus = text.find('+'); plus != std::string::npos) text.erase(plus, 1);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace cierzo::manifests
