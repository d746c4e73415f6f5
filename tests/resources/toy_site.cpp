#include "tests/resources/toy_site.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "resources/desired.hpp"
#include "resources/scaling.hpp"

namespace cierzo::test {
namespace {

std::shared_ptr<const Type> read(const std::map<std::string, std::string>& files) {
  TypeRead read = read_type(files, "toy");
  for (const auto& diagnostic : read.diagnostics) ADD_FAILURE() << to_string(diagnostic);
  return std::make_shared<const Type>(std::move(read.type.value()));
}

}  // namespace

std::shared_ptr<const Type> shop_type() {
  static const auto type = read({{"type.yaml", R"(
type: shop
roles:
  database: {count: 1, start: go, stop: halt, check: {run: look, failures: 3}}
  server:   {count: 0.., after: [database], start: go, stop: halt, check: {run: look}}
  balancer:
    {count: 0..1, after: [server], reads: [server], start: go, stop: halt, check: {run: look}}
)"},
                                 {"go", "start"},
                                 {"halt", "stop"},
                                 {"look", "check"}});
  return type;
}

std::shared_ptr<const Type> vault_type() {
  static const auto type = read({{"type.yaml", R"(
type: vault
roles:
  store: {count: 1.., start: go, check: {run: look}, on_host_lost: wait}
)"},
                                 {"go", "start"},
                                 {"look", "check"}});
  return type;
}

std::shared_ptr<const Type> frail_type() {
  static const auto type = read({{"type.yaml", R"(
type: frail
roles:
  app: {count: 1.., start: go, check: {run: look}, tries: 2}
)"},
                                 {"go", "start"},
                                 {"look", "check"}});
  return type;
}

std::shared_ptr<const Type> farm_type() {
  static const auto type = read({{"type.yaml", R"(
type: farm
attributes: {port: {kind: port, default: 80}}
roles:
  head: {count: 1, start: go, stop: halt, check: {run: look}}
  node:
    count: 0..
    after: [head]
    start: go
    stop: halt
    drain: {run: ask, every: 5s, deadline: 60s}
    metrics: {run: count, every: 10s}
    edges: {head: {join: add, leave: remove}}
)"},
                                 {"go", "start"},
                                 {"halt", "stop"},
                                 {"look", "check"},
                                 {"ask", "drain"},
                                 {"count", "metrics"},
                                 {"add", "join"},
                                 {"remove", "leave"}});
  return type;
}

std::shared_ptr<const Type> bell_type() {
  static const auto type = read({{"type.yaml", R"(
type: bell
roles:
  board: {count: 1}
  guest: {count: 0.., start: go, edges: {board: {join: add, leave: remove}}}
)"},
                                 {"go", "start"},
                                 {"add", "join"},
                                 {"remove", "leave"}});
  return type;
}

std::shared_ptr<const Type> talk_type() {
  static const auto type = read({{"type.yaml", R"(
type: talk
roles:
  source: {count: 1, start: go, outputs: {port: {}, token: {secret: true}}}
  listener: {count: 1.., after: [source], reads: [source], start: go}
  neighbour: {count: 0.., after: [source], start: go, outputs: {port: {}}}
)"},
                                 {"go", "start"}});
  return type;
}

std::shared_ptr<const Type> plain_type() {
  static const auto type = read({{"type.yaml", "type: plain\nroles:\n  vm: {count: 1..}\n"}});
  return type;
}

HostView& ToySite::add_host(const std::string& name, std::uint64_t memory_mib, int cpus) {
  HostView host;
  host.id = HostId{static_cast<std::uint32_t>(hosts_.size() + 1)};
  host.name = name;
  host.address = "192.168.0." + std::to_string(host.id.value);
  host.state = HostState::alive;
  host.inventory_known = true;
  host.memory_total_kib = host.memory_free_kib = memory_mib * 1024;
  host.cpus_total = host.cpus_free = cpus;
  host.images["vm.qcow2"] = "1";
  hosts_.push_back(host);
  return hosts_.back();
}

void ToySite::declare(std::shared_ptr<const Resource> resource, std::shared_ptr<const Type> type) {
  const std::string name = resource->name.value;
  if (const auto before = desired_.find(name); before != desired_.end()) {
    auto merged = std::make_shared<Resource>(*resource);
    std::set<std::string> taken;
    for (const auto& [role, slots] : merged->slots) {
      for (const Slot& slot : slots) taken.insert(slot.address);
    }
    keep_leaving(*before->second.resource, *merged, *type, taken);
    resource = std::move(merged);
  }
  desired_[name] = make_desired(std::move(resource), std::move(type), desired_[name].outputs);
}

void ToySite::forget(const std::string& resource) { desired_.erase(resource); }

void ToySite::retype(const std::string& resource, const std::map<std::string, std::string>& texts) {
  DesiredResource& desired = desired_.at(resource);
  auto files = desired.type->files;
  for (const auto& [script, text] : texts) files.at(script == "start" ? "go" : "look") = text;
  desired = make_desired(desired.resource, read(files), desired.outputs);
}

std::string ToySite::scale(const std::string& name,
                           const std::map<std::string, std::string>& roles) {
  DesiredResource& desired = desired_.at(name);
  std::map<std::string, int> wanted;
  for (const auto& [role, number] : roles) wanted[role] = std::stoi(number);
  auto resource = std::make_shared<Resource>(*desired.resource);
  std::string text;
  const Loads loads = loads_of(world(), ResourceName{name});
  for (const auto& mistake : cierzo::scale(*resource, *desired.type, wanted, loads))
    text += mistake + "\n";
  desired = make_desired(std::move(resource), desired.type, desired.outputs);
  return text;
}

void ToySite::forget_counts(const std::string& instance, const std::string& host_name_) {
  Observed& copy = this->copy(instance, host_name_);
  copy.resets = 0;
  for (auto& [role, seen] : copy.roles) {
    seen.start = {};
    seen.restarts = 0;
    seen.health = Health::unknown;
  }
}

std::uint64_t ToySite::memory_used(HostId id) const {
  std::uint64_t used = 0;
  for (const auto& [key, copy] : copies_) {
    const auto memory = memory_.find(key.first);
    if (copy.host == id && copy.presence == Presence::present && memory != memory_.end()) {
      used += memory->second;
    }
  }
  return used;
}

World ToySite::world() const {
  World world;
  for (const auto& [name, desired] : desired_) world.desired.push_back(desired);
  world.hosts = hosts_;
  for (HostView& host : world.hosts) {
    const std::uint64_t used = memory_used(host.id);
    host.memory_free_kib = host.memory_free_kib > used ? host.memory_free_kib - used : 0;
  }
  for (const auto& [key, copy] : copies_) {
    const HostView& host = hosts_.at(copy.host.value - 1);
    if (!host.inventory_known) continue;
    world.observed.push_back(copy);
    const bool sure = host.state == HostState::alive && host.hypervisor_answers;
    if (!sure && copy.presence == Presence::present) {
      world.observed.back().presence = Presence::unknown;
    }
  }
  world.unreadable = unreadable;
  world.breakers = breakers;
  world.recovered = recovered;
  world.in_flight = in_flight;
  world.images_awaited = images_awaited;
  world.brake_share = brake_share;
  world.starts_max = starts_max;
  world.now = now;
  return world;
}

HostView& ToySite::host(const std::string& name) {
  for (HostView& host : hosts_) {
    if (host.name == name) return host;
  }
  ADD_FAILURE() << "no host " << name;
  return hosts_.front();
}

std::string ToySite::host_name(HostId id) const { return hosts_.at(id.value - 1).name; }

Observed& ToySite::copy(const std::string& instance, const std::string& host_name_) {
  const HostId id = host(host_name_).id;
  Observed& copy = copies_[{instance, id.value}];
  copy.name.value = instance;
  copy.host = id;
  if (copy.presence == Presence::unknown) copy.presence = Presence::absent;
  return copy;
}

const Observed* ToySite::find(const std::string& instance, HostId host) const {
  const auto found = copies_.find({instance, host.value});
  return found == copies_.end() ? nullptr : &found->second;
}

void ToySite::erase(const std::string& instance, const std::string& host_name_) {
  copies_.erase({instance, host(host_name_).id.value});
}

Observed* ToySite::present(const InstanceName& name, HostId on) {
  const auto found = copies_.find({name.value, on.value});
  const bool is = found != copies_.end() && found->second.presence == Presence::present;
  return is ? &found->second : nullptr;
}

void ToySite::reboot_guest(Observed& copy) {
  copy.network_digest.clear();
  copy.guest_answers = guests_boot_at_once;
  copy.since = now;
  for (auto& [role, seen] : copy.roles) {
    seen.configured_digest.clear();
    seen.outputs.clear();
    seen.load.reset();
    seen.stopped_digest.clear();
    seen.draining = Draining::no;
    seen.health = Health::unknown;
    seen.failures = 0;
  }
  for (Joined& joined : copy.joined) joined.digest.clear();
}

void ToySite::heal() {
  for (auto& [key, copy] : copies_) {
    for (auto& [role, seen] : copy.roles) {
      if (seen.health == Health::failing) seen.health = Health::passing;
    }
  }
}

void ToySite::start(const StartVm& work, HostId on) {
  Observed& copy = this->copy(work.instance.name.value, host_name(on));
  if (broken_starts.count({work.instance.name.value, host_name(on)}) != 0) {
    ++copy.start.count;
    copy.start.last = now;
    copy.start.error = "no space left on device";
    return;
  }
  const bool had_disk = copy.overlay && !work.fresh_disk;
  Observed fresh;
  fresh.name = copy.name;
  fresh.host = on;
  if (had_disk) {  // its counts stay with its disk
    fresh.resets = copy.resets;
    fresh.fresh_disk = copy.fresh_disk;
    fresh.roles = copy.roles;
    fresh.joined = copy.joined;
  }
  fresh.fresh_disk = fresh.fresh_disk || work.fresh_disk;
  fresh.resource = work.instance.resource;
  fresh.presence = Presence::present;
  fresh.overlay = true;
  fresh.incarnation = {{term, HostId{1}}, ++sequence};
  fresh.spec_digest = work.instance.spec_digest;
  fresh.on_isolation = work.instance.on_isolation;
  fresh.disk = work.instance.disk;
  copy = fresh;
  memory_[work.instance.name.value] = work.instance.memory_kib;
  reboot_guest(copy);
}

void ToySite::stop(const InstanceName& name, const StopVm& work, HostId on) {
  Observed* copy = present(name, on);
  if (!copy || copy->incarnation != work.incarnation) return;
  copy->presence = Presence::absent;
  copy->guest_answers = false;
  copy->checks_digest.clear();
  if (work.remove_disk) copies_.erase({name.value, on.value});
}

void ToySite::run(const InstanceName& name, const RunScript& work, HostId on) {
  Observed* copy = present(name, on);
  if (!copy || copy->incarnation != work.incarnation) return;
  RoleObserved& role = copy->roles[work.role];
  if (work.kind == ScriptKind::join || work.kind == ScriptKind::leave) {
    return tell(*copy, work);
  }
  if (work.kind == ScriptKind::drain) {
    if (role.draining == Draining::no) role.drain_since = now;
    role.draining = Draining::asked;
    role.configured_digest.clear();
  }
  if (broken_scripts.count({name.value, work.role.value}) != 0) {
    Failure& failure = work.kind == ScriptKind::start  ? role.start
                       : work.kind == ScriptKind::stop ? role.stop
                                                       : role.drain;
    ++failure.count;
    failure.last = now;
    failure.error = "line one\nport 80 is in use";
    return;
  }
  if (work.kind == ScriptKind::drain) {
    role.draining = Draining::done;
    role.drain = {};
    return;
  }
  if (work.kind == ScriptKind::stop) {
    role.stopped_digest = work.input.digest;
    role.draining = Draining::no;
    return;
  }
  role.draining = Draining::no;
  role.drain = {};
  if (role.health == Health::failing) {
    ++role.restarts;
    role.last_restart = now;
  }
  role.outputs = says[{name, work.role}];
  role.start = {};
  role.configured_digest = work.input.digest;
  role.stopped_digest.clear();
  const bool is_sick = sick.count({name.value, work.role.value}) != 0;
  role.health = is_sick ? Health::failing : Health::passing;
  role.failures = is_sick ? 3 : 0;
  role.error = is_sick ? "connection refused" : "";
  if (!is_sick) {
    role.restarts = 0;
    copy->resets = 0;
  }
}

void ToySite::tell(Observed& copy, const RunScript& work) const {
  const auto same = [&](const Joined& one) {
    return one.on == work.role && one.member.same_as(work.member);
  };
  auto known = std::find_if(copy.joined.begin(), copy.joined.end(), same);
  if (known == copy.joined.end()) {
    known = copy.joined.insert(known, {work.role, work.member, {}, {}});
  }
  if (broken_scripts.count({copy.name.value, std::string(to_string(work.kind))}) != 0) {
    known->failure = {known->failure.count + 1, now, "line one\nno such queue"};
  } else if (work.kind == ScriptKind::leave) {
    copy.joined.erase(known);
  } else {
    *known = {work.role, work.member, work.input.digest, {}};
  }
}

void ToySite::store(const Plan& plan) {
  for (const Breaker& breaker : plan.opened) breakers[{breaker.instance, breaker.role}] = breaker;
  for (const BreakerKey& key : plan.closed) breakers.erase(key);
  std::map<std::string, std::map<RoleKey, Outputs>> kept;
  for (const Said& said : plan.said) kept[said.resource.value][said.key] = said.outputs;
  for (auto& [resource, now_said] : kept) {
    DesiredResource& desired = desired_.at(resource);
    now_said.insert(desired.outputs.begin(), desired.outputs.end());
    desired = make_desired(desired.resource, desired.type, now_said);
  }
  for (const RoleKey& key : plan.unsaid) {
    for (auto& [name, desired] : desired_) {
      std::map<RoleKey, Outputs> left = desired.outputs;
      if (left.erase(key) != 0) desired = make_desired(desired.resource, desired.type, left);
    }
  }
}

void ToySite::perform(const Action& action) {
  const InstanceName& name = action.instance;
  Observed* copy = present(name, action.on);
  if (const auto* start_vm = std::get_if<StartVm>(&action.work))
    start(*start_vm, action.on);
  else if (const auto* stop_vm = std::get_if<StopVm>(&action.work))
    stop(name, *stop_vm, action.on);
  else if (const auto* script = std::get_if<RunScript>(&action.work))
    run(name, *script, action.on);
  else if (std::get_if<RemoveDisk>(&action.work)) {
    if (!copy) copies_.erase({name.value, action.on.value});
  } else if (!copy) {
    return;
  } else if (std::get_if<ResetVm>(&action.work)) {
    ++copy->resets;
    reboot_guest(*copy);
  } else if (std::get_if<Resume>(&action.work)) {
    copy->run = RunState::running;
    copy->incarnation = {{term, HostId{1}}, ++sequence};
  } else if (const auto* configure = std::get_if<Configure>(&action.work)) {
    copy->network_digest = configure->digest;
  } else if (const auto* attend = std::get_if<Attend>(&action.work)) {
    copy->checks_digest = attend->digest;
  } else if (const auto* forget = std::get_if<ForgetFailures>(&action.work)) {
    copy->roles[forget->role].start = {};
    copy->roles[forget->role].restarts = 0;
    const auto counts = [](const auto& role) { return role.second.restarts > 0; };
    if (std::none_of(copy->roles.begin(), copy->roles.end(), counts)) copy->resets = 0;
  }
}

}  // namespace cierzo::test
