#include <algorithm>

#include "manifests/number.hpp"
#include "manifests/scalar.hpp"

namespace cierzo::manifests {

namespace {

Scalar refused(std::string why) { return Scalar{Value{}, std::move(why)}; }

bool only(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

constexpr std::string_view digits = "0123456789";

Scalar integer(std::string_view text, int base, bool negative) {
  const std::optional<std::int64_t> value = parse_integer(text, base, negative);
  if (!value) return refused("does not fit in 64 bits; in quotes it is a string");
  return Scalar{Value{*value}, {}};
}

// \d+ ( \. \d+ )? ( [eE] -? \d+ )?
bool is_float(std::string_view text) {
  const std::size_t exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    std::string_view power = text.substr(exponent + 1);
    if (!power.empty() && power[0] == '-') power.remove_prefix(1);
    if (!only(power, digits)) return false;
  }
  const std::string_view mantissa = text.substr(0, exponent);
  const std::size_t point = mantissa.find('.');
  if (point != std::string_view::npos && !only(mantissa.substr(point + 1), digits)) return false;
  return only(mantissa.substr(0, point), digits);
}

// Puppet's WORD: parts joined by ::, each of letters, digits, _ and, not at its end, -.
bool is_bare_word(std::string_view text) {
  if (text.substr(0, 2) == "::") text.remove_prefix(2);
  for (;;) {
    const std::size_t separator = text.find("::");
    const std::string_view part = text.substr(0, separator);
    const auto in_word = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '_' || c == '-';
    };
    if (part.empty() || part.back() == '-') return false;
    if (!((part[0] >= 'a' && part[0] <= 'z') || part[0] == '_')) return false;
    if (!std::all_of(part.begin(), part.end(), in_word)) return false;
    if (separator == std::string_view::npos) return true;
    text.remove_prefix(separator + 2);
  }
}

// Names of types exclude the reserved words; what a value may be as well is left over.
bool is_reserved(std::string_view text) {
  constexpr std::string_view also_values[] = {"environment", "site",     "application",
                                              "plan",        "attr",     "private",
                                              "type",        "consumes", "produces"};
  if (std::find(std::begin(also_values), std::end(also_values), text) != std::end(also_values)) {
    return false;
  }
  return is_attribute_name(text) && !is_type_name(text);
}

}  // namespace

Scalar read_puppet_number(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(std::min(text.find_first_of(digits), text.size()));
  const std::string_view behind = text.substr(std::min<std::size_t>(2, text.size()));
  if (text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X") {
    if (!only(behind, "0123456789abcdefABCDEF")) return refused("is no hexadecimal number");
    return integer(behind, 16, negative);
  }
  if (only(text, digits)) {
    if (text.size() == 1 || text[0] != '0') return integer(text, 10, negative);
    if (!only(text, "01234567")) {
      return refused("a leading zero means octal; write the number without it, or quote it");
    }
    return integer(text, 8, negative);
  }
  if (!is_float(text)) return refused("is no number; in quotes it is a string");
  const std::optional<double> value = parse_double(text);
  if (!value) return refused("is too large or too small for a number; in quotes it is a string");
  return Scalar{Value{negative ? -*value : *value}, {}};
}

Scalar read_puppet_word(std::string_view text) {
  if (text == "true") return Scalar{Value{true}, {}};
  if (text == "false") return Scalar{Value{false}, {}};
  if (text == "undef") return Scalar{};
  if (is_reserved(text)) return refused("is a reserved word; in quotes it is a string");
  if (!is_bare_word(text)) return refused("is no bare word; in quotes it is a string");
  return Scalar{Value{std::string(text)}, {}};
}

}  // namespace cierzo::manifests
