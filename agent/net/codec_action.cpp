// Instances, actions and commands.
#include <cstdlib>

#include "agent/net/codec_parts.hpp"

namespace cierzo::codec {

wire::OnIsolation put(OnIsolation value) {
  switch (value) {
    case OnIsolation::pause:
      return wire::ON_ISOLATION_PAUSE;
    case OnIsolation::ignore:
      return wire::ON_ISOLATION_IGNORE;
  }
  std::abort();
}

OnIsolation get(wire::OnIsolation from, Checker& check) {
  if (from == wire::ON_ISOLATION_PAUSE) return OnIsolation::pause;
  check.require(from == wire::ON_ISOLATION_IGNORE, "on_isolation: unknown value");
  return OnIsolation::ignore;
}

wire::Disk put(Disk value) {
  switch (value) {
    case Disk::local:
      return wire::DISK_LOCAL;
    case Disk::shared:
      return wire::DISK_SHARED;
  }
  std::abort();
}

Disk get(wire::Disk from, Checker& check) {
  if (from == wire::DISK_LOCAL) return Disk::local;
  check.require(from == wire::DISK_SHARED, "disk: unknown value");
  return Disk::shared;
}

wire::Member put(const Member& from) {
  wire::Member to;
  to.set_name(from.name.value);
  to.set_role(from.role.value);
  to.set_address(from.address);
  to.set_index(from.index);
  return to;
}

// Its parts become words of a line that a guest's shell writes and reads.
Member get(const wire::Member& from, Checker& check) {
  const auto is_word = [](const std::string& text) {
    return !text.empty() && text.find_first_of(" \t\r\n/") == std::string::npos;
  };
  check.require(
      is_word(from.name()) && is_word(from.role()) && is_word(from.address()) && from.index() >= 0,
      "member: a part is missing");
  return {InstanceName{check.name(from.name(), "member: name too long")},
          RoleName{check.name(from.role(), "member: role name too long")},
          check.name(from.address(), "member: address too long"), from.index()};
}

namespace {

wire::ScriptKind put(ScriptKind value) {
  switch (value) {
    case ScriptKind::start:
      return wire::SCRIPT_START;
    case ScriptKind::stop:
      return wire::SCRIPT_STOP;
    case ScriptKind::drain:
      return wire::SCRIPT_DRAIN;
    case ScriptKind::join:
      return wire::SCRIPT_JOIN;
    case ScriptKind::leave:
      return wire::SCRIPT_LEAVE;
  }
  std::abort();
}

ScriptKind get(wire::ScriptKind from, Checker& check) {
  switch (from) {
    case wire::SCRIPT_START:
      return ScriptKind::start;
    case wire::SCRIPT_STOP:
      return ScriptKind::stop;
    case wire::SCRIPT_DRAIN:
      return ScriptKind::drain;
    case wire::SCRIPT_JOIN:
      return ScriptKind::join;
    case wire::SCRIPT_LEAVE:
      return ScriptKind::leave;
    default:
      break;
  }
  check.require(false, "script: unknown kind");
  return ScriptKind::stop;
}

wire::Instance put(const Instance& from) {
  wire::Instance to;
  to.set_name(from.name.value);
  to.set_resource(from.resource.value);
  for (const RoleName& role : from.roles) to.add_roles(role.value);
  for (const int position : from.positions) to.add_positions(position);
  to.set_address(from.address);
  to.set_mac(from.mac);
  to.set_image(from.image);
  to.set_domain_template(from.domain_template);
  to.set_memory_kib(from.memory_kib);
  to.set_vcpus(from.vcpus);
  for (const std::string& host : from.pool) to.add_pool(host);
  to.set_on_isolation(codec::put(from.on_isolation));
  to.set_disk(codec::put(from.disk));
  to.set_spec_digest(from.spec_digest);
  return to;
}

Instance get(const wire::Instance& from, Checker& check) {
  Instance to;
  check.require(!from.name().empty() && !from.resource().empty(), "instance: no name");
  check.require(from.roles_size() > 0 && from.roles_size() == from.positions_size(),
                "instance: no roles");
  check.require(from.memory_kib() > 0 && from.vcpus() > 0, "instance: no memory or CPU");
  to.name.value = check.name(from.name(), "instance: name too long");
  to.resource.value = check.name(from.resource(), "instance: resource name too long");
  for (std::string& role : get_names(from.roles(), check, "instance: role name too long")) {
    to.roles.push_back(RoleName{std::move(role)});
  }
  to.positions.assign(from.positions().begin(), from.positions().end());
  to.address = check.name(from.address(), "instance: address too long");
  to.mac = check.name(from.mac(), "instance: mac too long");
  to.image = from.image();
  to.domain_template = from.domain_template();
  to.memory_kib = from.memory_kib();
  to.vcpus = from.vcpus();
  to.pool = get_names(from.pool(), check, "instance: a host of the pool is too long");
  to.on_isolation = codec::get(from.on_isolation(), check);
  to.disk = codec::get(from.disk(), check);
  to.spec_digest = check.name(from.spec_digest(), "instance: digest too long");
  return to;
}

wire::ScriptInput put(const ScriptInput& from) {
  wire::ScriptInput to;
  put_pairs(from.environment, *to.mutable_environment());
  to.set_json(from.json);
  to.set_digest(from.digest);
  return to;
}

ScriptInput get(const wire::ScriptInput& from, Checker& check) {
  return {get_pairs(from.environment(), check), from.json(),
          check.name(from.digest(), "script: digest too long")};
}

// All kinds of work but RemoveDisk name an incarnation.
template <class From>
Incarnation incarnation_of(const From& from, Checker& check) {
  check.require(from.has_incarnation(), "action: no incarnation");
  return codec::get(from.incarnation(), check);
}

void put(const StartVm& from, wire::Action& to) {
  *to.mutable_start_vm()->mutable_instance() = put(from.instance);
  *to.mutable_start_vm()->mutable_incarnation() = codec::put(from.incarnation);
  to.mutable_start_vm()->set_fresh_disk(from.fresh_disk);
}
StartVm get(const wire::StartVm& from, Checker& check) {
  check.require(from.has_instance(), "start: no instance");
  return {get(from.instance(), check), incarnation_of(from, check), from.fresh_disk()};
}

void put(const StopVm& from, wire::Action& to) {
  *to.mutable_stop_vm()->mutable_incarnation() = codec::put(from.incarnation);
  to.mutable_stop_vm()->set_grace(from.grace.count());
  to.mutable_stop_vm()->set_remove_disk(from.remove_disk);
}
StopVm get(const wire::StopVm& from, Checker& check) {
  return {incarnation_of(from, check),
          get_length(from.grace(), check, "stop: an impossible length"), from.remove_disk()};
}

void put(const RemoveDisk& /*nothing*/, wire::Action& to) { to.mutable_remove_disk(); }

void put(const ResetVm& from, wire::Action& to) {
  *to.mutable_reset_vm()->mutable_incarnation() = codec::put(from.incarnation);
}
ResetVm get(const wire::ResetVm& from, Checker& check) { return {incarnation_of(from, check)}; }

void put(const Resume& from, wire::Action& to) {
  *to.mutable_resume()->mutable_paused() = codec::put(from.paused);
  *to.mutable_resume()->mutable_incarnation() = codec::put(from.incarnation);
  to.mutable_resume()->set_generation(from.generation);
}
Resume get(const wire::Resume& from, Checker& check) {
  check.require(from.has_paused(), "resume: no incarnation");
  return {codec::get(from.paused(), check), incarnation_of(from, check), from.generation()};
}

void put(const Configure& from, wire::Action& to) {
  wire::Configure& configure = *to.mutable_configure();
  *configure.mutable_incarnation() = codec::put(from.incarnation);
  configure.set_address(from.address);
  configure.set_mac(from.mac);
  configure.set_hostname(from.hostname);
  configure.set_hosts_file(from.hosts_file);
  configure.set_digest(from.digest);
}
Configure get(const wire::Configure& from, Checker& check) {
  return {incarnation_of(from, check),
          check.name(from.address(), "configure: address too long"),
          check.name(from.mac(), "configure: MAC too long"),
          check.name(from.hostname(), "configure: host name too long"),
          from.hosts_file(),
          check.name(from.digest(), "configure: digest too long")};
}

void put(const RunScript& from, wire::Action& to) {
  wire::RunScript& run = *to.mutable_run_script();
  *run.mutable_incarnation() = codec::put(from.incarnation);
  run.set_role(from.role.value);
  run.set_kind(put(from.kind));
  run.set_text(from.text);
  *run.mutable_input() = put(from.input);
  run.set_timeout(from.timeout.count());
  if (!from.member.name.value.empty()) *run.mutable_member() = codec::put(from.member);
}
RunScript get(const wire::RunScript& from, Checker& check) {
  check.require(from.has_input() && !from.role().empty(), "script: a part is missing");
  const ScriptKind kind = get(from.kind(), check);
  const bool tells = kind == ScriptKind::join || kind == ScriptKind::leave;
  check.require(from.has_member() == tells, "script: about no member, or one too many");
  return {incarnation_of(from, check),
          RoleName{check.name(from.role(), "script: role name too long")},
          kind,
          from.text(),
          get(from.input(), check),
          get_length(from.timeout(), check, "script: an impossible length"),
          tells ? codec::get(from.member(), check) : Member{}};
}

wire::RoleCheck put(const RoleCheck& from) {
  wire::RoleCheck to;
  to.set_role(from.role.value);
  to.set_text(from.text);
  *to.mutable_input() = put(from.input);
  to.set_every(from.every.count());
  to.set_timeout(from.timeout.count());
  to.set_failures(from.failures);
  return to;
}
RoleCheck get(const wire::RoleCheck& from, Checker& check) {
  check.require(from.has_input() && !from.role().empty(), "check: a part is missing");
  // One without a pause between its runs, or failing before it ran, would be a busy loop on that
  // host.
  check.require(from.every() > 0 && from.timeout() > 0 && from.failures() > 0,
                "check: impossible schedule");
  return {RoleName{check.name(from.role(), "check: role name too long")},
          from.text(),
          get(from.input(), check),
          Duration(from.every()),
          Duration(from.timeout()),
          from.failures()};
}

void put(const Attend& from, wire::Action& to) {
  wire::Attend& attend = *to.mutable_attend();
  *attend.mutable_incarnation() = codec::put(from.incarnation);
  attend.set_digest(from.digest);
  for (const RoleCheck& one : from.checks) *attend.add_checks() = put(one);
  for (const RoleCheck& one : from.metrics) *attend.add_metrics() = put(one);
}
Attend get(const wire::Attend& from, Checker& check) {
  Attend to{
      incarnation_of(from, check), {}, check.name(from.digest(), "attend: digest too long"), {}};
  for (const wire::RoleCheck& one : from.checks()) to.checks.push_back(get(one, check));
  for (const wire::RoleCheck& one : from.metrics()) to.metrics.push_back(get(one, check));
  return to;
}

void put(const ForgetFailures& from, wire::Action& to) {
  *to.mutable_forget_failures()->mutable_incarnation() = codec::put(from.incarnation);
  to.mutable_forget_failures()->set_role(from.role.value);
}
ForgetFailures get(const wire::ForgetFailures& from, Checker& check) {
  check.require(!from.role().empty(), "forget failures: no role");
  return {incarnation_of(from, check),
          RoleName{check.name(from.role(), "forget failures: role name too long")}};
}

Work work_of(const wire::Action& from, Checker& check) {
  using Case = wire::Action::WorkCase;
  switch (from.work_case()) {
    case Case::kStartVm:
      return get(from.start_vm(), check);
    case Case::kStopVm:
      return get(from.stop_vm(), check);
    case Case::kRemoveDisk:
      return RemoveDisk{};
    case Case::kResetVm:
      return get(from.reset_vm(), check);
    case Case::kResume:
      return get(from.resume(), check);
    case Case::kConfigure:
      return get(from.configure(), check);
    case Case::kRunScript:
      return get(from.run_script(), check);
    case Case::kAttend:
      return get(from.attend(), check);
    case Case::kForgetFailures:
      return get(from.forget_failures(), check);
    case Case::WORK_NOT_SET:
      break;
  }
  check.require(false, "action: unknown kind of work");
  return RemoveDisk{};
}

}  // namespace

wire::Action put(const Action& action) {
  wire::Action to;
  to.set_instance(action.instance.value);
  to.set_on(action.on.value);
  to.set_reason(action.reason);
  std::visit([&to](const auto& work) { put(work, to); }, action.work);
  return to;
}

Action get(const wire::Action& from, Checker& check) {
  check.require(!from.instance().empty(), "action: no instance");
  return {InstanceName{check.name(from.instance(), "action: name too long")},
          get_host(from.on(), check, "action: no host"), work_of(from, check), from.reason()};
}

wire::Command put(const Command& command) {
  wire::Command to;
  *to.mutable_id() = put(command.id);
  to.set_boot(command.boot);
  to.set_state_id(command.state_id);
  to.set_permit_spell(command.permit_spell);
  *to.mutable_action() = put(command.action);
  return to;
}

Command get(const wire::Command& from, Checker& check) {
  check.require(from.has_id() && from.has_action(), "command: a part is missing");
  return {get(from.id(), check), check.name(from.boot(), "command: boot id too long"),
          check.name(from.state_id(), "command: state id too long"), from.permit_spell(),
          get(from.action(), check)};
}

}  // namespace cierzo::codec
