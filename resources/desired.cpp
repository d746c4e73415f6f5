#include "resources/desired.hpp"

#include <map>
#include <set>

#include "resources/digest.hpp"

namespace cierzo {
namespace {

std::set<InstanceName> idle_instances(Resource resource, const Type& type,
                                      const std::vector<Instance>& wanted) {
  resource.count.clear();
  resource.scaled.clear();
  std::set<InstanceName> names;
  for (const Instance& instance : expand(resource, type)) names.insert(instance.name);
  for (const Instance& instance : wanted) names.erase(instance.name);
  return names;
}

std::string checks_digest(const Type& type, const Instance& instance,
                          const std::vector<std::string>& start_digests) {
  std::string bytes;
  for (std::size_t i = 0; i < instance.roles.size(); ++i) {
    const RoleType* role = type.role(instance.roles[i]);
    if (!role || !role->check) continue;
    const Check& check = *role->check;
    append_part(bytes, role->name.value);
    append_part(bytes, type.scripts.at(check.script));
    append_part(bytes, std::to_string(check.every.count()));
    append_part(bytes, std::to_string(check.timeout.count()));
    append_part(bytes, std::to_string(check.failures));
    append_part(bytes, start_digests[i]);
  }
  return bytes.empty() ? "" : sha256(bytes);
}

}  // namespace

DesiredResource make_desired(std::shared_ptr<const Resource> resource,
                             std::shared_ptr<const Type> type) {
  DesiredResource desired;
  desired.instances = expand(*resource, *type);
  desired.hosts_file = hosts_file(desired.instances);
  desired.idle = idle_instances(*resource, *type, desired.instances);
  std::map<RoleName, std::string> role_digests;
  for (const RoleType& role : type->roles) {
    role_digests[role.name] = role_inputs_digest(*resource, *type, desired.instances, role.name);
  }
  const std::string hosts_digest = sha256(desired.hosts_file);
  for (const Instance& instance : desired.instances) {
    Wanted wanted;
    wanted.network_digest = sha256_of({instance.address, instance.name.value, hosts_digest});
    for (const RoleName& role : instance.roles) {
      wanted.start_digests.push_back(input_digest(role_digests[role], instance, role));
    }
    wanted.checks_digest = checks_digest(*type, instance, wanted.start_digests);
    desired.wanted.push_back(std::move(wanted));
  }
  desired.resource = std::move(resource);
  desired.type = std::move(type);
  return desired;
}

Configure make_configure(const DesiredResource& desired, std::size_t which,
                         const Incarnation& copy) {
  const Instance& instance = desired.instances[which];
  return {copy,
          instance.address,
          instance.mac,
          instance.name.value,
          desired.hosts_file,
          desired.wanted[which].network_digest};
}

Attend make_attend(const DesiredResource& desired, std::size_t which, const Incarnation& copy) {
  const Instance& instance = desired.instances[which];
  Attend attend{copy, {}, desired.wanted[which].checks_digest};
  for (const RoleName& name : instance.roles) {
    const RoleType* role = desired.type->role(name);
    if (!role || !role->check) continue;
    attend.checks.push_back(
        {name, desired.type->scripts.at(role->check->script),
         script_input(*desired.resource, *desired.type, desired.instances, instance, name),
         role->check->every, role->check->timeout, role->check->failures});
  }
  return attend;
}

RunScript make_run(const DesiredResource& desired, std::size_t which, const RoleName& role,
                   ScriptKind kind, const Incarnation& copy) {
  const RoleType& type = *desired.type->role(role);
  const Program& program = kind == ScriptKind::start ? type.start.value() : type.stop.value();
  return {copy,
          role,
          kind,
          desired.type->scripts.at(program.script),
          script_input(*desired.resource, *desired.type, desired.instances,
                       desired.instances[which], role),
          program.timeout};
}

}  // namespace cierzo
