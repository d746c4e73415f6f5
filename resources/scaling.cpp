#include "resources/scaling.hpp"

#include <optional>

#include "manifests/nearest.hpp"

namespace cierzo {
namespace {

int slots_of(const Resource& resource, const RoleName& role) {
  const auto slots = resource.slots.find(role);
  return slots == resource.slots.end() ? 0 : static_cast<int>(slots->second.size());
}

// What the manifest wants of it; none: it does not say, so all.
std::optional<int> declared_count(const Resource& resource, const RoleName& role) {
  const auto count = resource.count.find(role);
  if (count == resource.count.end()) return std::nullopt;
  return count->second;
}

// Why this role of the resource cannot have so many instances; empty: it can.
std::string mistake_of(const Resource& resource, const Type& type, const RoleName& role,
                       int wanted) {
  const std::string what = resource.name.value + "." + role.value;
  const int slots = slots_of(resource, role);
  const RoleType* known = type.role(role);
  if (!known || slots == 0) {
    std::vector<std::string> names;
    for (const auto& [name, declared] : resource.slots) {
      if (!declared.empty()) names.push_back(name.value);
    }
    const auto near = manifests::nearest(role.value, names);
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    return what + ": no role that is declared" +
           (near ? "; did you mean '" + *near + "'?" : " (declared: " + all + ")");
  }
  if (wanted > slots) {
    return what + ": " + std::to_string(wanted) + " wanted, but " + std::to_string(slots) +
           (slots == 1 ? " address is" : " addresses are") +
           " declared; add addresses to its manifest and apply it";
  }
  if (wanted >= known->never_below) return {};
  return what + ": never below " + std::to_string(known->never_below) + ", got " +
         std::to_string(wanted) + "; to stop the whole: agentctl stop " + resource.name.value;
}

}  // namespace

std::vector<std::string> scale(Resource& resource, const Type& type,
                               const std::map<std::string, int>& wanted) {
  std::vector<std::string> mistakes;
  Resource scaled = resource;
  for (const auto& [name, number] : wanted) {
    const RoleName role{name};
    std::string mistake = mistake_of(resource, type, role, number);
    if (!mistake.empty()) {
      mistakes.push_back(std::move(mistake));
      continue;
    }
    const bool as_declared =
        number == declared_count(resource, role).value_or(slots_of(resource, role));
    if (as_declared) {
      scaled.scaled.erase(role);
    } else {
      scaled.scaled[role] = number;
    }
  }
  if (wanted.empty()) mistakes.push_back(resource.name.value + ": no ROLE=N is given");
  if (mistakes.empty()) resource = std::move(scaled);
  return mistakes;
}

std::vector<std::string> keep_scaled(const Resource& before, Resource& declared, const Type& type) {
  std::vector<std::string> said;
  declared.scaled.clear();
  for (const auto& [role, number] : before.scaled) {
    const std::string what = declared.type + "." + declared.name.value + "." + role.value;
    const int slots = slots_of(declared, role);
    const auto count = declared_count(declared, role);
    const int as_declared = count.value_or(slots);
    const bool same = count == declared_count(before, role);
    const bool fits = mistake_of(declared, type, role, number).empty();
    const std::string manifest = count ? "its manifest says " + std::to_string(as_declared)
                                       : "its manifest has " + std::to_string(slots) +
                                             (slots == 1 ? " address" : " addresses");
    if (number == as_declared) continue;  // Nothing becomes of it: that many are declared now.
    if (same && fits) {
      declared.scaled[role] = number;
      said.push_back(what + ": stays scaled to " + std::to_string(number) + ", though " + manifest +
                     "; to have these: agentctl scale " + declared.name.value + " " + role.value +
                     "=" + std::to_string(as_declared));
    } else {
      said.push_back(what + ": was scaled to " + std::to_string(number) + ", and becomes " +
                     std::to_string(as_declared) + ": " + manifest +
                     (fits ? "; to keep it: count: " + std::to_string(number) + " there" : ""));
    }
  }
  return said;
}

}  // namespace cierzo
