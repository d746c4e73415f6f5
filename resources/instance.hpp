// A desired VM, by value. Resources expand into these; everything below knows only these.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "resources/resource.hpp"
#include "resources/type.hpp"

namespace cierzo {

struct Instance {
  InstanceName name;  // `<resource>-<first role>-<position>`; the domain's and the guest's name.
  ResourceName resource;
  // In the order of the type; the first names the instance. Never empty.
  std::vector<RoleName> roles;
  std::vector<int> positions;  // For each role, the position of this instance in it (from 1).
  std::string address, mac, image, domain_template;
  std::uint64_t memory_kib = 0;
  int vcpus = 1;
  std::vector<std::string> pool;
  OnIsolation on_isolation = OnIsolation::pause;
  Disk disk = Disk::local;
  // Of what a running VM cannot take: image, memory, vcpus, template, disk.
  std::string spec_digest;
  bool operator==(const Instance&) const = default;
};

// The instances that a resource wants while it runs. One address with several roles is one VM with
// all of them; where the images differ the last role's image wins. Composite and taken roles are
// resolved, in general form. Pure. Precondition: the resource came from read_resource with this
// type.
[[nodiscard]] std::vector<Instance> expand(const Resource& resource, const Type& type);

// An instance in one of its roles, as others are told of it.
struct Member {
  InstanceName name;
  RoleName role;
  std::string address;
  int index = 0;  // Its position in that role.
  // Whatever its address is now.
  [[nodiscard]] bool same_as(const Member& other) const {
    return name == other.name && role == other.role;
  }
  auto operator<=>(const Member&) const = default;
};

// What `start` of a role has said about itself, by key: a port, an address, a token. Others are
// started with it.
using Outputs = std::map<std::string, std::string>;
using RoleKey = std::pair<InstanceName, RoleName>;
struct Said {
  ResourceName resource;
  RoleKey key;  // Whose `start` has said it.
  Outputs outputs;
};

// A script's input: what the guest is told about the resource as environment variables and as JSON.
// (CIERZO_RESOURCE, _NAME, _ROLE, _INDEX, _ADDRESS, _ADDRESSES_<ROLE>, _NAMES_<ROLE>,
// _ATTRIBUTE_<NAME>, _OUTPUT_<ROLE>_<KEY>: of the first of the role that has said it)
struct ScriptInput {
  std::map<std::string, std::string> environment;
  std::string json;    // Written to /run/cierzo/resource.json in the guest.
  std::string digest;  // Of the script's text, the attributes and what the role `reads`: start runs
                       // again on change.
};
// `instance` need not be one of `all`, which are those that are wanted.
[[nodiscard]] ScriptInput script_input(const Resource& resource, const Type& type,
                                       const std::vector<Instance>& all, const Instance& instance,
                                       const RoleName& role,
                                       const std::map<RoleKey, Outputs>& outputs = {});

// For a script that is about another machine (`join`, `leave`): _MEMBER_NAME, _MEMBER_ROLE,
// _MEMBER_ADDRESS, _MEMBER_INDEX as well, "member" in the JSON; the digest is set to `digest`.
void add_member(ScriptInput& input, const Member& member, std::string digest);

// The lines of /etc/hosts in every guest of the resource: localhost, then all instances, by
// address.
[[nodiscard]] std::string hosts_file(const std::vector<Instance>& all);

}  // namespace cierzo
