// What reading a type.yaml needs again and again: fields, names of roles and scripts, durations,
// each complaint with its place. Used by type.cpp alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "manifests/diagnostic.hpp"
#include "manifests/yaml_tree.hpp"
#include "resources/ids.hpp"

namespace cierzo {

// 0 to 9999, as decimal digits; none otherwise.
[[nodiscard]] std::optional<int> small_number(const std::string& text);

// "500ms", "5s", "2m"; none otherwise, and for 0.
[[nodiscard]] std::optional<Duration> parse_duration(const std::string& text);

class TypeFields {
 public:
  TypeFields(const std::map<std::string, std::string>& files,
             std::vector<manifests::Diagnostic> found)
      : diagnostics(std::move(found)), files_(files) {}

  void error(const manifests::Position& at, const std::string& what, const std::string& expected);
  void unknown(const manifests::Position& at, const std::string& what, const std::string& name,
               const std::vector<std::string>& known, const std::string& expected);

  // A mapping with these keys and no others.
  void known_keys(const manifests::YamlNode& node, const std::string& where,
                  const std::vector<std::string>& keys);
  // The entries of a mapping; none, with a complaint, where it is something else.
  const std::vector<manifests::YamlEntry>& entries(const manifests::YamlNode& node,
                                                   const std::string& where);
  bool boolean(const manifests::YamlNode& node, const std::string& where, const std::string& key);
  // Leaves `value` as it is where the key is missing.
  void duration(const manifests::YamlNode& node, const std::string& where, const std::string& key,
                Duration& value);

  // A role is known once it was added: all names first, then what refers to them.
  void add_role(const std::string& name) { roles_.push_back(name); }
  RoleName role(const std::string& name, const manifests::Position& at, const std::string& where);
  // The list of roles under a key; empty where the key is missing.
  std::vector<RoleName> roles(const manifests::YamlNode& node, const std::string& where,
                              const std::string& key);

  // Is there a file of that name in the folder?
  bool has_script(const std::string& name, const manifests::Position& at, const std::string& where);

  std::vector<manifests::Diagnostic> diagnostics;

 private:
  const std::map<std::string, std::string>& files_;
  std::vector<std::string> roles_;
};

}  // namespace cierzo
