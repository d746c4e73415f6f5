#include "resources/type_fields.hpp"

#include <algorithm>
#include <charconv>

namespace cierzo {

using manifests::Position;
using manifests::YamlEntry;
using manifests::YamlNode;
using Kind = YamlNode::Kind;

std::optional<int> small_number(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < 0 || value > 9999) return std::nullopt;
  return value;
}

std::optional<Duration> parse_duration(const std::string& text) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  if (digits == std::string::npos) return std::nullopt;
  const auto number = small_number(text.substr(0, digits));
  const std::string unit = text.substr(digits);
  if (!number || *number == 0) return std::nullopt;
  if (unit == "ms") return std::chrono::milliseconds(*number);
  if (unit == "s") return std::chrono::seconds(*number);
  if (unit == "m") return std::chrono::minutes(*number);
  return std::nullopt;
}

void TypeFields::error(const Position& at, const std::string& what, const std::string& expected) {
  diagnostics.push_back(manifests::mistake(at, what, expected));
}

void TypeFields::unknown(const Position& at, const std::string& what, const std::string& name,
                         const std::vector<std::string>& known, const std::string& expected) {
  diagnostics.push_back(manifests::unknown_name(at, what, name, known, expected));
}

void TypeFields::known_keys(const YamlNode& node, const std::string& where,
                            const std::vector<std::string>& keys) {
  for (const YamlEntry& entry : entries(node, where)) {
    if (std::find(keys.begin(), keys.end(), entry.key) != keys.end()) continue;
    const std::string what = where.empty() ? entry.key : where + "." + entry.key;
    unknown(entry.at, what, entry.key, keys, "unknown field");
  }
}

const std::vector<YamlEntry>& TypeFields::entries(const YamlNode& node, const std::string& where) {
  if (node.kind != Kind::mapping && node.kind != Kind::null) {
    error(node.at, where.empty() ? "type.yaml" : where, "must be a mapping");
  }
  return node.entries;
}

bool TypeFields::boolean(const YamlNode& node, const std::string& where, const std::string& key) {
  const YamlNode* found = node.find(key);
  if (!found || found->text == "false") return false;
  if (found->text != "true")
    error(found->at, where.empty() ? key : where + "." + key,
          "must be true or false, got '" + found->text + "'");
  return true;
}

void TypeFields::duration(const YamlNode& node, const std::string& where, const std::string& key,
                          Duration& value) {
  const YamlNode* found = node.find(key);
  if (!found) return;
  if (const auto duration = parse_duration(found->text)) {
    value = *duration;
  } else {
    error(found->at, where + "." + key,
          "must be a duration such as 500ms, 5s or 2m, got '" + found->text + "'");
  }
}

RoleName TypeFields::role(const std::string& name, const Position& at, const std::string& where) {
  if (std::find(roles_.begin(), roles_.end(), name) == roles_.end()) {
    unknown(at, where, name, roles_, "unknown role '" + name + "'");
  }
  return RoleName{name};
}

std::vector<RoleName> TypeFields::roles(const YamlNode& node, const std::string& where,
                                        const std::string& key) {
  std::vector<RoleName> names;
  const YamlNode* found = node.find(key);
  if (!found) return names;
  if (found->kind != Kind::sequence) {
    error(found->at, where + "." + key, "must be a list of roles");
  }
  for (const YamlNode& child : found->children) {
    names.push_back(role(child.text, child.at, where + "." + key));
  }
  return names;
}

bool TypeFields::has_script(const std::string& name, const Position& at, const std::string& where) {
  if (!name.empty() && name != "type.yaml" && files_.count(name) != 0) return true;
  error(at, where, name.empty() ? "names no script" : "there is no script '" + name + "'");
  return false;
}

}  // namespace cierzo
