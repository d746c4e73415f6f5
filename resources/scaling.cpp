#include "resources/scaling.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>

#include "manifests/nearest.hpp"
#include "resources/desired.hpp"
#include "resources/world_index.hpp"

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

// Has the role `number` of its machines in use from now on: of those that are, the emptiest go.
void choose(Resource& resource, const RoleName& role, int number, const Loads& loads) {
  const std::set<int> before = wanted_positions(resource, role);
  const auto known = loads.find(role);
  const auto load = [&](const Slot& slot) {
    if (known == loads.end()) return 0;
    const auto said = known->second.find(slot.address);
    return said == known->second.end() ? std::numeric_limits<int>::max() : said->second;
  };
  // Those that stay first: in use, the busiest of them, then by position.
  std::vector<std::tuple<bool, int, int, std::string>> order;
  for (const Slot& slot : resource.slots.at(role)) {
    const bool used = before.contains(slot.position);
    order.emplace_back(!used, used ? -load(slot) : 0, slot.position, slot.address);
  }
  std::sort(order.begin(), order.end());
  std::set<std::string> spared;
  bool tail = true;  // Are they the last ones, as without any that are spared?
  for (std::size_t i = static_cast<std::size_t>(number); i < order.size(); ++i) {
    spared.insert(std::get<3>(order[i]));
    tail = tail && std::get<2>(order[i]) > number;
  }
  resource.spared.erase(role);
  if (!tail) resource.spared[role] = std::move(spared);
}

}  // namespace

Loads loads_of(const World& world, const ResourceName& resource) {
  Loads loads;
  const WorldIndex index(world);
  for (std::size_t i = 0; i < world.desired.size(); ++i) {
    const DesiredResource& desired = world.desired[i];
    if (desired.resource->name != resource) continue;
    for (const RoleType& role : desired.type->roles) {
      if (!role.metrics) continue;
      auto& known = loads[role.name];
      for (std::size_t which = 0; which < desired.instances.size(); ++which) {
        const Instance& instance = desired.instances[which];
        if (position_in(instance, role.name) == 0) continue;
        const Copies copies = index.copies(i, which);
        const Observed* copy = copies.right();
        if (!copy && copies.unknown.empty()) known[instance.address] = load_of_absent;
        if (!copy) continue;
        const auto seen = copy->roles.find(role.name);
        const auto load = seen == copy->roles.end() ? std::nullopt : seen->second.load;
        if (load) known[instance.address] = *load;
      }
    }
  }
  return loads;
}

std::vector<std::string> scale(Resource& resource, const Type& type,
                               const std::map<std::string, int>& wanted, const Loads& loads) {
  std::vector<std::string> mistakes;
  Resource scaled = resource;
  for (const auto& [name, number] : wanted) {
    const RoleName role{name};
    std::string mistake = mistake_of(resource, type, role, number);
    if (!mistake.empty()) {
      mistakes.push_back(std::move(mistake));
      continue;
    }
    choose(scaled, role, number, loads);
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
  declared.spared.clear();
  for (const auto& [role, spared] : before.spared) {
    const auto slots = declared.slots.find(role);
    if (slots == declared.slots.end()) continue;
    for (const Slot& slot : slots->second) {
      if (spared.contains(slot.address)) declared.spared[role].insert(slot.address);
    }
  }
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

void keep_leaving(const Resource& before, Resource& declared, const Type& type,
                  const std::set<std::string>& taken) {
  declared.leaving.clear();
  for (const auto* from : {&before.slots, &before.leaving}) {
    for (const auto& [role, slots] : *from) {
      if (!type.role(role)) continue;
      for (const Slot& slot : slots) {
        const bool is_named = slot.position <= slots_of(declared, role);
        if (!is_named && !taken.contains(slot.address)) declared.leaving[role].push_back(slot);
      }
    }
  }
}

bool forget_left(Resource& resource, const std::map<InstanceName, Instance>& idle,
                 const std::set<InstanceName>& left) {
  std::set<std::string> addresses;  // of which something is left
  for (const auto& [name, instance] : idle) {
    if (left.contains(name)) addresses.insert(instance.address);
  }
  bool any = false;
  for (auto& [role, slots] : resource.leaving) {
    any = std::erase_if(slots,
                        [&](const Slot& slot) { return !addresses.contains(slot.address); }) > 0 ||
          any;
  }
  std::erase_if(resource.leaving, [](const auto& entry) { return entry.second.empty(); });
  return any;
}

}  // namespace cierzo
