#include "resources/world_index.hpp"

#include <algorithm>
#include <tuple>

namespace cierzo {
namespace {

constexpr std::size_t npos = ObservedByName::npos;

std::string wait_for_proof(const HostView& lost, OnIsolation on_isolation) {
  return on_isolation == OnIsolation::ignore
             ? "host " + lost.name + " is lost without proof that it is off, and this VM runs on " +
                   "when isolated; bring the host back, or say that it is really down " +
                   "(agentctl confirm-lost " + lost.name + ")"
             : "host " + lost.name + " is lost but may not have let go of its shared disk yet";
}

std::string why_silent(const HostView& host) {
  if (host.proof_due != Time{}) {
    return "host " + host.name + " is silent and its guard did not run: only proof tells that it " +
           "is down (agentctl confirm-lost " + host.name + ")";
  }
  if (host.unjoined) {
    return "host " + host.name + " has not joined the recovered site (see agentctl hosts)";
  }
  if (host.state == HostState::suspect) return "host " + host.name + " is suspect, not yet lost";
  const std::string why = host.hypervisor_error.empty() ? "" : ": " + host.hypervisor_error;
  if (!host.hypervisor_answers || !why.empty()) {
    return "the hypervisor of host " + host.name + " does not answer" + why;
  }
  return "host " + host.name + " has not reported yet";
}

std::string held_with(const char* what, const HostView& host) {
  return "host " + host.name + " is held with " + what + ", and will bring it back";
}

bool newer(const Observed* a, const Observed* b) {
  if (a->incarnation != b->incarnation) return a->incarnation > b->incarnation;
  return a->host < b->host;
}

}  // namespace

bool may_run_on(const HostView& lost, OnIsolation on_isolation, Disk disk) {
  switch (lost.lost_proof) {
    case LostProof::proven:
      return false;
    case LostProof::disks_released:
      return on_isolation == OnIsolation::ignore;
    case LostProof::permit_ended:
      return on_isolation == OnIsolation::ignore || disk == Disk::shared;
  }
  return true;
}

ObservedByName::ObservedByName(const std::vector<Observed>& observed)
    : observed_(observed), next_(observed.size(), npos) {
  std::size_t size = 16;
  while (size < 2 * observed.size()) size *= 2;
  slots_.resize(size);
  for (std::size_t i = observed.size(); i-- > 0;) {
    const std::string_view name = observed[i].name.value;
    const std::size_t hash = std::hash<std::string_view>{}(name);
    Slot& slot = slots_[find(name, hash)];
    if (slot.first != empty) next_[i] = slot.first;
    slot = {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(i)};
  }
}

// The name's slot, or the empty one where it belongs.
std::size_t ObservedByName::find(std::string_view name, std::size_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  for (; slots_[at].first != empty; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.hash == static_cast<std::uint32_t>(hash) && observed_[slot.first].name.value == name) {
      break;
    }
  }
  return at;
}

std::size_t ObservedByName::first(std::string_view name) const {
  const Slot& slot = slots_[find(name, std::hash<std::string_view>{}(name))];
  return slot.first == empty ? npos : slot.first;
}

WorldIndex::WorldIndex(const World& world) : world_(world), by_name_(world.observed) {
  hosts_.reserve(world.hosts.size());
  for (const HostView& host : world.hosts) {
    hosts_.emplace(host.id.value, &host);
    for (const InstanceName& name : host.held_instances) {
      if (host.state == HostState::held) held_.emplace(name.value, &host);
    }
    if (host.inventory_known || host.state == HostState::held) continue;
    (host.state == HostState::lost ? silent_lost_ : silent_).push_back(&host);
  }
  declared_.resize(world.observed.size());
  for (const DesiredResource& desired : world.desired) {
    offsets_.push_back(first_of_.size());
    for (const Instance& instance : desired.instances) {
      const std::size_t first = by_name_.first(instance.name.value);
      first_of_.push_back(first);
      if (first != npos) declared_[first] = true;
    }
  }
  for (const InFlight& command : world.in_flight) {
    const HostView* on = host(command.action.on);
    if (!on) continue;
    if (on->state == HostState::lost) {
      const auto* start = std::get_if<StartVm>(&command.action.work);
      if (!start || !may_run_on(*on, start->instance.on_isolation, start->instance.disk)) continue;
    }
    in_flight_.emplace(command.action.instance.value, &command);
  }
}

const HostView* WorldIndex::host(HostId id) const {
  const auto found = hosts_.find(id.value);
  return found == hosts_.end() ? nullptr : found->second;
}

std::string WorldIndex::host_name(HostId id) const {
  const HostView* found = host(id);
  return found ? found->name : "host " + std::to_string(id.value);
}

std::vector<const Observed*> WorldIndex::undeclared() const {
  std::vector<const Observed*> all;
  by_name_.for_each([&](std::size_t first) {
    if (declared_[first]) return;
    for (std::size_t i = first; i != npos; i = by_name_.next(i)) {
      all.push_back(&world_.observed[i]);
    }
  });
  std::sort(all.begin(), all.end(), [](const Observed* a, const Observed* b) {
    return std::tie(a->name, a->host) < std::tie(b->name, b->host);
  });
  return all;
}

const Observed* WorldIndex::may_run(const InstanceName& name) const {
  for (std::size_t i = by_name_.first(name.value); i != npos; i = by_name_.next(i)) {
    const Observed& seen = world_.observed[i];
    const HostView* on = host(seen.host);
    if (seen.presence != Presence::absent && on && on->state != HostState::lost) return &seen;
  }
  return nullptr;
}

const InFlight* WorldIndex::in_flight(const InstanceName& name) const {
  const auto found = in_flight_.find(name.value);
  return found == in_flight_.end() ? nullptr : found->second;
}

bool WorldIndex::answers(const HostView& host) {
  return host.state == HostState::alive && host.inventory_known && host.hypervisor_answers;
}

void WorldIndex::add_copy(const Observed& seen, const Instance& instance, Copies& copies) const {
  const HostView* on = host(seen.host);
  if (!on) return;  // no host of the site any more: an administrator has removed it
  if (on->state == HostState::lost) {
    if (seen.presence == Presence::absent && !seen.overlay) return;
    const bool ran = seen.presence != Presence::absent;
    if (ran && may_run_on(*on, seen.on_isolation, seen.disk)) {
      copies.unknown = wait_for_proof(*on, seen.on_isolation);
      copies.unproven = on;
    }
    copies.lost = on;
    copies.lost_seen = true;
    copies.lost_unconfirmed = copies.lost_unconfirmed || !on->confirmed_lost;
  } else if (on->state == HostState::held) {
    // Its disk counts like a VM: started elsewhere meanwhile it would get a blank one, and this one
    // would be removed as stale when the host is back.
    if (seen.presence != Presence::absent) {
      copies.unknown = held_with("it", *on);
    } else if (seen.overlay && instance.disk == Disk::local) {
      copies.unknown = held_with("its disk", *on);
    }
  } else if (!answers(*on)) {
    copies.unknown = why_silent(*on);
    if (on->proof_due != Time{}) copies.unproven = on;
  } else if (seen.presence == Presence::unknown) {
    copies.unknown = "host " + on->name + " does not know whether it runs";
  } else {
    copies.tried.push_back(&seen);
    if (seen.presence == Presence::present)
      copies.live.push_back(&seen);
    else if (seen.overlay && instance.disk == Disk::local)
      copies.disks.push_back(&seen);
  }
}

void WorldIndex::look_at_silent_hosts(const Instance& instance, Copies& copies) const {
  if (!silent_.empty()) copies.unknown = why_silent(*silent_.front()) + ": it may run there";
  for (const HostView* silent : silent_) {
    if (silent->proof_due != Time{}) copies.unproven = silent;
  }
  if (const auto held = held_.find(instance.name.value); held != held_.end()) {
    copies.unknown = held_with("it", *held->second);
  }
  for (const HostView* lost : silent_lost_) {
    if (!copies.lost) copies.lost = lost;
    copies.lost_unconfirmed = copies.lost_unconfirmed || !lost->confirmed_lost;
    if (may_run_on(*lost, instance.on_isolation, instance.disk)) {
      copies.unknown = wait_for_proof(*lost, instance.on_isolation);
      copies.unproven = lost;
    }
  }
}

Copies WorldIndex::copies(std::size_t resource, std::size_t which) const {
  const Instance& instance = world_.desired[resource].instances[which];
  Copies copies;
  look_at_silent_hosts(instance, copies);
  const std::size_t first = first_of_[offsets_[resource] + which];
  if (first == npos) return copies;
  if (!by_name_.has_next(first)) {  // nearly always
    add_copy(world_.observed[first], instance, copies);
    copies.newest_is_live = !copies.live.empty();
    return copies;
  }
  // Of several the order in which hosts were heard must not matter.
  std::vector<const Observed*> all;
  for (std::size_t i = first; i != npos; i = by_name_.next(i)) all.push_back(&world_.observed[i]);
  std::sort(all.begin(), all.end(),
            [](const Observed* a, const Observed* b) { return a->host < b->host; });
  for (const Observed* seen : all) add_copy(*seen, instance, copies);
  if (copies.live.size() > 1) std::sort(copies.live.begin(), copies.live.end(), newer);
  if (copies.disks.size() > 1) std::sort(copies.disks.begin(), copies.disks.end(), newer);
  if (copies.live.empty()) return copies;
  const auto hides_a_newer_one = [&](const Observed* seen) {
    const HostView* on = host(seen->host);
    const bool unseen = on && on->state != HostState::lost && seen->presence != Presence::absent &&
                        (!answers(*on) || seen->presence == Presence::unknown);
    return unseen && seen->incarnation >= copies.live.front()->incarnation;
  };
  copies.newest_is_live =
      copies.unknown.empty() || std::none_of(all.begin(), all.end(), hides_a_newer_one);
  return copies;
}

}  // namespace cierzo
