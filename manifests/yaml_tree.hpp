// YAML as this project reads it: a strict subset, in an immutable tree of our own with positions.
// The only door to yaml-cpp, used by manifests, types (type.yaml), image sidecars and the agent's
// configuration.
//
// yaml-cpp's own Node hides what people get wrong: of duplicate keys the first wins silently, `010`
// is 8, a quoted '3' becomes a number, aliases share state. So the tree is built from events, and
// refuses: duplicate keys, anchors and aliases, tags, several documents, keys that are not text,
// nesting beyond nesting_max, more than text_max bytes, NUL and bytes that are not UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifests/diagnostic.hpp"
#include "manifests/value.hpp"

namespace cierzo::manifests {

struct YamlEntry;

struct YamlNode {
  enum class Kind { null, scalar, sequence, mapping };

  Kind kind{Kind::null};
  std::string text{};  // of a scalar, escapes resolved
  bool quoted{false};  // in quotes or a block (| >): a string whatever it looks like
  Position at{};
  std::vector<YamlNode> children;  // of a sequence
  std::vector<YamlEntry> entries;  // of a mapping, in the order written

  // The value under a key of a mapping, or nullptr (also when this is no mapping).
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  std::string key{};
  Position at{};  // of the key
  YamlNode value{};
};

struct YamlTree {
  YamlNode root{};  // null for an empty text
  std::vector<Diagnostic> diagnostics{};

  [[nodiscard]] bool ok() const { return !has_errors(diagnostics); }
};

// Throws nothing. With errors the root holds what came before the first syntax error.
[[nodiscard]] YamlTree parse_yaml_tree(std::string_view text, std::string file_name);

// The tree as a Value. A quoted scalar is a string. A plain one is a boolean (true, false), a
// number (decimal, 0x.., 0o.., 1.5, 1e3), or else a string: `yes`, `on`, `10.0.0.1`, `5s` are
// strings. Mistakes, added to `diagnostics`: a leading zero (010 is 8 to one reader and 10 to
// another), a number that does not fit, .inf and .nan.
[[nodiscard]] Value yaml_value(const YamlNode& node, std::vector<Diagnostic>& diagnostics);

}  // namespace cierzo::manifests
