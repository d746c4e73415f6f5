#include <algorithm>
#include <cctype>
#include <cstdio>

#include "resources/address.hpp"
#include "resources/desired.hpp"
#include "resources/digest.hpp"
#include "resources/instance.hpp"

namespace cierzo {
namespace {

// The part of an environment variable's name: letters and digits in upper case, else underscores.
std::string variable(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    text += std::isalnum(byte) ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return text;
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (byte < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      json += escaped;
    } else {
      json += c;
    }
  }
  return json + '"';
}

// Enough of a digest to know one from another. Three of them, and points between, are an input
// digest: so that it can be said which of them has changed.
std::string part_of(std::string_view bytes) { return sha256(bytes).substr(0, 20); }

void append(std::string& list, const std::string& word) {
  if (!list.empty()) list += ' ';
  list += word;
}

std::string json_object(const std::map<std::string, std::string>& values) {
  std::string json = "{";
  for (const auto& [name, text] : values) {
    if (json.size() > 1) json += ", ";
    json += json_string(name) + ": " + json_string(text);
  }
  return json + "}";
}

std::map<std::string, std::string> attributes_of(const Resource& resource) {
  std::map<std::string, std::string> all = resource.attributes;
  all.insert(resource.secrets.begin(), resource.secrets.end());
  return all;
}

std::string json_text(const Resource& resource, const Type& type, const std::vector<Instance>& all,
                      const Instance& instance, const RoleName& role,
                      const std::map<RoleKey, Outputs>& outputs) {
  std::string roles;
  for (const RoleType& other : type.roles) {
    std::string list;
    for (const Instance* member : members(all, other.name)) {
      if (!list.empty()) list += ", ";
      list += "{\"name\": " + json_string(member->name.value) +
              ", \"address\": " + json_string(member->address) +
              ", \"index\": " + std::to_string(position_in(*member, other.name));
      const auto said = outputs.find({member->name, other.name});
      if (said != outputs.end()) list += ", \"outputs\": " + json_object(said->second);
      list += "}";
    }
    if (list.empty()) continue;
    if (!roles.empty()) roles += ",\n    ";
    roles += json_string(other.name.value) + ": [" + list + "]";
  }
  return "{\n  \"resource\": " + json_string(resource.name.value) +
         ",\n  \"type\": " + json_string(type.name) +
         ",\n  \"name\": " + json_string(instance.name.value) +
         ",\n  \"role\": " + json_string(role.value) +
         ",\n  \"index\": " + std::to_string(position_in(instance, role)) +
         ",\n  \"address\": " + json_string(instance.address) +
         ",\n  \"attributes\": " + json_object(attributes_of(resource)) +
         ",\n  \"roles\": {\n    " + roles + "\n  }\n}\n";
}

}  // namespace

int position_in(const Instance& instance, const RoleName& role) {
  const auto found = std::find(instance.roles.begin(), instance.roles.end(), role);
  if (found == instance.roles.end()) return 0;
  return instance.positions[static_cast<std::size_t>(found - instance.roles.begin())];
}

std::vector<const Instance*> members(const std::vector<Instance>& all, const RoleName& role) {
  std::vector<const Instance*> found;
  for (const Instance& instance : all) {
    if (position_in(instance, role) > 0) found.push_back(&instance);
  }
  std::stable_sort(found.begin(), found.end(), [&](const Instance* a, const Instance* b) {
    return position_in(*a, role) < position_in(*b, role);
  });
  return found;
}

void add_member(ScriptInput& input, const Member& member, std::string digest) {
  const std::string index = std::to_string(member.index);
  input.environment["CIERZO_MEMBER_NAME"] = member.name.value;
  input.environment["CIERZO_MEMBER_ROLE"] = member.role.value;
  input.environment["CIERZO_MEMBER_ADDRESS"] = member.address;
  input.environment["CIERZO_MEMBER_INDEX"] = index;
  input.json.insert(1, "\n  \"member\": {\"name\": " + json_string(member.name.value) +
                           ", \"role\": " + json_string(member.role.value) + ", \"address\": " +
                           json_string(member.address) + ", \"index\": " + index + "},");
  input.digest = std::move(digest);
}

std::string role_inputs_digest(const Resource& resource, const Type& type,
                               const std::vector<Instance>& all, const RoleName& role,
                               const std::map<RoleKey, Outputs>& outputs) {
  const RoleType* declared = type.role(role);
  if (!declared) return part_of({}) + "." + part_of({}) + "." + part_of({});
  const std::string start = declared->start ? type.scripts.at(declared->start->script) : "";
  std::string attributes;
  for (const auto& [name, text] : attributes_of(resource)) {
    append_part(attributes, name);
    append_part(attributes, text);
  }
  std::string bytes;
  for (const RoleName& read : declared->reads) {
    append_part(bytes, read.value);
    for (const Instance* member : members(all, read)) {
      append_part(bytes, member->name.value);
      append_part(bytes, member->address);
      const auto said = outputs.find({member->name, read});
      if (said == outputs.end()) continue;
      for (const auto& [key, value] : said->second) {
        append_part(bytes, key);
        append_part(bytes, value);
      }
    }
  }
  return part_of(start) + "." + part_of(attributes) + "." + part_of(bytes);
}

std::string input_digest(const std::string& role_digest, const Instance& instance,
                         const RoleName& role) {
  const std::size_t last = role_digest.rfind('.') + 1;
  return role_digest.substr(0, last) +
         part_of(sha256_of({role_digest.substr(last), instance.name.value, instance.address,
                            role.value, std::to_string(position_in(instance, role))}));
}

std::string changed_inputs(const std::string& before, const std::string& now) {
  // An earlier version's has one part: it cannot be said what of it differs.
  if (before.find('.') == before.npos) return "its inputs have another form";
  constexpr const char* what[] = {"its start", "an attribute", "what it reads"};
  std::string changed;
  int parts = 0;
  std::size_t old_from = 0, new_from = 0;
  for (const char* part : what) {
    const std::size_t old_to = before.find('.', old_from), new_to = now.find('.', new_from);
    if (before.substr(old_from, old_to - old_from) != now.substr(new_from, new_to - new_from)) {
      changed += (parts++ == 0 ? "" : " and ") + std::string(part);
    }
    old_from = old_to == before.npos ? before.size() : old_to + 1;
    new_from = new_to == now.npos ? now.size() : new_to + 1;
  }
  return changed + (parts > 1 ? " have changed" : " has changed");
}

ScriptInput script_input(const Resource& resource, const Type& type,
                         const std::vector<Instance>& all, const Instance& instance,
                         const RoleName& role, const std::map<RoleKey, Outputs>& outputs) {
  ScriptInput input;
  auto& environment = input.environment;
  environment["CIERZO_RESOURCE"] = resource.name.value;
  environment["CIERZO_TYPE"] = type.name;
  environment["CIERZO_NAME"] = instance.name.value;
  environment["CIERZO_ROLE"] = role.value;
  environment["CIERZO_INDEX"] = std::to_string(position_in(instance, role));
  environment["CIERZO_ADDRESS"] = instance.address;
  for (const RoleType& other : type.roles) {
    std::string addresses, names;
    for (const Instance* member : members(all, other.name)) {
      append(addresses, member->address);
      append(names, member->name.value);
      const auto said = outputs.find({member->name, other.name});
      if (said == outputs.end()) continue;
      for (const auto& [key, value] : said->second) {
        environment.emplace("CIERZO_OUTPUT_" + variable(other.name.value) + "_" + variable(key),
                            value);
      }
    }
    environment["CIERZO_ADDRESSES_" + variable(other.name.value)] = addresses;
    environment["CIERZO_NAMES_" + variable(other.name.value)] = names;
  }
  for (const auto& [name, text] : attributes_of(resource)) {
    environment["CIERZO_ATTRIBUTE_" + variable(name)] = text;
  }
  input.json = json_text(resource, type, all, instance, role, outputs);
  input.digest =
      input_digest(role_inputs_digest(resource, type, all, role, outputs), instance, role);
  return input;
}

std::string hosts_file(const std::vector<Instance>& all) {
  std::vector<const Instance*> sorted;
  for (const Instance& instance : all) sorted.push_back(&instance);
  std::sort(sorted.begin(), sorted.end(), [](const Instance* a, const Instance* b) {
    return parse_ipv4(a->address).value_or(0) < parse_ipv4(b->address).value_or(0);
  });
  std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  for (const Instance* instance : sorted) {
    text += instance->address + " " + instance->name.value + "\n";
  }
  return text;
}

}  // namespace cierzo
