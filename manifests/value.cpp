#include "manifests/value.hpp"

#include <algorithm>
#include <array>

#include "manifests/number.hpp"

namespace cierzo::manifests {

namespace {

constexpr std::size_t shown_max = 60;  // characters of a value in a message

// Puppet's reserved words: none of them can name a type.
constexpr std::array<std::string_view, 27> reserved{
    "and",      "application", "attr",     "case",        "class", "consumes", "default",
    "define",   "else",        "elsif",    "environment", "false", "function", "if",
    "import",   "in",          "inherits", "node",        "or",    "plan",     "private",
    "produces", "site",        "true",     "type",        "undef", "unless"};

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

struct Shower {
  std::string operator()(std::monostate) const { return "undef"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return print_double(value); }
  std::string operator()(const std::string& value) const {
    std::string text = "'";
    for (const char c : value) {
      const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
      text += control ? ' ' : c;
    }
    return text + "'";
  }
  std::string operator()(const Array& value) const {
    std::string text = "[";
    for (const Value& item : value) {
      if (text.size() > 1) text += ", ";
      if (text.size() > shown_max) break;
      text += std::visit(*this, item.data);
    }
    return text + "]";
  }
  std::string operator()(const Hash& value) const {
    std::string text = "{";
    for (const Entry& entry : value) {
      if (text.size() > 1) text += ", ";
      if (text.size() > shown_max) break;
      text += entry.key + " => " + std::visit(*this, entry.value.data);
    }
    return text + "}";
  }
};

struct KindName {
  std::string_view operator()(std::monostate) const { return "undef"; }
  std::string_view operator()(bool) const { return "a boolean"; }
  std::string_view operator()(std::int64_t) const { return "a number"; }
  std::string_view operator()(double) const { return "a number"; }
  std::string_view operator()(const std::string&) const { return "a string"; }
  std::string_view operator()(const Array&) const { return "an array"; }
  std::string_view operator()(const Hash&) const { return "a hash"; }
};

}  // namespace

bool operator==(const Value& a, const Value& b) { return a.data == b.data; }
bool operator==(const Entry& a, const Entry& b) { return a.key == b.key && a.value == b.value; }
bool operator==(const Declaration& a, const Declaration& b) {
  return a.type == b.type && a.title == b.title && a.attributes == b.attributes;
}

const Entry* find_entry(const Hash& hash, std::string_view key) {
  const auto found = std::find_if(hash.begin(), hash.end(),
                                  [key](const Entry& entry) { return entry.key == key; });
  return found == hash.end() ? nullptr : &*found;
}

const Value* find(const Hash& hash, std::string_view key) {
  const Entry* entry = find_entry(hash, key);
  return entry == nullptr ? nullptr : &entry->value;
}

std::string_view kind_name(const Value& value) { return std::visit(KindName{}, value.data); }

std::string shown(const Value& value) {
  std::string text = std::visit(Shower{}, value.data);
  if (text.size() <= shown_max) return text;
  std::size_t end = shown_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
    --end;  // whole characters
  return text.substr(0, end) + "…";
}

bool is_attribute_name(std::string_view text) {
  return !text.empty() && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(), is_word_character);
}

bool is_type_name(std::string_view text) {
  if (std::find(reserved.begin(), reserved.end(), text) != reserved.end()) return false;
  for (;;) {
    const std::size_t separator = text.find("::");
    if (!is_attribute_name(text.substr(0, separator))) return false;
    if (separator == std::string_view::npos) return true;
    text.remove_prefix(separator + 2);
  }
}

bool is_secret_name(std::string_view name) {
  for (const std::string_view word : {"password", "passwd", "passphrase", "secret", "token"}) {
    if (name.find(word) != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace cierzo::manifests
