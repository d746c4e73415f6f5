// How one value of the configuration is read.
#include <charconv>

#include "agent/config_keys.hpp"
#include "manifests/number.hpp"
#include "resources/address.hpp"

namespace cierzo::config {
namespace {

using manifests::YamlNode;

constexpr std::size_t name_most = 63;
constexpr double length_most = 86400;  // Seconds; nothing here is longer than a day.

std::string shown(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      return "'" + node.text.substr(0, 60) + "'";
    case YamlNode::Kind::sequence:
      return "a list";
    case YamlNode::Kind::mapping:
      return "a mapping";
  }
  return {};
}

bool is_name(const std::string& text) {
  constexpr const char* allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return text.size() <= name_most && text.find_first_not_of(allowed) == std::string::npos &&
         text[0] != '-' && text[0] != '.';
}

// "2", "s" from "2s" or "2 s".
std::pair<std::string, std::string> number_and_unit(const std::string& text) {
  const std::size_t end = text.find_first_not_of("0123456789.");
  if (end == std::string::npos) return {text, {}};
  const std::size_t unit = text.find_first_not_of(' ', end);
  return {text.substr(0, end), unit == std::string::npos ? std::string() : text.substr(unit)};
}

}  // namespace

void Field::refuse(const std::string& wanted) const {
  mistakes_.push_back(
      manifests::mistake(node_.at, path_, "must be " + wanted + ", got " + shown(node_)));
}

const std::string* Field::scalar(const char* wanted) const {
  if (node_.kind == YamlNode::Kind::scalar && !node_.text.empty()) return &node_.text;
  refuse(wanted);
  return nullptr;
}

std::optional<std::string> Field::text() const {
  const std::string* text = scalar("a text");
  return text == nullptr ? std::nullopt : std::optional(*text);
}

std::optional<std::string> Field::absolute_path() const {
  constexpr const char* wanted = "an absolute path";
  const std::string* text = scalar(wanted);
  if (text == nullptr) return std::nullopt;
  if ((*text)[0] == '/') return *text;
  refuse(wanted);
  return std::nullopt;
}

std::optional<std::string> Field::name() const {
  constexpr const char* wanted = "a name of letters, digits, '.', '-' and '_', 63 at most";
  const std::string* text = scalar(wanted);
  if (text == nullptr) return std::nullopt;
  if (is_name(*text)) return *text;
  refuse(wanted);
  return std::nullopt;
}

std::optional<std::string> Field::one_of(const std::vector<std::string>& accepted) const {
  const std::string* text = scalar("a text");
  if (text == nullptr) return std::nullopt;
  for (const std::string& one : accepted) {
    if (*text == one) return one;
  }
  mistakes_.push_back(
      manifests::unknown_name(node_.at, path_, *text, accepted, "unknown value '" + *text + "'"));
  return std::nullopt;
}

std::optional<std::uint32_t> Field::number(std::uint32_t least, std::uint32_t most) const {
  const std::string wanted =
      "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  const std::string* text = scalar(wanted.c_str());
  if (text == nullptr) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  const bool whole = error == std::errc{} && end == text->data() + text->size() && !node_.quoted &&
                     (text->size() == 1 || (*text)[0] != '0');
  if (whole && number >= least && number <= most) return number;
  refuse(wanted);
  return std::nullopt;
}

std::optional<bool> Field::boolean() const {
  constexpr const char* wanted = "true or false";
  const std::string* text = scalar(wanted);
  if (text == nullptr) return std::nullopt;
  if (*text == "true" && !node_.quoted) return true;
  if (*text == "false" && !node_.quoted) return false;
  refuse(wanted);
  return std::nullopt;
}

std::optional<Duration> Field::duration() const {
  constexpr const char* wanted = "a length of time with its unit, as 100ms, 2s or 1m";
  const std::string* text = scalar(wanted);
  if (text == nullptr) return std::nullopt;
  const auto [digits, unit] = number_and_unit(*text);
  const auto number = manifests::parse_double(digits);
  const double seconds = unit == "us"   ? 1e-6
                         : unit == "ms" ? 1e-3
                         : unit == "s"  ? 1
                         : unit == "m"  ? 60
                         : unit == "h"  ? 3600
                                        : 0;
  if (number && seconds > 0 && *number * seconds <= length_most) {
    // From microseconds, so that 0.1s is 100 ms and not a nanosecond less.
    const auto micros = static_cast<std::int64_t>(*number * seconds * 1e6 + 0.5);
    return std::chrono::microseconds(micros);
  }
  refuse(wanted);
  return std::nullopt;
}

std::optional<double> Field::share() const {
  constexpr const char* wanted = "a share, as 1% or 0.01";
  const std::string* text = scalar(wanted);
  if (text == nullptr) return std::nullopt;
  const auto [digits, unit] = number_and_unit(*text);
  const auto number = manifests::parse_double(digits);
  if (number && unit == "%" && *number <= 100) return *number / 100;
  if (number && unit.empty() && *number < 1) return *number;
  refuse(wanted);
  return std::nullopt;
}

std::optional<std::uint64_t> Field::memory_kib() const {
  constexpr const char* wanted = "KiB, or a size with its unit, as 2 GiB";
  const std::string* text = scalar(wanted);
  if (text == nullptr) return std::nullopt;
  const auto kib = parse_memory_kib(*text);
  if (kib && *kib > 0) return kib;
  refuse(wanted);
  return std::nullopt;
}

std::vector<std::string> Field::texts() const {
  if (node_.kind == YamlNode::Kind::scalar && !node_.text.empty()) return {node_.text};
  std::vector<std::string> all;
  if (node_.kind != YamlNode::Kind::sequence) refuse("a text or a list of texts");
  for (std::size_t i = 0; i < node_.children.size(); ++i) {
    const Field one(path_ + "[" + std::to_string(i) + "]", node_.children[i], mistakes_);
    if (auto text = one.text()) all.push_back(std::move(*text));
  }
  return all;
}

std::map<std::string, std::string> Field::mapping() const {
  std::map<std::string, std::string> all;
  if (node_.kind != YamlNode::Kind::mapping) refuse("a mapping of names to values");
  for (const manifests::YamlEntry& entry : node_.entries) {
    const Field one(path_ + "." + entry.key, entry.value, mistakes_);
    if (auto text = one.text()) all[entry.key] = std::move(*text);
  }
  return all;
}

}  // namespace cierzo::config
