#include "resources/desired.hpp"

#include <map>
#include <set>
#include <utility>

#include "resources/digest.hpp"

namespace cierzo {
namespace {

std::map<InstanceName, Instance> idle_instances(Resource resource, const Type& type,
                                                const std::vector<Instance>& wanted) {
  resource.count.clear();
  resource.scaled.clear();
  resource.spared.clear();
  for (const auto& [role, leaving] : std::exchange(resource.leaving, {})) {
    auto& slots = resource.slots[role];
    slots.insert(slots.end(), leaving.begin(), leaving.end());
  }
  std::map<InstanceName, Instance> idle;
  for (Instance& instance : expand(resource, type)) idle.emplace(instance.name, instance);
  for (const Instance& instance : wanted) idle.erase(instance.name);
  return idle;
}

// Of all that are declared: a name that is asked for while its machine goes, or comes, is known,
// and scaling touches no guest that it is not about.
std::string hosts_file_of(const DesiredResource& desired) {
  std::vector<Instance> all = desired.instances;
  std::set<std::string> addresses;
  for (const Instance& instance : all) addresses.insert(instance.address);
  for (const auto& [name, instance] : desired.idle) {
    if (addresses.insert(instance.address).second) all.push_back(instance);
  }
  return hosts_file(all);
}

// Whom `join` of this instance tells, and with what.
std::map<std::pair<RoleName, RoleName>, std::string> join_digests(const Type& type,
                                                                  const Instance& instance) {
  std::map<std::pair<RoleName, RoleName>, std::string> digests;
  for (std::size_t i = 0; i < instance.roles.size(); ++i) {
    const RoleName& name = instance.roles[i];
    const RoleType* role = type.role(name);
    for (const Edge& edge : role ? role->edges : std::vector<Edge>{}) {
      if (!edge.join) continue;
      digests[{name, edge.on}] =
          sha256_of({type.scripts.at(edge.join->script), instance.name.value, instance.address,
                     name.value, std::to_string(instance.positions[i])});
    }
  }
  return digests;
}

std::string checks_digest(const Type& type, const Instance& instance,
                          const std::vector<std::string>& start_digests) {
  std::string bytes;
  for (std::size_t i = 0; i < instance.roles.size(); ++i) {
    const RoleType* role = type.role(instance.roles[i]);
    if (!role || (!role->check && !role->metrics)) continue;
    append_part(bytes, role->name.value);
    if (const auto& check = role->check) {
      append_part(bytes, type.scripts.at(check->script));
      append_part(bytes, std::to_string(check->every.count()));
      append_part(bytes, std::to_string(check->timeout.count()));
      append_part(bytes, std::to_string(check->failures));
    }
    if (const auto& metrics = role->metrics) {
      append_part(bytes, "metrics");
      append_part(bytes, type.scripts.at(metrics->script));
      append_part(bytes, std::to_string(metrics->every.count()));
      append_part(bytes, std::to_string(metrics->timeout.count()));
    }
    append_part(bytes, start_digests[i]);
  }
  return bytes.empty() ? "" : sha256(bytes);
}

}  // namespace

DesiredResource make_desired(std::shared_ptr<const Resource> resource,
                             std::shared_ptr<const Type> type, std::map<RoleKey, Outputs> outputs) {
  DesiredResource desired;
  desired.outputs = std::move(outputs);
  desired.instances = expand(*resource, *type);
  desired.idle = idle_instances(*resource, *type, desired.instances);
  desired.hosts_file = hosts_file_of(desired);
  std::map<RoleName, std::string> role_digests;
  for (const RoleType& role : type->roles) {
    role_digests[role.name] =
        role_inputs_digest(*resource, *type, desired.instances, role.name, desired.outputs);
  }
  const std::string hosts_digest = sha256(desired.hosts_file);
  for (const Instance& instance : desired.instances) {
    Wanted wanted;
    wanted.network_digest = sha256_of({instance.address, instance.name.value, hosts_digest});
    for (const RoleName& role : instance.roles) {
      wanted.start_digests.push_back(input_digest(role_digests[role], instance, role));
    }
    wanted.checks_digest = checks_digest(*type, instance, wanted.start_digests);
    wanted.join_digests = join_digests(*type, instance);
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
  Attend attend{copy, {}, desired.wanted[which].checks_digest, {}};
  for (const RoleName& name : instance.roles) {
    const RoleType* role = desired.type->role(name);
    if (!role || (!role->check && !role->metrics)) continue;
    const ScriptInput input = script_input(*desired.resource, *desired.type, desired.instances,
                                           instance, name, desired.outputs);
    const auto& scripts = desired.type->scripts;
    if (const auto& check = role->check) {
      attend.checks.push_back(
          {name, scripts.at(check->script), input, check->every, check->timeout, check->failures});
    }
    if (const auto& metrics = role->metrics) {
      attend.metrics.push_back(
          {name, scripts.at(metrics->script), input, metrics->every, metrics->timeout, 1});
    }
  }
  return attend;
}

RunScript make_run(const DesiredResource& desired, const Instance& instance, const RoleName& role,
                   ScriptKind kind, const Incarnation& copy) {
  const RoleType& type = *desired.type->role(role);
  RunScript run;
  run.incarnation = copy;
  run.role = role;
  run.kind = kind;
  run.input = script_input(*desired.resource, *desired.type, desired.instances, instance, role,
                           desired.outputs);
  if (kind == ScriptKind::drain) {
    run.text = desired.type->scripts.at(type.drain.value().script);
    run.timeout = type.drain->timeout;
  } else {
    const Program& program = kind == ScriptKind::start ? type.start.value() : type.stop.value();
    run.text = desired.type->scripts.at(program.script);
    run.timeout = program.timeout;
  }
  return run;
}

RunScript make_tell(const DesiredResource& desired, const Instance& told, const RoleName& on,
                    ScriptKind kind, const Member& member, const Incarnation& copy,
                    std::string digest) {
  RunScript run;
  run.incarnation = copy;
  run.role = on;
  run.kind = kind;
  run.timeout = Program{}.timeout;
  run.member = member;
  run.input =
      script_input(*desired.resource, *desired.type, desired.instances, told, on, desired.outputs);
  add_member(run.input, member, std::move(digest));
  const RoleType* role = desired.type->role(member.role);
  for (const Edge& edge : role ? role->edges : std::vector<Edge>{}) {
    const auto& program = kind == ScriptKind::join ? edge.join : edge.leave;
    if (edge.on != on || !program) continue;
    run.text = desired.type->scripts.at(program->script);
    run.timeout = program->timeout;
  }
  return run;
}

}  // namespace cierzo
