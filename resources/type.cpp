#include "resources/type.hpp"

#include <algorithm>
#include <functional>

#include "manifests/yaml_tree.hpp"
#include "resources/attribute.hpp"
#include "resources/digest.hpp"
#include "resources/type_fields.hpp"

namespace cierzo {
namespace {

using manifests::YamlEntry;
using manifests::YamlNode;
using Kind = YamlNode::Kind;

// A port is an integer with the range that ports have.
void read_kind(const YamlNode& node, const std::string& where, AttributeType& attribute,
               TypeFields& fields) {
  const auto known = std::map<std::string, AttributeKind>{{"string", AttributeKind::string},
                                                          {"integer", AttributeKind::integer},
                                                          {"port", AttributeKind::integer},
                                                          {"boolean", AttributeKind::boolean},
                                                          {"strings", AttributeKind::strings}};
  const auto found = known.find(node.text);
  if (found == known.end()) {
    fields.unknown(node.at, where + ".kind", node.text,
                   {"string", "integer", "port", "boolean", "strings"},
                   "unknown kind '" + node.text + "'");
    return;
  }
  attribute.kind = found->second;
  if (node.text == "port") {
    attribute.least = 1;
    attribute.most = 65535;
  }
}

void read_range(const YamlNode& node, const std::string& where, AttributeType& attribute,
                TypeFields& fields) {
  const auto bound = [&](const char* key, std::optional<std::int64_t>& value) {
    const YamlNode* found = node.find(key);
    if (!found) return;
    const auto read = manifests::yaml_value(*found, fields.diagnostics);
    const auto* number = std::get_if<std::int64_t>(&read.data);
    if (!number || attribute.kind != AttributeKind::integer) {
      fields.error(found->at, where + "." + key, "must be a whole number, of a kind that is one");
      return;
    }
    value = *number;
  };
  bound("min", attribute.least);
  bound("max", attribute.most);
  if (attribute.least && attribute.most && *attribute.least > *attribute.most) {
    fields.error(node.at, where, "has a min above its max");
  }
  if (const YamlNode* role = node.find("most_of")) {
    attribute.most_of = RoleName{role->text};
    if (attribute.kind != AttributeKind::integer || !where.starts_with("attributes.")) {
      fields.error(role->at, where + ".most_of",
                   "must be of an attribute of the type, of a kind that is a whole number");
    }
  }
  const YamlNode* choices = node.find("choices");
  if (!choices) return;
  for (const YamlNode& choice : choices->children) {
    if (!choice.text.empty()) attribute.choices.push_back(choice.text);
  }
  if (attribute.choices.empty() || attribute.kind != AttributeKind::string) {
    fields.error(choices->at, where + ".choices", "must be a list of strings, of the kind string");
  }
}

std::map<std::string, AttributeType> read_attributes(const YamlNode& node, const std::string& where,
                                                     TypeFields& fields) {
  std::map<std::string, AttributeType> attributes;
  for (const YamlEntry& entry : fields.entries(node, where)) {
    const std::string at = where + "." + entry.key;
    AttributeType attribute;
    if (!manifests::is_attribute_name(entry.key) || is_common_attribute(entry.key)) {
      fields.error(entry.at, at, "is not a free attribute name");
    }
    fields.known_keys(
        entry.value, at,
        {"kind", "min", "max", "most_of", "choices", "default", "required", "secret", "generate",
         "summary"});
    if (const YamlNode* kind = entry.value.find("kind")) {
      read_kind(*kind, at, attribute, fields);
    }
    read_range(entry.value, at, attribute, fields);
    if (const YamlNode* fallback = entry.value.find("default")) {
      const auto value = manifests::yaml_value(*fallback, fields.diagnostics);
      attribute.fallback = attribute_text(value, attribute);
      if (!attribute.fallback) {
        fields.error(fallback->at, at + ".default", "must be " + expected_of(attribute));
      }
    }
    attribute.required = fields.boolean(entry.value, at, "required");
    attribute.secret = fields.boolean(entry.value, at, "secret");
    if (const YamlNode* generate = entry.value.find("generate")) {
      attribute.secret = attribute.generate = true;
      const bool given = attribute.fallback || attribute.required || !attribute.choices.empty();
      if (generate->text != "secret" || attribute.kind != AttributeKind::string || given) {
        fields.error(generate->at, at + ".generate",
                     "must be secret, of a string without default, required or choices");
      }
    }
    if (const YamlNode* summary = entry.value.find("summary")) attribute.summary = summary->text;
    attributes.emplace(entry.key, std::move(attribute));
  }
  return attributes;
}

std::optional<Program> read_program(const YamlNode& node, const std::string& where,
                                    TypeFields& fields) {
  Program program;
  if (node.kind == Kind::scalar) {
    program.script = node.text;
  } else {
    fields.known_keys(node, where, {"run", "timeout"});
    const YamlNode* run = node.find("run");
    program.script = run ? run->text : "";
    fields.duration(node, where, "timeout", program.timeout);
  }
  if (!fields.has_script(program.script, node.at, where)) return std::nullopt;
  return program;
}

std::optional<Check> read_check(const YamlNode& node, const std::string& where,
                                TypeFields& fields) {
  Check check;
  if (node.kind == Kind::scalar) {
    check.script = node.text;
  } else {
    fields.known_keys(node, where, {"run", "every", "timeout", "failures"});
    const YamlNode* run = node.find("run");
    check.script = run ? run->text : "";
    fields.duration(node, where, "every", check.every);
    fields.duration(node, where, "timeout", check.timeout);
    if (const YamlNode* failures = node.find("failures")) {
      if (const auto number = small_number(failures->text); number && *number >= 1) {
        check.failures = *number;
      } else {
        fields.error(failures->at, where + ".failures",
                     "must be 1 or more, got '" + failures->text + "'");
      }
    }
  }
  if (!fields.has_script(check.script, node.at, where)) return std::nullopt;
  return check;
}

std::optional<Drain> read_drain(const YamlNode& node, const std::string& where,
                                TypeFields& fields) {
  Drain drain;
  if (node.kind == Kind::scalar) {
    drain.script = node.text;
  } else {
    fields.known_keys(node, where, {"run", "every", "timeout", "deadline"});
    const YamlNode* run = node.find("run");
    drain.script = run ? run->text : "";
    fields.duration(node, where, "every", drain.every);
    fields.duration(node, where, "timeout", drain.timeout);
    fields.duration(node, where, "deadline", drain.deadline);
  }
  if (!fields.has_script(drain.script, node.at, where)) return std::nullopt;
  return drain;
}

std::optional<Metrics> read_metrics(const YamlNode& node, const std::string& where,
                                    TypeFields& fields) {
  Metrics metrics;
  if (node.kind == Kind::scalar) {
    metrics.script = node.text;
  } else {
    fields.known_keys(node, where, {"run", "every", "timeout"});
    const YamlNode* run = node.find("run");
    metrics.script = run ? run->text : "";
    fields.duration(node, where, "every", metrics.every);
    fields.duration(node, where, "timeout", metrics.timeout);
  }
  if (!fields.has_script(metrics.script, node.at, where)) return std::nullopt;
  return metrics;
}

std::vector<Edge> read_edges(const YamlNode& node, const std::string& where, TypeFields& fields) {
  std::vector<Edge> edges;
  for (const YamlEntry& entry : fields.entries(node, where)) {
    const std::string at = where + "." + entry.key;
    Edge edge{fields.role(entry.key, entry.at, at), {}, {}};
    fields.known_keys(entry.value, at, {"join", "leave"});
    if (const YamlNode* join = entry.value.find("join")) {
      edge.join = read_program(*join, at + ".join", fields);
    }
    if (const YamlNode* leave = entry.value.find("leave")) {
      edge.leave = read_program(*leave, at + ".leave", fields);
    }
    edges.push_back(std::move(edge));
  }
  return edges;
}

void read_count(const YamlNode& node, const std::string& where, RoleType& role,
                TypeFields& fields) {
  const std::string& text = node.text;
  const std::size_t dots = text.find("..");
  const auto least = small_number(text.substr(0, dots));
  bool good = least.has_value();
  role.least = least.value_or(1);
  role.most = least;
  if (dots != std::string::npos) {
    const std::string end = text.substr(dots + 2);
    role.most = small_number(end);
    good = good && (end.empty() || (role.most && *role.most >= role.least));
  }
  if (!good) {
    fields.error(node.at, where + ".count",
                 "must be a number, '0..1' or '1..', got '" + text + "'");
  }
}

void read_never_below(const YamlNode& node, const std::string& where, RoleType& role,
                      TypeFields& fields) {
  const auto number = small_number(node.text);
  if (!number || *number > role.least) {
    fields.error(node.at, where + ".never_below",
                 "must be a number of at most " + std::to_string(role.least) +
                     ", as many as count "
                     "wants at least, got '" +
                     node.text + "'");
    return;
  }
  role.never_below = *number;
}

void read_tries(const YamlNode& node, const std::string& where, RoleType& role,
                TypeFields& fields) {
  const auto number = small_number(node.text);
  if (number && *number >= 1) {
    role.tries = *number;
  } else {
    fields.error(node.at, where + ".tries", "must be 1 or more, got '" + node.text + "'");
  }
}

// {url: {}, token: {secret: true}}
std::map<std::string, bool> read_outputs(const YamlNode& node, const std::string& where,
                                         TypeFields& fields) {
  std::map<std::string, bool> outputs;
  for (const YamlEntry& entry : fields.entries(node, where)) {
    const std::string at = where + "." + entry.key;
    if (!manifests::is_attribute_name(entry.key)) fields.error(entry.at, at, "is no name of a key");
    fields.known_keys(entry.value, at, {"secret", "summary"});
    outputs[entry.key] = fields.boolean(entry.value, at, "secret");
  }
  return outputs;
}

RoleType read_role(const YamlEntry& entry, TypeFields& fields) {
  const std::string where = "roles." + entry.key;
  const YamlNode& node = entry.value;
  RoleType role;
  role.name = RoleName{entry.key};
  if (!manifests::is_attribute_name(entry.key) || is_common_attribute(entry.key)) {
    fields.error(entry.at, where, "is not a free role name");
  }
  fields.known_keys(node, where,
                    {"count", "never_below", "after", "reads", "attributes", "start", "stop",
                     "drain", "metrics", "check", "tries", "edges", "outputs", "on_host_lost"});
  if (const YamlNode* count = node.find("count")) read_count(*count, where, role, fields);
  // What there is one of, always, is not scaled away.
  if (role.least == 1 && role.most == 1) role.never_below = 1;
  if (const YamlNode* below = node.find("never_below"))
    read_never_below(*below, where, role, fields);
  for (const RoleName& name : fields.roles(node, where, "after")) role.after.insert(name);
  for (const RoleName& name : fields.roles(node, where, "reads")) role.reads.insert(name);
  const auto program = [&](const char* key) -> std::optional<Program> {
    const YamlNode* found = node.find(key);
    return found ? read_program(*found, where + "." + key, fields) : std::nullopt;
  };
  role.start = program("start");
  role.stop = program("stop");
  if (const YamlNode* check = node.find("check")) {
    role.check = read_check(*check, where + ".check", fields);
  }
  if (const YamlNode* drain = node.find("drain")) {
    role.drain = read_drain(*drain, where + ".drain", fields);
  }
  if (const YamlNode* metrics = node.find("metrics")) {
    role.metrics = read_metrics(*metrics, where + ".metrics", fields);
  }
  if (const YamlNode* tries = node.find("tries")) read_tries(*tries, where, role, fields);
  if (const YamlNode* edges = node.find("edges")) {
    role.edges = read_edges(*edges, where + ".edges", fields);
  }
  if (const YamlNode* outputs = node.find("outputs")) {
    role.outputs = read_outputs(*outputs, where + ".outputs", fields);
    if (!role.start) fields.error(outputs->at, where + ".outputs", "needs a start that says them");
  }
  if (const YamlNode* attributes = node.find("attributes")) {
    role.attributes = read_attributes(*attributes, where + ".attributes", fields);
  }
  if (const YamlNode* lost = node.find("on_host_lost")) {
    if (lost->text == "wait") {
      role.on_host_lost = OnHostLost::wait;
    } else if (lost->text != "replace") {
      fields.unknown(lost->at, where + ".on_host_lost", lost->text, {"replace", "wait"},
                     "unknown value '" + lost->text + "'");
    }
  }
  return role;
}

RoleType* find_role(Type& type, const RoleName& name) {
  for (RoleType& role : type.roles) {
    if (role.name == name) return &role;
  }
  return nullptr;
}

// The list of sets of roles under a key.
std::vector<std::set<RoleName>> read_role_sets(const YamlNode& root, const char* key,
                                               TypeFields& fields) {
  std::vector<std::set<RoleName>> sets;
  const YamlNode* node = root.find(key);
  if (!node) return sets;
  for (const YamlNode& one : node->children) {
    std::set<RoleName> roles;
    for (const YamlNode& role : one.children) {
      roles.insert(fields.role(role.text, role.at, key));
    }
    if (roles.empty()) fields.error(one.at, key, "must be lists of roles");
    sets.push_back(std::move(roles));
  }
  return sets;
}

// What is said about several roles at once: layouts, apart, composites, taken_by, and most_of.
void read_relations(const YamlNode& root, Type& type, TypeFields& fields) {
  type.layouts = read_role_sets(root, "layouts", fields);
  type.apart = read_role_sets(root, "apart", fields);
  for (const auto& [name, attribute] : type.attributes) {
    if (!attribute.most_of) continue;
    const YamlNode* node = root.find("attributes")->find(name)->find("most_of");
    fields.role(attribute.most_of->value, node->at, "attributes." + name + ".most_of");
  }
  if (const YamlNode* composites = root.find("composites")) {
    for (const YamlEntry& entry : fields.entries(*composites, "composites")) {
      RoleType* role = find_role(type, fields.role(entry.key, entry.at, "composites"));
      for (const RoleName& part : fields.roles(*composites, "composites", entry.key)) {
        if (role && part == role->name) {
          fields.error(entry.at, "composites." + entry.key, "is composed of itself");
        }
        if (role) role->composed_of.push_back(part);
      }
    }
  }
  if (const YamlNode* taken = root.find("taken_by")) {
    for (const YamlEntry& entry : fields.entries(*taken, "taken_by")) {
      RoleType* role = find_role(type, fields.role(entry.key, entry.at, "taken_by"));
      const RoleName by = fields.role(entry.value.text, entry.value.at, "taken_by." + entry.key);
      if (role) role->taken_by_if_missing = by;
    }
  }
}

// A role that waits for itself, over any number of others, would never start.
void refuse_cycles(const Type& type, const YamlNode& roles, TypeFields& fields) {
  std::set<RoleName> done;
  std::vector<RoleName> path;  // Each comes after the next one.
  const std::function<bool(const RoleType&)> cyclic = [&](const RoleType& role) {
    if (done.contains(role.name)) return false;
    const auto known = std::find(path.begin(), path.end(), role.name);
    if (known != path.end()) {
      path.erase(path.begin(), known);  // Those that only lead to it.
      path.push_back(role.name);
      return true;
    }
    path.push_back(role.name);
    for (const RoleName& name : role.after) {
      const RoleType* before = type.role(name);
      if (before && cyclic(*before)) return true;
    }
    path.pop_back();
    done.insert(role.name);
    return false;
  };
  for (const YamlEntry& entry : roles.entries) {
    const RoleType* role = type.role(RoleName{entry.key});
    if (role && cyclic(*role)) {
      std::string chain;
      for (const RoleName& name : path) chain += (chain.empty() ? "" : " after ") + name.value;
      const auto first =
          std::find_if(roles.entries.begin(), roles.entries.end(),
                       [&](const YamlEntry& one) { return one.key == path.front().value; });
      fields.error(first->at, "roles." + first->key + ".after", "waits for itself: " + chain);
      return;
    }
  }
}

std::string digest_of(const std::map<std::string, std::string>& files) {
  std::string bytes;
  for (const auto& [name, text] : files) {
    append_part(bytes, name);
    append_part(bytes, text);
  }
  return sha256(bytes);
}

}  // namespace

const RoleType* Type::role(const RoleName& wanted) const {
  const auto found = std::find_if(roles.begin(), roles.end(),
                                  [&](const RoleType& role) { return role.name == wanted; });
  return found == roles.end() ? nullptr : &*found;
}

TypeRead read_type(const std::map<std::string, std::string>& files, const std::string& origin) {
  TypeRead read;
  const std::string file_name = origin + "/type.yaml";
  const auto text = files.find("type.yaml");
  if (text == files.end()) {
    read.diagnostics.push_back(manifests::mistake({file_name, 0, 0}, "type.yaml", "required"));
    return read;
  }
  manifests::YamlTree tree = manifests::parse_yaml_tree(text->second, file_name);
  TypeFields fields(files, std::move(tree.diagnostics));
  const YamlNode& root = tree.root;
  Type type;
  type.files = files;
  type.scripts = files;
  type.scripts.erase("type.yaml");
  type.digest = digest_of(files);
  fields.known_keys(root, "",
                    {"type", "summary", "attributes", "roles", "layouts", "apart", "composites",
                     "taken_by", "shared_machines", "roles_in_manifest"});
  if (const YamlNode* name = root.find("type")) type.name = name->text;
  if (!manifests::is_type_name(type.name)) {
    fields.error(root.at, "type", "required: the name of the type, in lower case");
  }
  if (const YamlNode* summary = root.find("summary")) type.summary = summary->text;
  if (const YamlNode* attributes = root.find("attributes")) {
    type.attributes = read_attributes(*attributes, "attributes", fields);
  }
  type.shared_machines = fields.boolean(root, "", "shared_machines");
  read.name = type.name;
  type.roles_in_manifest = fields.boolean(root, "", "roles_in_manifest");
  const YamlNode* roles = root.find("roles");
  manifests::YamlTree own_roles;  // those that came from a manifest
  if (type.roles_in_manifest) {
    if (roles) fields.error(roles->at, "roles", "not beside roles_in_manifest");
    roles = nullptr;
    if (const auto own = files.find(roles_file); own != files.end()) {
      own_roles = manifests::parse_yaml_tree(own->second, origin + "/" + roles_file);
      roles = &own_roles.root;
    }
  }
  if (type.roles_in_manifest && !roles) {
    // Nothing can be of it as it stands: a manifest adds the roles.
  } else if (!roles || roles->entries.empty()) {
    fields.error(root.at, "roles", "required: at least one role");
  } else {
    for (const YamlEntry& entry : roles->entries) fields.add_role(entry.key);
    for (const YamlEntry& entry : roles->entries) type.roles.push_back(read_role(entry, fields));
    for (const YamlEntry& entry : roles->entries) {
      if (type.attributes.count(entry.key) != 0) {
        fields.error(entry.at, "roles." + entry.key, "is an attribute of the type already");
      }
    }
    read_relations(root, type, fields);
    refuse_cycles(type, *roles, fields);
  }
  read.diagnostics = std::move(fields.diagnostics);
  manifests::put_in_order(read.diagnostics);
  if (!manifests::has_errors(read.diagnostics)) read.type = std::move(type);
  return read;
}

}  // namespace cierzo
