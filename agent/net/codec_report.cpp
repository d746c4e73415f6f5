// What hosts say about themselves.
#include <algorithm>
#include <cstdlib>

#include "agent/net/codec_parts.hpp"

namespace cierzo::codec {
namespace {

// Times of a report are ages. Whatever a host says, an age is not so large that it could not be
// subtracted.
Time get_age(std::int64_t nanoseconds) {
  return std::clamp(Time(nanoseconds), Time(0), length_max);
}

wire::Presence put(Presence value) {
  switch (value) {
    case Presence::absent:
      return wire::PRESENCE_ABSENT;
    case Presence::present:
      return wire::PRESENCE_PRESENT;
    case Presence::unknown:
      return wire::PRESENCE_UNKNOWN;
  }
  std::abort();
}

Presence get(wire::Presence from, Checker& check) {
  switch (from) {
    case wire::PRESENCE_ABSENT:
      return Presence::absent;
    case wire::PRESENCE_PRESENT:
      return Presence::present;
    case wire::PRESENCE_UNKNOWN:
      return Presence::unknown;
    default:
      break;
  }
  check.require(false, "report: unknown presence");
  return Presence::unknown;
}

wire::RunState put(RunState value) {
  switch (value) {
    case RunState::running:
      return wire::RUN_RUNNING;
    case RunState::paused:
      return wire::RUN_PAUSED;
    case RunState::stopping:
      return wire::RUN_STOPPING;
    case RunState::shut_off:
      return wire::RUN_SHUT_OFF;
    case RunState::crashed:
      return wire::RUN_CRASHED;
  }
  std::abort();
}

RunState get(wire::RunState from, Checker& check) {
  switch (from) {
    case wire::RUN_RUNNING:
      return RunState::running;
    case wire::RUN_PAUSED:
      return RunState::paused;
    case wire::RUN_STOPPING:
      return RunState::stopping;
    case wire::RUN_SHUT_OFF:
      return RunState::shut_off;
    case wire::RUN_CRASHED:
      return RunState::crashed;
    default:
      break;
  }
  check.require(false, "report: unknown run state");
  return {};
}

wire::Health put(Health value) {
  switch (value) {
    case Health::unknown:
      return wire::HEALTH_UNKNOWN;
    case Health::passing:
      return wire::HEALTH_PASSING;
    case Health::failing:
      return wire::HEALTH_FAILING;
    case Health::flapping:
      return wire::HEALTH_FLAPPING;
  }
  std::abort();
}

Health get(wire::Health from, Checker& check) {
  switch (from) {
    case wire::HEALTH_UNKNOWN:
      return Health::unknown;
    case wire::HEALTH_PASSING:
      return Health::passing;
    case wire::HEALTH_FAILING:
      return Health::failing;
    case wire::HEALTH_FLAPPING:
      return Health::flapping;
    default:
      break;
  }
  check.require(false, "report: unknown health");
  return Health::unknown;
}

wire::Draining put(Draining value) {
  switch (value) {
    case Draining::no:
      return wire::DRAINING_NO;
    case Draining::asked:
      return wire::DRAINING_ASKED;
    case Draining::done:
      return wire::DRAINING_DONE;
  }
  std::abort();
}

Draining get(wire::Draining from, Checker& check) {
  switch (from) {
    case wire::DRAINING_NO:
      return Draining::no;
    case wire::DRAINING_ASKED:
      return Draining::asked;
    case wire::DRAINING_DONE:
      return Draining::done;
    default:
      break;
  }
  check.require(false, "report: unknown state of draining");
  return Draining::no;
}

wire::Failure put(const Failure& from) {
  wire::Failure to;
  to.set_count(from.count);
  to.set_last(from.last.count());
  to.set_error(from.error);
  return to;
}

Failure get(const wire::Failure& from, Checker& check) {
  check.require(from.count() >= 0, "report: a negative count");
  return {from.count(), get_age(from.last()), from.error()};
}

wire::RoleObserved put(const RoleName& role, const RoleObserved& from) {
  wire::RoleObserved to;
  to.set_role(role.value);
  to.set_configured_digest(from.configured_digest);
  to.set_health(put(from.health));
  to.set_failures(from.failures);
  to.set_restarts(from.restarts);
  to.set_error(from.error);
  *to.mutable_start() = put(from.start);
  to.set_stopped_digest(from.stopped_digest);
  to.set_last_restart(from.last_restart.count());
  *to.mutable_stop() = put(from.stop);
  to.set_draining(put(from.draining));
  to.set_drain_since(from.drain_since.count());
  *to.mutable_drain() = put(from.drain);
  put_pairs(from.outputs, *to.mutable_outputs());
  if (from.load) to.set_load(*from.load);
  return to;
}

RoleObserved get(const wire::RoleObserved& from, Checker& check) {
  RoleObserved to;
  check.require(from.has_start() && from.has_stop() && !from.role().empty(),
                "report: a part of a role is missing");
  check.require(from.failures() >= 0 && from.restarts() >= 0, "report: a negative count");
  constexpr const char* digest = "report: digest of a role too long";
  to.configured_digest = check.name(from.configured_digest(), digest);
  to.health = get(from.health(), check);
  to.failures = from.failures();
  to.restarts = from.restarts();
  to.last_restart = get_age(from.last_restart());
  to.error = from.error();
  to.start = get(from.start(), check);
  to.stop = get(from.stop(), check);
  to.stopped_digest = check.name(from.stopped_digest(), digest);
  // An agent of an earlier version says nothing of this: with it nothing drains.
  const bool says = from.draining() != wire::DRAINING_UNSAID || from.has_drain();
  to.draining = says ? get(from.draining(), check) : Draining::no;
  to.drain_since = get_age(from.drain_since());
  to.drain = get(from.drain(), check);
  to.outputs = get_pairs(from.outputs(), check);
  check.require(from.load() >= 0, "report: a negative load");
  if (from.has_load()) to.load = from.load();
  return to;
}

wire::Joined put(const Joined& from) {
  wire::Joined to;
  to.set_on(from.on.value);
  *to.mutable_member() = codec::put(from.member);
  to.set_digest(from.digest);
  *to.mutable_failure() = put(from.failure);
  return to;
}

Joined get(const wire::Joined& from, Checker& check) {
  check.require(!from.on().empty() && from.has_member() && from.has_failure(),
                "report: a part of a member is missing");
  return {RoleName{check.name(from.on(), "report: name of a role too long")},
          codec::get(from.member(), check),
          check.name(from.digest(), "report: digest of a member too long"),
          get(from.failure(), check)};
}

wire::Observed put(const Observed& from) {
  wire::Observed to;
  to.set_name(from.name.value);
  to.set_host(from.host.value);
  to.set_resource(from.resource.value);
  to.set_presence(put(from.presence));
  to.set_run(put(from.run));
  to.set_paused_under(from.paused_under);
  to.set_overlay(from.overlay);
  to.set_fresh_disk(from.fresh_disk);
  to.set_guest_answers(from.guest_answers);
  *to.mutable_incarnation() = codec::put(from.incarnation);
  to.set_spec_digest(from.spec_digest);
  to.set_network_digest(from.network_digest);
  to.set_checks_digest(from.checks_digest);
  for (const auto& [role, observed] : from.roles) *to.add_roles() = put(role, observed);
  for (const RoleName& role : from.role_names) to.add_role_names(role.value);
  for (const Joined& joined : from.joined) *to.add_joined() = put(joined);
  *to.mutable_start() = put(from.start);
  *to.mutable_configure() = put(from.configure);
  to.set_resets(from.resets);
  to.set_since(from.since.count());
  to.set_on_isolation(codec::put(from.on_isolation));
  to.set_disk(codec::put(from.disk));
  return to;
}

Observed get(const wire::Observed& from, Checker& check) {
  Observed to;
  check.require(!from.name().empty(), "report: an instance without a name");
  check.require(from.has_incarnation() && from.has_start() && from.has_configure(),
                "report: a part of an instance is missing");
  check.require(from.resets() >= 0, "report: a negative count");
  constexpr const char* digest = "report: digest of an instance too long";
  to.name.value = check.name(from.name(), "report: name of an instance too long");
  to.host = get_host(from.host(), check, "report: an instance without a host");
  to.resource.value = check.name(from.resource(), "report: name of a resource too long");
  to.presence = get(from.presence(), check);
  to.run = get(from.run(), check);
  to.paused_under = from.paused_under();
  to.overlay = from.overlay();
  to.fresh_disk = from.fresh_disk();
  to.guest_answers = from.guest_answers();
  to.incarnation = codec::get(from.incarnation(), check);
  to.spec_digest = check.name(from.spec_digest(), digest);
  to.network_digest = check.name(from.network_digest(), digest);
  to.checks_digest = check.name(from.checks_digest(), digest);
  for (const wire::RoleObserved& role : from.roles()) {
    const RoleName name{check.name(role.role(), "report: name of a role too long")};
    check.require(to.roles.emplace(name, get(role, check)).second, "report: a role is there twice");
  }
  for (std::string& role : get_names(from.role_names(), check, "report: name of a role too long")) {
    to.role_names.insert(RoleName{std::move(role)});
  }
  for (const wire::Joined& joined : from.joined()) to.joined.push_back(get(joined, check));
  to.start = get(from.start(), check);
  to.configure = get(from.configure(), check);
  to.resets = from.resets();
  to.since = get_age(from.since());
  to.on_isolation = codec::get(from.on_isolation(), check);
  to.disk = codec::get(from.disk(), check);
  return to;
}

}  // namespace

wire::Report put(const Report& report) {
  wire::Report to;
  to.set_host(report.host.value);
  to.set_boot(report.boot);
  to.set_state_id(report.state_id);
  to.set_process(report.process);
  *to.mutable_term() = put(report.term);
  to.set_permit_spell(report.permit_spell);
  to.set_number(report.number);
  *to.mutable_executed() = put(report.executed);
  for (const Unfinished& unfinished : report.unfinished) {
    *to.add_unfinished()->mutable_id() = put(unfinished.id);
    *to.mutable_unfinished()->rbegin()->mutable_action() = put(unfinished.action);
  }
  to.set_not_surveyed(!report.surveyed);
  to.set_hypervisor_answers(report.hypervisor_answers);
  to.set_hypervisor_error(report.hypervisor_error);
  to.set_guard_error(report.guard_error);
  to.set_memory_total_kib(report.memory_total_kib);
  to.set_memory_free_kib(report.memory_free_kib);
  to.set_cpus_total(report.cpus_total);
  to.set_cpus_free(report.cpus_free);
  put_pairs(report.images, *to.mutable_images());
  for (const std::string& image : report.images_asked) to.add_images_asked(image);
  for (const std::string& network : report.networks) to.add_networks(network);
  for (const Observed& observed : report.instances) *to.add_instances() = put(observed);
  return to;
}

Report get(const wire::Report& from, Checker& check) {
  Report to;
  check.require(from.has_term() && from.has_executed(), "report: a part is missing");
  to.host = get_host(from.host(), check, "report: no host");
  to.boot = check.name(from.boot(), "report: boot id too long");
  to.state_id = check.name(from.state_id(), "report: state id too long");
  to.process = check.name(from.process(), "report: process too long");
  to.term = get(from.term());
  to.permit_spell = from.permit_spell();
  to.number = from.number();
  to.executed = get(from.executed(), check);
  for (const wire::Unfinished& unfinished : from.unfinished()) {
    check.require(unfinished.has_id() && unfinished.has_action(),
                  "report: a part of a command is missing");
    to.unfinished.push_back({get(unfinished.id(), check), get(unfinished.action(), check)});
  }
  to.surveyed = !from.not_surveyed();
  to.hypervisor_answers = from.hypervisor_answers();
  to.hypervisor_error = from.hypervisor_error();
  to.guard_error = from.guard_error();
  to.memory_total_kib = from.memory_total_kib();
  to.memory_free_kib = from.memory_free_kib();
  to.cpus_total = from.cpus_total();
  to.cpus_free = from.cpus_free();
  to.images = get_pairs(from.images(), check);
  to.images_asked = get_names(from.images_asked(), check, "report: path of an image too long");
  to.networks = get_names(from.networks(), check, "report: name of a network too long");
  for (const wire::Observed& observed : from.instances()) {
    if (!check.ok()) break;  // Refused already; there may be many, and ours are larger.
    // A host speaks for itself only: of another host's instances it knows nothing.
    check.require(observed.host() == from.host(), "report: an instance of another host");
    to.instances.push_back(get(observed, check));
  }
  return to;
}

}  // namespace cierzo::codec
