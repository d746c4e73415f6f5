#include "resources/resource.hpp"

#include <algorithm>
#include <set>

#include "resources/address.hpp"
#include "resources/attribute.hpp"
#include "resources/domain_xml_template.hpp"
#include "resources/instance.hpp"
#include "resources/open_roles.hpp"
#include "resources/role_values.hpp"

namespace cierzo {
namespace {

using manifests::Diagnostic;
using manifests::Entry;
using manifests::Position;
using manifests::Value;

constexpr std::size_t name_max = 40;  // with role and position a host name of at most 63
constexpr int vcpus_max = 512;
constexpr std::uint64_t memory_kib_min = 16 * 1024;  // no system that we start runs in less

bool holds_undef(const Value& value) {
  if (const auto* array = std::get_if<manifests::Array>(&value.data)) {
    return std::any_of(array->begin(), array->end(), holds_undef);
  }
  if (const auto* hash = std::get_if<manifests::Hash>(&value.data)) {
    return std::any_of(hash->begin(), hash->end(),
                       [](const Entry& entry) { return holds_undef(entry.value); });
  }
  return std::holds_alternative<std::monostate>(value.data);
}

class ResourceReader {
 public:
  ResourceReader(const manifests::Declaration& declaration, const Type& type,
                 const FileReader& read_file)
      : declaration_(declaration), type_(type), read_file_(read_file) {
    prefix_ = declaration.type + "." + declaration.title + ".";
  }

  ResourceRead read() {
    resource_.type = type_.name;
    resource_.type_digest = type_.digest;
    resource_.name = ResourceName{declaration_.title};
    for (const Entry& entry : declaration_.attributes) {
      if (std::holds_alternative<std::monostate>(entry.value.data)) continue;  // not given
      // In what could not be read whole an undef may stand for what is wrong, which is said
      // already.
      if (!declaration_.complete && holds_undef(entry.value)) continue;
      read_entry(entry);
    }
    check_name();
    const Value* ensure = manifests::find(declaration_.attributes, "ensure");
    if (!ensure || std::holds_alternative<std::monostate>(ensure->data)) {
      missing(declaration_.at, "ensure", "required (running, stopped or absent)");
    }
    fill_defaults();
    check_layout();
    check_apart();
    check_cardinality();
    check_most_of();
    warn_of_shared_machines();
    warn_of_images();
    places_.title = to_string(declaration_.at);
    if (places_.first_mac.empty()) places_.first_mac = places_.title;
    ResourceRead result{{}, std::move(diagnostics_), std::move(resource_), std::move(places_), {}};
    manifests::put_in_order(result.diagnostics);
    if (!manifests::has_errors(result.diagnostics) && declaration_.complete) {
      result.resource = result.draft;
    }
    return result;
  }

 private:
  void error(const Position& at, const std::string& what, const std::string& expected) {
    diagnostics_.push_back(manifests::mistake(at, what, expected));
  }
  // Not held against a declaration that could not be read whole.
  void missing(const Position& at, const std::string& name, const std::string& expected) {
    if (declaration_.complete) error(at, prefix_ + name, expected);
  }
  void refuse(const Entry& entry, const std::string& expected) {
    error(entry.value.at, prefix_ + entry.key, expected + ", got " + manifests::shown(entry.value));
  }

  void read_entry(const Entry& entry) {
    const RoleName role_name{entry.key};
    if (const RoleType* role = type_.role(role_name)) {
      RoleValues values =
          read_role_values(entry.value, *role, prefix_ + entry.key, read_file_, diagnostics_);
      role_at_[role_name] = entry.at;
      resource_.slots[role_name] = std::move(values.slots);
      for (const auto& [address, at] : values.places) {
        places_.addresses.emplace(address, to_string(at));
      }
      if (values.count) resource_.count[role_name] = *values.count;
      for (auto& [name, text] : values.attributes) {
        store(entry.key + "." + name, role->attributes.at(name), std::move(text));
      }
    } else if (const auto found = type_.attributes.find(entry.key);
               found != type_.attributes.end()) {
      read_attribute(entry, found->second);
    } else if (is_common_attribute(entry.key)) {
      read_common(entry);
    } else {
      std::vector<std::string> known;
      for (const RoleType& other : type_.roles) known.push_back(other.name.value);
      for (const auto& [name, attribute] : type_.attributes) known.push_back(name);
      known.insert(known.end(), common_attributes().begin(), common_attributes().end());
      diagnostics_.push_back(manifests::unknown_name(entry.at, prefix_ + entry.key, entry.key,
                                                     std::move(known), "unknown attribute"));
    }
  }

  void store(const std::string& name, const AttributeType& attribute, std::string text) {
    (attribute.secret ? resource_.secrets : resource_.attributes)[name] = std::move(text);
  }

  void read_attribute(const Entry& entry, const AttributeType& attribute) {
    auto text = attribute_text(entry.value, attribute);
    if (!text) {
      // A secret of the wrong kind is still a secret: it is not quoted.
      const std::string expected = "must be " + expected_of(attribute);
      if (attribute.secret)
        error(entry.value.at, prefix_ + entry.key, expected);
      else
        refuse(entry, expected);
      return;
    }
    if (attribute.secret) {
      diagnostics_.push_back(manifests::warning(
          entry.at, prefix_ + entry.key, "is a secret in clear text: keep this file private"));
    }
    store(entry.key, attribute, std::move(*text));
  }

  void read_common(const Entry& entry) {
    const std::string& key = entry.key;
    if (key == "pool") return read_pool(entry);
    const auto text = scalar_text(entry.value);
    if (key == "pm_password" || key == "root_password") {
      if (!text)
        error(entry.value.at, prefix_ + key, "must be a string");
      else if (!text->empty()) {
        diagnostics_.push_back(manifests::warning(
            entry.at, prefix_ + key, "is not needed and not kept: take it out of this file"));
      }
      return;
    }
    if (!text) return refuse(entry, "must be a string");
    if (key == "name")
      resource_.name = ResourceName{*text};
    else if (key == "vm_domain")
      read_template(entry, *text);
    else if (key == "ensure") {
      choose(
          entry, *text, resource_.ensure,
          {{"running", Ensure::running}, {"stopped", Ensure::stopped}, {"absent", Ensure::absent}});
    } else if (key == "on_isolation") {
      choose(entry, *text, resource_.on_isolation,
             {{"pause", OnIsolation::pause}, {"ignore", OnIsolation::ignore}});
    } else if (key == "disk") {
      choose(entry, *text, resource_.disk, {{"local", Disk::local}, {"shared", Disk::shared}});
    } else if (key == "vm_mem") {
      const auto memory = parse_memory_kib(*text);
      if (!memory) return refuse(entry, "must be memory such as 1048576 (KiB), 160 MiB or 1 GiB");
      if (*memory < memory_kib_min) {
        return refuse(entry, "must be at least 16 MiB; a number without a unit counts KiB");
      }
      resource_.memory_kib = *memory;
    } else if (key == "vm_ncpu") {
      const auto count = parse_memory_kib(*text);  // a number without a unit
      const bool plain = text->find_first_not_of("0123456789") == std::string::npos;
      if (!plain || !count || *count > vcpus_max) return refuse(entry, "must be from 1 to 512");
      resource_.vcpus = static_cast<int>(*count);
    } else if (key == "starting_mac_address") {
      const auto mac = parse_mac(*text);
      if (!mac) return refuse(entry, "must be the MAC of one interface, as 52:54:00:01:00:00");
      resource_.first_mac = print_mac(*mac);
      places_.first_mac = to_string(entry.value.at);
    }
  }

  template <class T>
  void choose(const Entry& entry, const std::string& text, T& value,
              const std::vector<std::pair<std::string, T>>& choices) {
    std::vector<std::string> accepted;
    for (const auto& [name, choice] : choices) {
      if (name == text) {
        value = choice;
        return;
      }
      accepted.push_back(name);
    }
    diagnostics_.push_back(manifests::unknown_name(entry.value.at, prefix_ + entry.key, text,
                                                   std::move(accepted),
                                                   "unknown value '" + text + "'"));
  }

  void read_pool(const Entry& entry) {
    manifests::Array one{entry.value};
    const auto* array = std::get_if<manifests::Array>(&entry.value.data);
    if (array && array->empty()) {
      return error(entry.value.at, prefix_ + "pool",
                   "names no host; leave it out where any host may run it");
    }
    for (const Value& element : array ? *array : one) {
      const auto* text = std::get_if<std::string>(&element.data);
      if (!text || text->empty()) {
        error(element.at, prefix_ + "pool",
              "must be names or addresses of hosts, got " + manifests::shown(element));
      } else if (std::count(resource_.pool.begin(), resource_.pool.end(), *text) > 0) {
        error(element.at, prefix_ + "pool", "names '" + *text + "' twice");
      } else {
        resource_.pool.push_back(*text);
      }
    }
  }

  void read_template(const Entry& entry, const std::string& path) {
    if (!path.starts_with('/')) return refuse(entry, "must be the absolute path of a file");
    std::string reason;
    const auto text = read_file_(path, reason);
    if (!text) return error(entry.value.at, prefix_ + "vm_domain", path + ": " + reason);
    const auto mistakes = template_mistakes(*text, path, prefix_ + "vm_domain");
    diagnostics_.insert(diagnostics_.end(), mistakes.begin(), mistakes.end());
    resource_.domain_template = *text;
  }

  // Instances are named after the resource, and guests after them: it must do as a host name.
  void check_name() {
    const std::string& name = resource_.name.value;
    const auto good = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (name.empty() || name.size() > name_max || name.front() == '-' ||
        !std::all_of(name.begin(), name.end(), good)) {
      error(declaration_.at, declaration_.type + "." + declaration_.title,
            "a name is at most " + std::to_string(name_max) + " letters, digits and hyphens");
    }
  }

  void fill_default(const std::string& name, const AttributeType& attribute, const Position& at) {
    if (resource_.attributes.count(name) + resource_.secrets.count(name) != 0) return;
    if (attribute.fallback) {
      store(name, attribute, *attribute.fallback);
    } else if (attribute.required &&
               !manifests::find(declaration_.attributes, name)) {  // else: wrong, said already
      missing(at, name, "required");
    }
  }

  void fill_defaults() {
    for (const auto& [name, attribute] : type_.attributes) {
      fill_default(name, attribute, declaration_.at);
    }
    for (const auto& [role, at] : role_at_) {
      for (const auto& [name, attribute] : type_.role(role)->attributes) {
        fill_default(role.value + "." + name, attribute, at);
      }
    }
  }

  static std::string names_of(const std::set<RoleName>& roles) {
    std::string text;
    for (const RoleName& role : roles) text += (text.empty() ? "" : ", ") + role.value;
    return text;
  }

  // The layout is the one with most of the declared roles, the first of those that have as many;
  // each declared role that only others have is a mistake.
  void check_layout() {
    if (type_.layouts.empty()) return;
    const auto declared_of = [&](const std::set<RoleName>& layout) {
      return std::count_if(role_at_.begin(), role_at_.end(),
                           [&](const auto& declared) { return layout.count(declared.first) != 0; });
    };
    layout_ = &*std::max_element(
        type_.layouts.begin(), type_.layouts.end(),
        [&](const auto& a, const auto& b) { return declared_of(a) < declared_of(b); });
    std::string chosen;  // a declared role of it
    for (const RoleType& role : type_.roles) {
      if (role_at_.count(role.name) != 0 && layout_->count(role.name) != 0 && chosen.empty()) {
        chosen = role.name.value;
      }
    }
    for (const RoleType& role : type_.roles) {
      if (role_at_.count(role.name) == 0 || in_use(role)) continue;
      const auto found = std::find_if(
          type_.layouts.begin(), type_.layouts.end(),
          [&](const std::set<RoleName>& layout) { return layout.count(role.name) != 0; });
      error(role_at_.at(role.name), prefix_ + role.name.value,
            "cannot be mixed with " + chosen + ": use roles of {" + names_of(*layout_) +
                "} or of {" + names_of(*found) + "}");
    }
  }

  // Roles that the type wants on machines of their own.
  void check_apart() {
    for (const std::set<RoleName>& apart : type_.apart) {
      std::map<std::string, RoleName> taken;  // by address
      for (const RoleType& role : type_.roles) {
        const auto slots = resource_.slots.find(role.name);
        if (slots == resource_.slots.end() || apart.count(role.name) == 0) continue;
        for (const Slot& slot : slots->second) {
          const auto [first, added] = taken.emplace(slot.address, role.name);
          if (added || first->second == role.name) continue;
          error(role_at_.at(role.name), prefix_ + role.name.value,
                slot.address + " is in the role " + first->second.value +
                    ", too: a machine has only one of {" + names_of(apart) + "}");
        }
      }
    }
  }

  // Attributes that count machines of a role. Not held against one that is wrong otherwise.
  void check_most_of() {
    if (manifests::has_errors(diagnostics_)) return;
    for (const auto& [name, attribute] : type_.attributes) {
      const auto given = resource_.attributes.find(name);
      if (!attribute.most_of || given == resource_.attributes.end()) continue;
      const RoleName& counted = *attribute.most_of;
      const auto machines = expand(resource_, type_);
      const auto count = std::count_if(machines.begin(), machines.end(), [&](const Instance& one) {
        return std::find(one.roles.begin(), one.roles.end(), counted) != one.roles.end();
      });
      if (std::stoll(given->second) <= count) continue;
      const Value* said = manifests::find(declaration_.attributes, name);
      error(said ? said->at : declaration_.at, prefix_ + name,
            "at most " + std::to_string(count) + ", as many as there are machines in the role " +
                counted.value + ", got " + given->second);
    }
  }

  [[nodiscard]] bool in_use(const RoleType& role) const {
    if (!layout_ || layout_->count(role.name) != 0) return true;
    return std::none_of(type_.layouts.begin(), type_.layouts.end(),
                        [&](const auto& layout) { return layout.count(role.name) != 0; });
  }

  // Does another declared role bring this one along?
  [[nodiscard]] bool brought_along(const RoleType& role) const {
    if (role.taken_by_if_missing && role_at_.count(*role.taken_by_if_missing) != 0) return true;
    return std::any_of(role_at_.begin(), role_at_.end(), [&](const auto& declared) {
      const auto& parts = type_.role(declared.first)->composed_of;
      return std::find(parts.begin(), parts.end(), role.name) != parts.end();
    });
  }

  void check_cardinality() {
    for (const RoleType& role : type_.roles) {
      const auto declared = role_at_.find(role.name);
      const std::string what = prefix_ + role.name.value;
      if (declared == role_at_.end()) {
        if (role.least > 0 && in_use(role) && !brought_along(role)) {
          missing(declaration_.at, role.name.value, "required");
        }
        continue;
      }
      const int slots = static_cast<int>(resource_.slots.at(role.name).size());
      if (role.most && slots > *role.most) {
        error(declared->second, what,
              *role.most == 0
                  ? "cannot be declared: other roles bring it along"
                  : "at most " + std::to_string(*role.most) + " address" +
                        (*role.most == 1 ? "" : "es") + ", got " + std::to_string(slots));
      }
      // Of those that are declared some, or all, may be idle.
      const int wanted = wanted_count(resource_, role.name);
      const int least = slots < role.least ? role.least : role.never_below;
      if (slots > 0 && wanted < least) {
        error(declared->second, what,
              "at least " + std::to_string(least) + ", got " + std::to_string(wanted));
      }
    }
  }

  // One address in several roles is one VM with all of them. It may be meant, or be copied by
  // mistake; only where the type finds nothing in it nothing is said.
  void warn_of_shared_machines() {
    if (type_.shared_machines) return;
    std::map<std::string, const RoleType*> first_role;
    for (const RoleType& role : type_.roles) {
      const auto slots = resource_.slots.find(role.name);
      if (slots == resource_.slots.end()) continue;
      std::map<std::string, std::set<std::string>> shared;  // by the other role
      for (const Slot& slot : slots->second) {
        const auto [first, added] = first_role.emplace(slot.address, &role);
        if (!added && first->second != &role) {
          shared[first->second->name.value].insert(slot.address);
        }
      }
      for (const auto& [other, addresses] : shared) {
        const std::string more =
            addresses.size() > 1 ? " and " + std::to_string(addresses.size() - 1) + " more" : "";
        diagnostics_.push_back(manifests::warning(
            role_at_.at(role.name), prefix_ + role.name.value,
            *addresses.begin() + more + " is in the role " + other +
                ", too: one machine does both; if that is not meant, give each its own address"));
      }
    }
  }

  // One address with several roles is one VM, so it has one image: that of its last role.
  void warn_of_images() {
    std::map<std::string, std::string> images;
    for (const RoleType& role : type_.roles) {
      const auto slots = resource_.slots.find(role.name);
      if (slots == resource_.slots.end()) continue;
      for (const Slot& slot : slots->second) {
        const auto [known, added] = images.emplace(slot.address, slot.image);
        if (added || known->second == slot.image) continue;
        diagnostics_.push_back(
            manifests::warning(role_at_.at(role.name), prefix_ + role.name.value,
                               slot.address + " has other roles with the image " + known->second +
                                   ": " + slot.image + " is used"));
        known->second = slot.image;
      }
    }
  }

  const manifests::Declaration& declaration_;
  const Type& type_;
  const FileReader& read_file_;
  std::string prefix_;
  Resource resource_;
  std::vector<Diagnostic> diagnostics_;
  std::map<RoleName, Position> role_at_;
  Places places_;
  const std::set<RoleName>* layout_ = nullptr;
};

}  // namespace

int wanted_count(const Resource& resource, const RoleName& role) {
  for (const auto* counts : {&resource.scaled, &resource.count}) {
    if (const auto found = counts->find(role); found != counts->end()) return found->second;
  }
  const auto slots = resource.slots.find(role);
  return slots == resource.slots.end() ? 0 : static_cast<int>(slots->second.size());
}

std::set<int> wanted_positions(const Resource& resource, const RoleName& role) {
  const auto slots = resource.slots.find(role);
  if (slots == resource.slots.end()) return {};
  const auto spared = resource.spared.find(role);
  const auto is_spared = [&](const Slot& slot) {
    return spared != resource.spared.end() && spared->second.contains(slot.address);
  };
  std::vector<Slot> all = slots->second;
  std::stable_partition(all.begin(), all.end(), [&](const Slot& slot) { return !is_spared(slot); });
  const auto wanted = static_cast<std::size_t>(std::max(wanted_count(resource, role), 0));
  std::set<int> positions;
  for (std::size_t i = 0; i < std::min(wanted, all.size()); ++i) positions.insert(all[i].position);
  return positions;
}

ResourceRead read_resource(const manifests::Declaration& declaration, const Type& type,
                           const FileReader& read_file) {
  if (!type.roles_in_manifest) return ResourceReader(declaration, type, read_file).read();
  OpenedRoles opened = open_roles(declaration, type);
  ResourceRead read = ResourceReader(opened.declaration, opened.type, read_file).read();
  read.diagnostics.insert(read.diagnostics.end(), opened.diagnostics.begin(),
                          opened.diagnostics.end());
  manifests::put_in_order(read.diagnostics);
  if (manifests::has_errors(read.diagnostics)) read.resource.reset();
  read.own_type = std::move(opened.type);
  return read;
}

}  // namespace cierzo
