#include <algorithm>
#include <set>

#include "resources/address.hpp"
#include "resources/instance.hpp"
#include "resources/spec.hpp"

namespace cierzo {
namespace {

// One VM while it is put together: an address and everything that is declared for it.
struct Machine {
  std::string image;
  std::map<RoleName, int> positions;  // declared ones
  bool wanted = false;                // of at least one role within its count
  int slot = 0;                       // place among all declared addresses, from 0
};

// Host names have no underscores; names of roles may.
std::string host_part(const RoleName& role) {
  std::string text = role.value;
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

std::string mac_of(const Resource& resource, const std::string& address, int slot) {
  constexpr std::uint64_t all = 0xffffffffffffULL;
  if (const auto first = parse_mac(resource.first_mac)) {
    return print_mac((*first + static_cast<std::uint64_t>(slot)) & all);
  }
  constexpr std::uint64_t qemu = 0x525400000000ULL;  // the prefix of locally made QEMU interfaces
  return print_mac(qemu | (parse_ipv4(address).value_or(0) & 0xffffffU));
}

// Every declared address in the order of the type's roles, with what is declared for it. Slots
// that a role does not want are left out, but keep their place: nothing shifts when a role scales.
std::map<std::string, Machine> machines_of(const Resource& resource, const Type& type,
                                           std::vector<std::string>& order) {
  std::map<std::string, Machine> machines;
  for (const RoleType& role : type.roles) {
    const auto slots = resource.slots.find(role.name);
    if (slots == resource.slots.end()) continue;
    const std::set<int> wanted = wanted_positions(resource, role.name);
    for (const Slot& slot : slots->second) {
      const auto [found, added] = machines.try_emplace(slot.address);
      Machine& machine = found->second;
      if (added) {
        machine.slot = static_cast<int>(order.size());
        order.push_back(slot.address);
      }
      machine.image = slot.image;  // the last role's image wins
      if (!wanted.contains(slot.position)) continue;
      machine.wanted = true;
      machine.positions[role.name] = slot.position;
    }
  }
  return machines;
}

// The roles that the declared ones bring along: parts of composites, then, over and over, what has
// no machine yet and is taken by a role that has one. `present` is over the whole resource.
std::set<RoleName> roles_of(const Machine& machine, const Type& type,
                            const std::set<RoleName>& present) {
  std::set<RoleName> roles;
  std::vector<RoleName> open;
  const auto take = [&](const RoleName& role) {
    if (roles.insert(role).second) open.push_back(role);
  };
  for (const auto& [role, position] : machine.positions) take(role);
  while (!open.empty()) {
    const RoleName name = open.back();
    open.pop_back();
    if (const RoleType* role = type.role(name)) {
      for (const RoleName& part : role->composed_of) take(part);
    }
    for (const RoleType& role : type.roles) {
      if (role.taken_by_if_missing == name && present.count(role.name) == 0) take(role.name);
    }
  }
  return roles;
}

// Declared anywhere, or part of something declared: what is not here is missing.
std::set<RoleName> present_roles(const Resource& resource, const Type& type) {
  std::set<RoleName> present;
  std::vector<RoleName> open;
  for (const auto& [role, slots] : resource.slots) open.push_back(role);
  while (!open.empty()) {
    const RoleName name = open.back();
    open.pop_back();
    if (!present.insert(name).second) continue;
    if (const RoleType* role = type.role(name)) {
      open.insert(open.end(), role->composed_of.begin(), role->composed_of.end());
    }
  }
  return present;
}

}  // namespace

std::vector<Instance> expand(const Resource& resource, const Type& type) {
  std::vector<std::string> order;
  const std::map<std::string, Machine> machines = machines_of(resource, type, order);
  const std::set<RoleName> present = present_roles(resource, type);
  std::map<RoleName, int> last_position;  // of each role, so that parts are numbered after it
  for (const auto& [address, machine] : machines) {
    for (const auto& [role, position] : machine.positions) {
      last_position[role] = std::max(last_position[role], position);
    }
  }
  std::vector<Instance> instances;
  for (const std::string& address : order) {
    const Machine& machine = machines.at(address);
    if (!machine.wanted) continue;
    Instance instance;
    const std::set<RoleName> roles = roles_of(machine, type, present);
    const RoleName* first = nullptr;  // the first declared one: names do not depend on parts
    for (const RoleType& role : type.roles) {
      if (roles.count(role.name) == 0) continue;
      const auto declared = machine.positions.find(role.name);
      const bool is_declared = declared != machine.positions.end();
      if (is_declared && !first) first = &role.name;
      instance.roles.push_back(role.name);
      instance.positions.push_back(is_declared ? declared->second : ++last_position[role.name]);
    }
    instance.resource = resource.name;
    instance.name.value = resource.name.value + "-" + host_part(*first) + "-" +
                          std::to_string(machine.positions.at(*first));
    instance.address = address;
    instance.mac = mac_of(resource, address, machine.slot);
    instance.image = machine.image;
    instance.domain_template = resource.domain_template;
    instance.memory_kib = resource.memory_kib;
    instance.vcpus = resource.vcpus;
    instance.pool = resource.pool;
    instance.on_isolation = resource.on_isolation;
    instance.disk = resource.disk;
    instance.spec_digest = spec_digest(instance);
    instances.push_back(std::move(instance));
  }
  return instances;
}

}  // namespace cierzo
