// The table of the configuration's keys, and the draft it fills. Used by config.cpp only.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config.hpp"
#include "manifests/yaml_tree.hpp"

namespace cierzo::config {

struct DraftHost {
  HostConfig host;
  std::optional<bool> voter;
};

// What was read, before anything is compared with anything else.
struct Draft {
  Config config;
  std::vector<DraftHost> hosts;
  bool fast = false;  // timing.profile
  std::optional<Duration> heartbeat, lease, permit, answer, guard_delay, destroy_after;
  std::optional<double> drift;
  std::vector<std::string> types;
  // "hosts[1].key" -> where; lists and mappings too.
  std::map<std::string, manifests::Position> at;
};

// One value as it stands in the file. Each reading adds a mistake, and gives none, where it is
// something else.
class Field {
 public:
  Field(std::string path, const manifests::YamlNode& node,
        std::vector<manifests::Diagnostic>& mistakes)
      : path_(std::move(path)), node_(node), mistakes_(mistakes) {}

  [[nodiscard]] std::optional<std::string> text() const;  // Not empty.
  [[nodiscard]] std::optional<std::string> absolute_path() const;
  [[nodiscard]] std::optional<std::string> name() const;  // Of a host or a network.
  [[nodiscard]] std::optional<std::string> one_of(const std::vector<std::string>& accepted) const;
  [[nodiscard]] std::optional<std::uint32_t> number(std::uint32_t least, std::uint32_t most) const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<Duration> duration() const;
  [[nodiscard]] std::optional<double> share() const;  // "1%" or 0.01
  [[nodiscard]] std::optional<std::uint64_t> memory_kib() const;
  [[nodiscard]] std::vector<std::string> texts() const;  // A list, or one.
  // A mapping of names to single values.
  [[nodiscard]] std::map<std::string, std::string> mapping() const;

 private:
  [[nodiscard]] const std::string* scalar(const char* wanted) const;
  void refuse(const std::string& wanted) const;

  std::string path_;
  const manifests::YamlNode& node_;
  std::vector<manifests::Diagnostic>& mistakes_;
};

// `fallback` is what help shows, and only that: where it is empty the key is needed in every
// section that is there.
struct Key {
  std::string_view path;  // "hosts[].address": of each entry of a list.
  std::string_view fallback;
  std::string_view meaning;  // With its unit.
  void (*read)(Draft& draft, const Field& field);
};

// In the order of the help. A section's keys stand together.
[[nodiscard]] const std::vector<Key>& keys();

// The draft with every default filled in.
[[nodiscard]] Draft empty_draft();

}  // namespace cierzo::config
