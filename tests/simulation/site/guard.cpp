#include "tests/simulation/site/guard.hpp"

#include <algorithm>

namespace cierzo::simulation {

void SimulatedGuard::boot() {
  wishes_ = {};
  memory_ = {};
  slots_.clear();
  processes_.clear();
  complete_ = false;
  ++era_;
  start();
}

void SimulatedGuard::kill() {
  running_ = false;
  ++looks_;
  pending_ = Time::max();
}

void SimulatedGuard::start() {
  running_ = true;
  look();
}

void SimulatedGuard::beat(Time now) {
  if (running_ || wishes_.deadline == guard::stood_down || wishes_.deadline > now) return;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (processes_[i].ignore) continue;
    hypervisor_.set_stopped(slots_[i].name, slots_[i].process, true);
    if (processes_[i].stopped_under != 0) continue;
    processes_[i].stopped_under = ++memory_.generation;  // As the next guard would find it.
    ++changes_;
  }
}

std::string SimulatedGuard::error(Time) const { return running_ ? "" : "its guard does not run"; }

Time SimulatedGuard::deadline() const {
  return wishes_.deadline == guard::stood_down ? Time{} : wishes_.deadline;
}

void SimulatedGuard::set_deadline(Time deadline, Time now) {
  if (wishes_.deadline <= now) ++wishes_.late;
  wishes_.deadline = deadline;
  look_at(now);
}

void SimulatedGuard::set_lengths(Duration permit, Duration destroy_after) {
  wishes_.permit = permit;
  wishes_.destroy_after = destroy_after;
}

void SimulatedGuard::stand_down() {
  wishes_.deadline = guard::stood_down;
  look_at(Time{});
}

std::size_t SimulatedGuard::find(const InstanceName& name) const {
  const auto found = std::find_if(slots_.begin(), slots_.end(),
                                  [&](const Slot& slot) { return slot.name == name; });
  return static_cast<std::size_t>(found - slots_.begin());
}

guard::Generation SimulatedGuard::stopped_under(const InstanceName& name) const {
  const std::size_t which = find(name);
  if (which == slots_.size()) return 0;
  const auto domains = hypervisor_.domains();
  const auto domain = domains.find(name);
  const bool lives = domain != domains.end() && domain->second.process == slots_[which].process;
  return lives ? processes_[which].stopped_under : 0;
}

void SimulatedGuard::forget_ended() {
  const auto domains = hypervisor_.domains();
  for (std::size_t i = slots_.size(); i-- > 0;) {
    const auto domain = domains.find(slots_[i].name);
    if (domain != domains.end() && domain->second.process == slots_[i].process) continue;
    slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(i));
    processes_.erase(processes_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

Outcome SimulatedGuard::manage(const ManagedDomain& domain) {
  if (!running_) return {FailureKind::unreachable, "the guard does not answer"};
  forget_ended();
  if (find(domain.name) == slots_.size()) {
    slots_.push_back({domain.name, domain.process});
    guard::Process process;
    process.ignore = domain.ignore;
    process.shared = domain.shared;
    processes_.push_back(process);
    look();
  }
  return {};
}

Outcome SimulatedGuard::go_on(const InstanceName& name, guard::Generation generation) {
  if (!running_) return {FailureKind::unreachable, "the guard does not answer"};
  forget_ended();
  const std::size_t which = find(name);
  if (which == slots_.size()) return {FailureKind::not_found, "the guard does not hold it"};
  if (processes_[which].stopped_under == 0) return {};
  processes_[which].continue_under = generation;
  look();
  if (processes_[which].stopped_under == 0) return {};
  return {FailureKind::other, "the guard refuses: the permit has ended, or ended again since"};
}

// At `clock`, as this host reads it, and a little later: it is a process like others.
void SimulatedGuard::look_at(Time clock) {
  if (!running_ || clock == Time::max()) return;
  const Duration until = std::max(clock - machine_.clock.read(timeline_.now()), Duration::zero());
  const Time at =
      timeline_.now() + machine_.clock.true_length(until) + random_.between(delay_.min, delay_.max);
  if (pending_ <= at) return;
  pending_ = at;
  timeline_.at(at, host_, [this, number = ++looks_] {
    if (number != looks_) return;
    pending_ = Time::max();
    if (!machine_.frozen) return look();
    // It thaws with the others, and they may be faster.
    machine_.waiting.push_back([this] { look_at(Time{}); });
  });
}

void SimulatedGuard::look() {
  if (!running_) return;
  guard::Look seen;
  do {
    seen =
        guard::look(wishes_, machine_.clock.read(timeline_.now()), memory_, processes_, mutations_);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      using Order = guard::Process::Order;
      const Order order = processes_[i].order;
      if (order != Order::none) ++changes_;
      const auto& [name, process] = slots_[i];
      if (order == Order::kill) hypervisor_.kill(name, process);
      if (order == Order::stop) hypervisor_.set_stopped(name, process, true);
      if (order == Order::go_on) hypervisor_.set_stopped(name, process, false);
    }
  } while (seen.again);
  ++looks_;
  pending_ = Time::max();
  look_at(seen.next);
}

}  // namespace cierzo::simulation
