#include "resources/open_roles.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "resources/address.hpp"
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
constexpr std::array<std::string_view, 5> commands = {"start", "check", "stop", "drain", "metrics"};
constexpr std::array<std::string_view, 2> lists = {"after", "reads"};
constexpr std::array<std::string_view, 2> words = {"tries", "on_host_lost"};
constexpr std::array<std::string_view, 2> others = {"edges", "outputs"};
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
      if (is_bare_address(entry)) {
        error(entry.value.at, prefix_ + entry.key,
              "must be a role: [ADDRESS, IMAGE], or {ip: ADDRESS, image: IMAGE, start: COMMAND}; "
              "got " +
                  manifests::shown(entry.value));
        continue;
      }
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

  // "store: 10.0.0.5": a role, as somebody might think it is written.
  [[nodiscard]] bool is_bare_address(const Entry& entry) const {
    if (is_common_attribute(entry.key) || type_.attributes.count(entry.key) != 0) return false;
    const auto text = scalar_text(entry.value);
    return text && parse_range(*text).has_value();
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
        fields += command(entry.key + "-" + field.key, prefix_ + entry.key, field);
      } else if (contains(lists, field.key)) {
        fields += ", " + pair(field.key, list(field.value));
      } else if (contains(words, field.key)) {
        const std::string where = prefix_ + entry.key + "." + field.key;
        fields += ", " + pair(field.key, scalar(field.value, where));
      } else if (field.key == "edges") {
        fields += ", " + pair("edges", edges(entry.key, field));
      } else if (field.key == "outputs") {
        fields += ", " + pair("outputs", outputs(field, prefix_ + entry.key));
      } else {
        std::vector<std::string> known(slots.begin(), slots.end());
        known.insert(known.end(), commands.begin(), commands.end());
        known.insert(known.end(), lists.begin(), lists.end());
        known.insert(known.end(), words.begin(), words.end());
        known.insert(known.end(), others.begin(), others.end());
        diagnostics_.push_back(manifests::unknown_name(
            field.at, prefix_ + entry.key + "." + field.key, field.key, known, "unknown field"));
      }
    }
    names_.push_back(entry.key);
    yaml_ += pair(entry.key, "{" + fields + "}") + "\n";
    return rest;
  }

  // A comma and the field, with the text as a file of that name: start: {run: ROLE-start}. Empty
  // where there is none.
  std::string command(const std::string& file, const std::string& of, const Entry& field) {
    const std::string where = of + "." + field.key;
    const auto* hash = std::get_if<Hash>(&field.value.data);
    const Value* text = hash ? manifests::find(*hash, "run") : &field.value;
    const auto* said = text ? std::get_if<std::string>(&text->data) : nullptr;
    if (!said || said->find_first_not_of(" \t\r\n") == std::string::npos) {
      error(text ? text->at : field.at, where, "must be a command for the guest's shell");
      return {};
    }
    files_[file] = *said + (said->ends_with('\n') ? "" : "\n");
    std::string made = pair("run", quoted(file));
    for (const Entry& more : hash ? *hash : Hash{}) {
      if (more.key == "run") continue;
      made += ", " + pair(more.key, scalar(more.value, where + "." + more.key));
    }
    return ", " + pair(field.key, "{" + made + "}");
  }

  // {head: {join: COMMAND, leave: COMMAND}}
  std::string edges(const std::string& role, const Entry& field) {
    const std::string where = prefix_ + role + ".edges";
    std::string made;
    const auto* told = std::get_if<Hash>(&field.value.data);
    if (!told) error(field.value.at, where, "must be {ROLE: {join: COMMAND, leave: COMMAND}}");
    for (const Entry& other : told ? *told : Hash{}) {
      const auto* programs = std::get_if<Hash>(&other.value.data);
      if (!programs) {
        error(other.value.at, where + "." + other.key, "must be {join: COMMAND, leave: COMMAND}");
      }
      std::string both;
      for (const Entry& program : programs ? *programs : Hash{}) {
        if (program.key == "join" || program.key == "leave") {
          both +=
              command(role + "-" + program.key + "-" + other.key, where + "." + other.key, program);
        } else {
          diagnostics_.push_back(
              manifests::unknown_name(program.at, where + "." + other.key + "." + program.key,
                                      program.key, {"join", "leave"}, "unknown field"));
        }
      }
      // Each begins with a comma.
      made += (made.empty() ? "" : ", ") +
              pair(other.key, "{" + (both.empty() ? both : both.substr(2)) + "}");
    }
    return "{" + made + "}";
  }

  // A list of names, or {NAME: {secret: true}}; one name is a list of one.
  std::string outputs(const Entry& field, const std::string& role) {
    const std::string where = role + ".outputs";
    std::string made;
    const auto add = [&](const std::string& name, const std::string& more) {
      made += (made.empty() ? "" : ", ") + pair(name, "{" + more + "}");
    };
    const auto* named = std::get_if<Hash>(&field.value.data);
    for (const Entry& one : named ? *named : Hash{}) {
      std::string more;
      const auto* marks = std::get_if<Hash>(&one.value.data);
      for (const Entry& mark : marks ? *marks : Hash{}) {
        more += (more.empty() ? "" : ", ") +
                pair(mark.key, scalar(mark.value, where + "." + one.key + "." + mark.key));
      }
      add(one.key, more);
    }
    if (named) return "{" + made + "}";
    const auto* list = std::get_if<Array>(&field.value.data);
    for (const Value& name : list ? *list : Array{field.value}) {
      add(scalar_text(name).value_or(""), {});
    }
    return "{" + made + "}";
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
