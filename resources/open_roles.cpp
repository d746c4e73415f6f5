#include "resources/open_roles.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "resources/attribute.hpp"

namespace cierzo {
namespace {

using manifests::Array;
using manifests::Diagnostic;
using manifests::Entry;
using manifests::Hash;
using manifests::Position;
using manifests::Value;

// Fields of a role in a manifest. The others are read as in every type (role_values.hpp).
constexpr std::array<std::string_view, 3> commands = {"start", "check", "stop"};
constexpr std::array<std::string_view, 2> lists = {"after", "reads"};
constexpr std::array<std::string_view, 2> words = {"tries", "on_host_lost"};
constexpr std::array<std::string_view, 5> slots = {"ip", "ips", "image", "images", "count"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// A YAML scalar in double quotes, whatever the text is.
std::string quoted(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string pair(std::string_view key, const std::string& value) {
  return quoted(key) + ": " + value;
}

class Opener {
 public:
  Opener(const manifests::Declaration& declaration, const Type& type)
      : declaration_(declaration), type_(type), files_(type.files) {
    prefix_ = declaration.type + "." + declaration.title + ".";
  }

  OpenedRoles open() {
    OpenedRoles opened{type_, declaration_, {}};
    opened.declaration.attributes.clear();
    for (const Entry& entry : declaration_.attributes) {
      if (!is_role(entry)) {
        opened.declaration.attributes.push_back(entry);
        continue;
      }
      if (!manifests::is_attribute_name(entry.key)) continue;  // said already
      opened.declaration.attributes.push_back(read_role(entry));
    }
    if (yaml_.empty() && declaration_.complete) {
      error(declaration_.at, declaration_.type + "." + declaration_.title,
            "at least one role is required: NAME: {ip: ADDRESS, image: IMAGE, start: COMMAND}");
    }
    if (!yaml_.empty()) make_type(opened.type);
    opened.diagnostics = std::move(diagnostics_);
    return opened;
  }

 private:
  void error(const Position& at, const std::string& what, const std::string& expected) {
    diagnostics_.push_back(manifests::mistake(at, what, expected));
  }

  [[nodiscard]] bool is_role(const Entry& entry) const {
    if (is_common_attribute(entry.key) || type_.attributes.count(entry.key) != 0) return false;
    return std::holds_alternative<Hash>(entry.value.data) ||
           std::holds_alternative<Array>(entry.value.data);
  }

  // With mistakes in them the roles are known all the same, so that nothing is said of them twice.
  void make_type(Type& type) {
    files_[roles_file] = yaml_;
    TypeRead read = read_type(files_, declaration_.type);
    for (const Diagnostic& each : read.diagnostics) take(each);
    if (read.type) {
      type = std::move(*read.type);
      return;
    }
    for (const std::string& name : names_) {
      RoleType role;
      role.name = RoleName{name};
      role.least = 0;
      role.most.reset();
      type.roles.push_back(std::move(role));
    }
  }

  // The entry without what makes the role, which is added to the roles.
  Entry read_role(const Entry& entry) {
    Entry rest{entry.key, {Hash{}, entry.value.at}, entry.at};
    const auto* hash = std::get_if<Hash>(&entry.value.data);
    // What is given one address, `ip`, there is one of, always; with `ips` there are some, or none.
    const bool one = hash && manifests::find_entry(*hash, "ip") != nullptr;
    std::string fields = pair("count", quoted(one ? "1" : "0.."));
    if (!hash) rest.value = entry.value;
    for (const Entry& field : hash ? *hash : Hash{}) {
      if (std::holds_alternative<std::monostate>(field.value.data)) continue;  // not given
      if (contains(slots, field.key)) {
        std::get<Hash>(rest.value.data).push_back(field);
      } else if (contains(commands, field.key)) {
        fields += command(entry.key, field);
      } else if (contains(lists, field.key)) {
        fields += ", " + pair(field.key, list(field.value));
      } else if (contains(words, field.key)) {
        const std::string where = prefix_ + entry.key + "." + field.key;
        fields += ", " + pair(field.key, scalar(field.value, where));
      } else {
        std::vector<std::string> known(slots.begin(), slots.end());
        known.insert(known.end(), commands.begin(), commands.end());
        known.insert(known.end(), lists.begin(), lists.end());
        known.insert(known.end(), words.begin(), words.end());
        diagnostics_.push_back(manifests::unknown_name(
            field.at, prefix_ + entry.key + "." + field.key, field.key, known, "unknown field"));
      }
    }
    names_.push_back(entry.key);
    yaml_ += pair(entry.key, "{" + fields + "}") + "\n";
    return rest;
  }

  // A comma and the field, with the text as a file: start: {run: ROLE-start}. Empty where there is
  // none.
  std::string command(const std::string& role, const Entry& field) {
    const std::string where = prefix_ + role + "." + field.key;
    const auto* hash = std::get_if<Hash>(&field.value.data);
    const Value* text = hash ? manifests::find(*hash, "run") : &field.value;
    const auto* said = text ? std::get_if<std::string>(&text->data) : nullptr;
    if (!said || said->find_first_not_of(" \t\r\n") == std::string::npos) {
      error(text ? text->at : field.at, where, "must be a command for the guest's shell");
      return {};
    }
    const std::string file = role + "-" + field.key;
    files_[file] = *said + (said->ends_with('\n') ? "" : "\n");
    std::string made = pair("run", quoted(file));
    for (const Entry& more : hash ? *hash : Hash{}) {
      if (more.key == "run") continue;
      made += ", " + pair(more.key, scalar(more.value, where + "." + more.key));
    }
    return ", " + pair(field.key, "{" + made + "}");
  }

  // One name is a list of one.
  std::string list(const Value& value) {
    std::string names;
    const auto* array = std::get_if<Array>(&value.data);
    for (const Value& element : array ? *array : Array{value}) {
      names += (names.empty() ? "" : ", ") + quoted(scalar_text(element).value_or(""));
    }
    return "[" + names + "]";
  }

  std::string scalar(const Value& value, const std::string& where) {
    const auto text = scalar_text(value);
    if (!text) error(value.at, where, "must be one value, got " + manifests::shown(value));
    return quoted(text.value_or(""));
  }

  // What read_type() says of "roles.store.check.every" stands in the manifest, as far as it can be
  // followed there. Of what it says of the files of the type nothing is the manifest's fault.
  void take(const Diagnostic& said) {
    constexpr std::string_view roles = "roles.";
    Diagnostic mine = said;
    mine.at = declaration_.at;
    if (said.what.starts_with(roles)) {
      std::string path = said.what.substr(roles.size());
      mine.what = prefix_ + path;
      const Hash* hash = &declaration_.attributes;
      while (hash && !path.empty()) {
        const std::string key = path.substr(0, path.find('.'));
        path.erase(0, key.size() + 1);
        const Entry* entry = manifests::find_entry(*hash, key);
        if (!entry) break;
        mine.at = path.empty() ? entry->value.at : entry->at;
        hash = std::get_if<Hash>(&entry->value.data);
      }
    }
    diagnostics_.push_back(std::move(mine));
  }

  const manifests::Declaration& declaration_;
  const Type& type_;
  std::string prefix_;
  std::string yaml_;                // roles_file
  std::vector<std::string> names_;  // of its roles
  std::map<std::string, std::string> files_;
  std::vector<Diagnostic> diagnostics_;
};

}  // namespace

OpenedRoles open_roles(const manifests::Declaration& declaration, const Type& type) {
  return Opener(declaration, type).open();
}

}  // namespace cierzo
