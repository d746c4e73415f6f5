#include "resources/providers/simulated.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "resources/providers/guest_agent.hpp"

namespace cierzo {

using What = DomainEvent::What;

// Around every call: the mutex, what is due, a failure that was ordered; and the events afterwards,
// when the listener may call back.
class SimulatedProvider::Call {
 public:
  Call(SimulatedProvider& provider, const std::string& call, const std::string& about)
      : provider_(provider), lock_(provider.mutex_) {
    provider_.settle();
    if (call.empty()) return;  // Something that befalls the host.
    if (!provider_.hypervisor_answers_) {
      failure_ = {FailureKind::unreachable, "there is no connection to libvirtd"};
      return;
    }
    provider_.calls_.push_back(about.empty() ? call : call + " " + about);
    auto& ordered = provider_.failures_[call];
    if (ordered.empty()) return;
    failure_ = ordered.front();
    ordered.erase(ordered.begin());
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    const auto events = std::exchange(provider_.events_, {});
    const auto listener = provider_.listener_;
    lock_.unlock();
    if (!listener) return;
    for (const auto& event : events) listener(event);
  }
  [[nodiscard]] bool failed() const { return !failure_.ok(); }
  [[nodiscard]] const Outcome& failure() const { return failure_; }

 private:
  SimulatedProvider& provider_;
  std::unique_lock<std::mutex> lock_;
  Outcome failure_;
};

SimulatedProvider::SimulatedProvider(SimulatedConfig config, std::function<Time()> now)
    : config_(std::move(config)), now_(std::move(now)), images_(config_.images) {}

// ---- Time

void SimulatedProvider::settle() {
  const Time now = now_();
  for (auto at = domains_.begin(); at != domains_.end();) {
    auto& [name, domain] = *at;
    if (domain.stopped) {
      ++at;
      continue;
    }
    for (auto& [pid, command] : domain.guest.commands) {
      if (!command.ended && command.ends <= now) end_command(domain.guest, command);
    }
    if (!domain.connected && domain.answers_from && *domain.answers_from <= now) {
      domain.connected = true;
      remember(What::guest_connected, name);
    }
    if (domain.gone_at && *domain.gone_at <= now) {
      remember(What::stopped, name);
      at = domains_.erase(at);
    } else {
      ++at;
    }
  }
}

void SimulatedProvider::boot(Domain& domain) {
  domain.guest = {};
  domain.guest.boot = "boot-" + std::to_string(++boots_);
  domain.guest.booted = now_();
  domain.connected = false;
  domain.answers_from = now_() + config_.boot;
}

void SimulatedProvider::end_command(Guest& guest, Command& command) {
  command.ended = true;
  const auto& [kind, role, digest, member] = command.purpose;
  using Kind = ScriptPurpose::Kind;
  const std::string up = std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(now_() - guest.booted).count());
  if (kind == Kind::drain && !guest.facts[role].starts_with("drain")) {
    guest.facts[role] = "drain " + role.value + " " + up;
  }
  if (command.result.exit_code != 0) return;
  switch (kind) {
    case Kind::configure:
      guest.network_digest = digest;
      break;
    case Kind::start:
      guest.facts[role] = "start " + role.value + " " + digest;
      guest.outputs[role] = command.result.output;
      break;
    case Kind::stop:
      guest.facts[role] = "stop " + role.value + " " + digest;
      break;
    case Kind::drain: {
      std::string& fact = guest.facts[role];
      if (!fact.starts_with("drained ")) fact.insert(5, "ed");
      break;
    }
    case Kind::join:
      guest.joined[{role, member.name, member.role}] = digest + " " + member.name.value + " " +
                                                       member.role.value + " " + member.address +
                                                       " " + std::to_string(member.index);
      break;
    case Kind::leave:
      guest.joined.erase({role, member.name, member.role});
      break;
    case Kind::probe: {
      std::string text = "up " + up + "\n";
      for (const auto& [who, rest] : guest.joined) {
        text += "member " + std::get<0>(who).value + " " + rest + "\n";
      }
      for (const auto& [of, fact] : guest.facts) {
        text += fact + "\n";
        std::istringstream said(fact.starts_with("start ") ? guest.outputs[of] : "");
        for (std::string line; std::getline(said, line);) {
          text += "output " + of.value + " " + line + "\n";
        }
      }
      if (!guest.network_digest.empty()) text += "network " + guest.network_digest + "\n";
      command.result.output = text + "boot " + guest.boot + "\n";
      break;
    }
    case Kind::check:
    case Kind::metrics:
    case Kind::other:
      break;
  }
}

void SimulatedProvider::remember(What what, const InstanceName& name,
                                 const Incarnation& incarnation) {
  ++changes_;
  events_.push_back({what, name, incarnation});
}

// ---- Looking

SimulatedProvider::Domain* SimulatedProvider::find(const InstanceName& name) {
  const auto found = domains_.find(name);
  return found == domains_.end() ? nullptr : &found->second;
}

SimulatedProvider::Domain* SimulatedProvider::find(const InstanceName& name,
                                                   const Incarnation& incarnation,
                                                   Outcome& outcome) {
  Domain* const domain = find(name);
  if (domain != nullptr && domain->metadata.incarnation == incarnation) return domain;
  outcome = {FailureKind::not_found, "there is no domain " + name.value + " of that incarnation"};
  return nullptr;
}

bool SimulatedProvider::answers(const InstanceName& name, const Domain& domain) const {
  const auto faults = faults_.find(name);
  const bool silent = faults != faults_.end() && faults->second.silent;
  return domain.connected && !domain.paused && !domain.stopped && !silent;
}

Survey SimulatedProvider::survey() {
  const Call call(*this, "survey", {});
  Survey survey;
  survey.outcome = call.failure();
  for (const auto& [name, overlay] : overlays_) survey.overlays.push_back(name);
  survey.disks_known = true;
  if (call.failed()) return survey;
  survey.images = images_;
  survey.memory_total_kib = config_.memory_total_kib;
  survey.cpus_total = config_.cpus_total;
  survey.memory_used_kib = foreign_memory_kib_;
  survey.cpus_used = foreign_vcpus_;
  for (const auto& [name, domain] : domains_) {
    const auto run = domain.gone_at  ? RunState::stopping
                     : domain.paused ? RunState::paused
                                     : RunState::running;
    survey.domains.push_back(
        {domain.metadata, run, domain.memory_kib, domain.vcpus, domain.process});
    survey.memory_used_kib += domain.memory_kib;
    survey.cpus_used += domain.vcpus;
  }
  return survey;
}

bool SimulatedProvider::has_image(const std::string& path) {
  const Call call(*this, "", {});
  return !path.empty() && path.front() == '/' && images_.count(path) != 0;
}

// ---- Domains

Outcome SimulatedProvider::create(const StartVm& start) {
  const auto& instance = start.instance;
  const Call call(*this, "create", instance.name.value);
  if (call.failed()) return call.failure();
  if (find(instance.name) != nullptr || names_taken_.contains(instance.name)) {
    return {FailureKind::already_exists, "there is a domain " + instance.name.value + " already"};
  }
  if (images_.count(instance.image) == 0) {
    return {FailureKind::not_found, "there is no image " + instance.image};
  }
  bool fresh = start.fresh_disk;
  if (instance.disk == Disk::local) {
    const auto overlay = overlays_.find(instance.name);
    // An overlay of another image cannot be used with this one.
    fresh = fresh || (overlay != overlays_.end() && overlay->second.image != instance.image);
    if (fresh || overlay == overlays_.end()) {
      if (disk_full_) return {FailureKind::other, "no space is left for the disk"};
      overlays_[instance.name] = {instance.image, ++disks_made_, fresh};
    }
    fresh = overlays_.at(instance.name).fresh;
  }
  Domain domain;
  domain.metadata = {
      instance.name,        start.instance.resource, instance.roles, start.incarnation,
      instance.spec_digest, instance.on_isolation,   instance.disk,  fresh};
  domain.memory_kib = instance.memory_kib;
  domain.vcpus = instance.vcpus;
  domain.process.pid = next_process_++;
  domains_[instance.name] = std::move(domain);
  remember(What::started, instance.name);
  return {};
}

Outcome SimulatedProvider::find_process(const InstanceName& name, const Incarnation& incarnation,
                                        HypervisorProcess& found) {
  const Call call(*this, "find_process", name.value);
  if (call.failed()) return call.failure();
  Outcome outcome;
  if (const Domain* const domain = find(name, incarnation, outcome)) found = domain->process;
  return outcome;
}

// What a stopped process is asked waits in its socket: it happens once the process goes on.
Outcome SimulatedProvider::run(const InstanceName& name, const Incarnation& incarnation) {
  const Call call(*this, "run", name.value);
  if (call.failed()) return call.failure();
  Outcome outcome;
  if (Domain* const domain = find(name, incarnation, outcome); domain != nullptr) {
    if (!domain->answers_from) boot(*domain);
    if (std::exchange(domain->paused, false)) remember(What::resumed, name);
    if (domain->stopped) outcome = {FailureKind::timeout, "its process does not answer"};
  }
  return outcome;
}

Outcome SimulatedProvider::renew(const InstanceName& name, const Resume& resume) {
  const Call call(*this, "renew", name.value);
  if (call.failed()) return call.failure();
  Outcome outcome;
  Domain* domain = find(name);
  const bool renewed = domain != nullptr && domain->metadata.incarnation == resume.incarnation;
  if (!renewed) domain = find(name, resume.paused, outcome);
  if (domain == nullptr) return outcome;
  domain->metadata.incarnation = resume.incarnation;
  ++changes_;
  return {};
}

Outcome SimulatedProvider::set_guest_clock(const InstanceName& name) {
  const Call call(*this, "set_guest_clock", name.value);
  if (call.failed()) return call.failure();
  const Domain* const domain = find(name);
  if (domain != nullptr && answers(name, *domain)) return {};
  return {FailureKind::unreachable, "the guest agent of " + name.value + " does not answer"};
}

Outcome SimulatedProvider::shutdown(const InstanceName& name, const Incarnation& incarnation) {
  const Call call(*this, "shutdown", name.value);
  if (call.failed()) return call.failure();
  Outcome outcome;
  Domain* const domain = find(name, incarnation, outcome);
  if (domain != nullptr && domain->stopped) {
    return {FailureKind::timeout, "its process does not answer"};
  }
  if (domain != nullptr && !domain->paused && !domain->gone_at && !faults_[name].ignores_shutdown) {
    domain->gone_at = now_() + config_.shutdown;
  }
  return outcome;
}

Outcome SimulatedProvider::destroy(const InstanceName& name, const Incarnation& incarnation) {
  const Call call(*this, "destroy", name.value);
  if (call.failed()) return call.failure();
  Outcome nobody;  // A domain that is not there is success.
  if (find(name, incarnation, nobody) == nullptr) return {};
  domains_.erase(name);
  remember(What::stopped, name);
  return {};
}

Outcome SimulatedProvider::reset(const InstanceName& name, const Incarnation& incarnation) {
  const Call call(*this, "reset", name.value);
  if (call.failed()) return call.failure();
  Outcome outcome;
  if (Domain* const domain = find(name, incarnation, outcome); domain != nullptr) boot(*domain);
  return outcome;
}

Outcome SimulatedProvider::remove_disk(const InstanceName& name) {
  const Call call(*this, "remove_disk", name.value);
  if (call.failed()) return call.failure();
  if (find(name) != nullptr) {
    return {FailureKind::already_exists, "the domain " + name.value + " still exists"};
  }
  if (overlays_.erase(name) > 0) ++changes_;
  return {};
}

// ---- Guests

bool SimulatedProvider::guest_answers(const InstanceName& name) {
  const Call call(*this, "guest_answers", name.value);
  const Domain* const domain = find(name);
  return !call.failed() && domain != nullptr && answers(name, *domain);
}

ScriptResult SimulatedProvider::result_of(const InstanceName& name,
                                          const ScriptPurpose& purpose) const {
  for (const auto& who : {name, InstanceName{}}) {
    const auto found = scripts_.find({who, purpose.kind, purpose.role});
    if (found != scripts_.end()) return found->second;
  }
  return {};
}

Outcome SimulatedProvider::guest_start(const InstanceName& name, const GuestCommand& command,
                                       GuestHandle& handle) {
  const Call call(*this, "guest_start", name.value + " " + command.log);
  if (call.failed()) return call.failure();
  Domain* const domain = find(name);
  if (domain == nullptr) return {FailureKind::not_found, "there is no domain " + name.value};
  if (const auto mistake = command_mistake(command)) return {FailureKind::other, *mistake};
  if (!answers(name, *domain)) {
    return {FailureKind::unreachable, "the guest agent of " + name.value + " does not answer"};
  }
  Command started{command, script_purpose(command.script), {}, {}, false};
  started.result = result_of(name, started.purpose);
  if (started.result.takes > command.timeout) {
    started.result.takes = command.timeout;
    started.result.exit_code = 137;
  }
  started.ends = now_() + started.result.takes;
  handle = {next_pid_++, {}, command.log.empty()};
  domain->guest.commands.emplace(handle.pid, std::move(started));
  return {};
}

GuestProgress SimulatedProvider::guest_progress(const InstanceName& name,
                                                const GuestHandle& handle) {
  const Call call(*this, "guest_progress", name.value);
  GuestProgress progress;
  progress.outcome = call.failure();
  if (call.failed()) return progress;
  Domain* const domain = find(name);
  if (domain != nullptr && !answers(name, *domain)) {
    progress.outcome = {FailureKind::unreachable, "the guest agent does not answer"};
    return progress;
  }
  if (domain == nullptr || domain->guest.commands.count(handle.pid) == 0) {
    progress.outcome = {FailureKind::not_found, "the guest knows nothing of this command"};
    return progress;
  }
  const Command& command = domain->guest.commands.at(handle.pid);
  if (!command.ended) return progress;
  progress.finished = true;
  progress.exit_code = command.result.exit_code;
  progress.last_lines = last_lines(command.result.output, handle.whole);
  domain->guest.commands.erase(handle.pid);  // The guest agent, too, says it once.
  return progress;
}

void SimulatedProvider::listen(std::function<void(DomainEvent)> listener) {
  const Call call(*this, "", {});
  listener_ = std::move(listener);
}

// ---- What befalls the host

void SimulatedProvider::tick() { const Call call(*this, "", {}); }

void SimulatedProvider::fail_next(const std::string& name, Outcome outcome, int times) {
  const Call call(*this, "", {});
  for (int i = 0; i < times; ++i) failures_[name].push_back(outcome);
}

void SimulatedProvider::forget_failures() {
  const Call call(*this, "", {});
  failures_.clear();
}

void SimulatedProvider::set_hypervisor_answers(bool is) {
  const Call call(*this, "", {});
  if (std::exchange(hypervisor_answers_, is) == is) return;
  remember(is ? What::hypervisor_back : What::hypervisor_gone, {});
}

void SimulatedProvider::set_disk_full(bool is) {
  const Call call(*this, "", {});
  disk_full_ = is;
}

void SimulatedProvider::lose_disks() {
  const Call call(*this, "", {});
  overlays_.clear();
  ++changes_;
}

void SimulatedProvider::lose_power() {
  const Call call(*this, "", {});
  ++changes_;
  domains_.clear();
  faults_.clear();
  foreign_memory_kib_ = 0;
  foreign_vcpus_ = 0;
}

void SimulatedProvider::set_images(std::map<std::string, std::string> images) {
  const Call call(*this, "", {});
  images_ = std::move(images);
}

void SimulatedProvider::add_foreign_domain(std::uint64_t memory_kib, int vcpus) {
  const Call call(*this, "", {});
  foreign_memory_kib_ += memory_kib;
  foreign_vcpus_ += vcpus;
}

void SimulatedProvider::set_name_taken(const InstanceName& name, bool is) {
  const Call call(*this, "", {});
  if (is) names_taken_.insert(name);
  if (!is) names_taken_.erase(name);
}

void SimulatedProvider::crash(const InstanceName& name) {
  const Call call(*this, "", {});
  const Domain* const domain = find(name);
  if (domain == nullptr) return;
  remember(What::died, name, domain->metadata.incarnation);
  domains_.erase(name);
}

void SimulatedProvider::pause(const InstanceName& name) {
  const Call call(*this, "", {});
  Domain* const domain = find(name);
  if (domain != nullptr && !std::exchange(domain->paused, true)) remember(What::paused, name);
}

void SimulatedProvider::set_stopped(const InstanceName& name, const HypervisorProcess& process,
                                    bool is) {
  const Call call(*this, "", {});
  Domain* const domain = find(name);
  if (domain == nullptr || domain->process != process) return;
  // The hypervisor's daemon does not notice: no event.
  if (std::exchange(domain->stopped, is) != is) ++changes_;
}

void SimulatedProvider::kill(const InstanceName& name, const HypervisorProcess& process) {
  const Call call(*this, "", {});
  const Domain* const domain = find(name);
  if (domain == nullptr || domain->process != process) return;
  remember(What::died, name, domain->metadata.incarnation);
  domains_.erase(name);
}

void SimulatedProvider::reboot_guest(const InstanceName& name) {
  const Call call(*this, "", {});
  Domain* const domain = find(name);
  if (domain == nullptr) return;
  if (domain->connected) remember(What::guest_gone, name);
  boot(*domain);
}

void SimulatedProvider::set_guest_silent(const InstanceName& name, bool is) {
  const Call call(*this, "", {});
  faults_[name].silent = is;
}

void SimulatedProvider::set_ignores_shutdown(const InstanceName& name, bool is) {
  const Call call(*this, "", {});
  faults_[name].ignores_shutdown = is;
}

void SimulatedProvider::set_script(const InstanceName& name, ScriptPurpose::Kind kind,
                                   const RoleName& role, ScriptResult result) {
  const Call call(*this, "", {});
  scripts_[{name, kind, role}] = std::move(result);
}

std::vector<std::string> SimulatedProvider::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::map<InstanceName, SimulatedProvider::Copy> SimulatedProvider::domains() const {
  const std::lock_guard lock(mutex_);
  const Time now = now_();
  std::map<InstanceName, Copy> copies;
  for (const auto& [name, domain] : domains_) {
    if (domain.gone_at && *domain.gone_at <= now && !domain.stopped) continue;
    const auto overlay = overlays_.find(name);
    copies[name] = {domain.metadata.incarnation, domain.process, !domain.paused && !domain.stopped,
                    domain.metadata.fresh_disk,
                    overlay == overlays_.end() ? 0 : overlay->second.number};
  }
  return copies;
}

std::map<InstanceName, std::uint64_t> SimulatedProvider::overlays() const {
  const std::lock_guard lock(mutex_);
  std::map<InstanceName, std::uint64_t> numbers;
  for (const auto& [name, overlay] : overlays_) numbers[name] = overlay.number;
  return numbers;
}

std::uint64_t SimulatedProvider::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

}  // namespace cierzo
