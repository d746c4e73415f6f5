// What a manifest says, before anybody asks whether it makes sense: values with the place each was
// written at. Pure data: nothing here knows types, reads files or fails. Both syntaxes (puppet.cpp,
// yaml.cpp) end in these structures, so nothing behind them can tell which one an operator chose.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cierzo::manifests {

// A place in a text. Lines and columns count from 1; a column is a character (a Unicode code
// point), not a byte. Line 0 means: the file as a whole.
struct Position {
  std::string file{};
  int line{0};
  int column{0};
};

struct Value;
struct Entry;
using Array = std::vector<Value>;
using Hash = std::vector<Entry>;  // in the order written; no key occurs twice

struct Value {
  // monostate is Puppet's `undef` and YAML's null: given, and saying "nothing". Strings are valid
  // UTF-8 without NUL; doubles are finite; nesting is at most
  // value_nesting_max deep.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Hash> data;
  Position at{};

  // Equality is of meaning: where something was written does not count, the order of keys does.
  friend bool operator==(const Value& a, const Value& b);
};

struct Entry {
  std::string key{};
  Value value{};
  Position at{};  // of the key; the value has its own

  friend bool operator==(const Entry& a, const Entry& b);
};

struct Declaration {
  std::string type{};   // lower case: torque, web; see is_type_name
  std::string title{};  // never empty
  Hash attributes{};
  Position at{};  // of the title
  // False: a mistake was found in it, so that what seems to be missing may well be written there.
  bool complete{true};

  friend bool operator==(const Declaration& a, const Declaration& b);
};

inline constexpr std::size_t text_max = 1024 * 1024;  // bytes of one file
inline constexpr std::size_t name_max = 128;  // bytes of a title, an attribute's name, a key
inline constexpr int nesting_max = 32;        // mappings and sequences of a YAML text
// Arrays and hashes of one attribute, in either syntax: YAML spends three levels above it.
inline constexpr int value_nesting_max = nesting_max - 3;

// The value under a key, or nullptr.
[[nodiscard]] const Value* find(const Hash& hash, std::string_view key);
[[nodiscard]] const Entry* find_entry(const Hash& hash, std::string_view key);

// What a value is, for a message: "undef", "a boolean", "a number", "a string", "an array", "a
// hash".
[[nodiscard]] std::string_view kind_name(const Value& value);

// The value as a message quotes it: one line, cut to a readable length, strings in single quotes.
[[nodiscard]] std::string shown(const Value& value);

// Names of types and attributes that both syntaxes can write: [a-z][A-Za-z0-9_]*, for types also
// with
// `::` between such parts and none of Puppet's reserved words.
[[nodiscard]] bool is_type_name(std::string_view text);
[[nodiscard]] bool is_attribute_name(std::string_view text);

// Does an attribute of this name hold what no message may repeat: a password, a secret, a token?
[[nodiscard]] bool is_secret_name(std::string_view name);

}  // namespace cierzo::manifests
