#include "tests/simulation/site/promises.hpp"

#include <algorithm>

namespace cierzo::simulation {
namespace {

constexpr std::uint64_t lost = 0;  // No disk has this number.

std::string name_of(HostIndex host) { return "host " + std::to_string(host + 1); }

}  // namespace

void Promises::acknowledged(const std::string& key) { acknowledged_.insert(key); }

void Promises::acts(HostIndex host, const election::Catalog& committed) {
  if (seen_.host == host && seen_.stamp == committed.stamp &&
      seen_.acknowledged == acknowledged_.size()) {
    return;
  }
  seen_ = {host, committed.stamp, acknowledged_.size()};
  for (const std::string& key : acknowledged_) {
    if (!committed.entries.contains(key)) {
      fail_("S3: " + name_of(host) + " acts without " + key + ", which was acknowledged");
    }
  }
}

void Promises::heard(HostIndex host, const Term& leads) {
  heard_[host] = std::max(heard_[host], leads);
}

void Promises::takes(HostIndex host, const Stamp& command) {
  if (command.term < heard_[host]) {
    fail_("S4: " + name_of(host) + " takes a command of term " +
          std::to_string(command.term.counter) + " after it heard the leader of term " +
          std::to_string(heard_[host].counter));
  }
}

void Promises::permit(Time now, HostIndex host, Time until) {
  Host& at = hosts_[host];
  if (at.permit_until < now) ++at.spell;
  at.permit_until = until;
}

void Promises::look(Time now, HostIndex host, const SimulatedProvider& hypervisor) {
  for (const auto& [name, copy] : hypervisor.domains()) {
    if (copy.fresh_disk) fresh_[name].emplace(host, copy.disk);
    if (copy.disk != 0) has(now, name, copy, host);
  }
  std::map<InstanceName, std::uint64_t> left = hypervisor.overlays();
  for (const auto& [name, number] : hosts_[host].disks) {
    if (undeclared_.contains(name)) continue;
    const auto last = last_.find(name);
    if (last == last_.end() || !(last->second == Disk{host, number, {}, 0})) continue;
    if (last->second.spell != hosts_[host].spell) continue;  // It was replaced meanwhile.
    if (left.contains(name)) continue;  // Or another in its place: has() judges that.
    fail_("disks: the disk of " + name.value + " was removed from " + name_of(host) +
          ", and it is the one that it had last");
    last_.erase(last);
  }
  hosts_[host].disks = std::move(left);
}

void Promises::ordered(const Command& command) {
  if (const auto* start = std::get_if<StartVm>(&command.action.work))
    ordered_ = std::max(ordered_, start->incarnation);
}

void Promises::has(Time now, const InstanceName& name, const SimulatedProvider::Copy& copy,
                   HostIndex host) {
  const auto before = ordered_before_.find(name);
  if (before != ordered_before_.end() && copy.incarnation <= before->second) {
    condemned_[name].emplace(host, copy.disk);
  }
  if (condemned_[name].contains({host, copy.disk})) return;
  const Disk disk{host, copy.disk, copy.incarnation, hosts_[host].spell};
  const auto known = last_.find(name);
  // What was made and is destroyed before its CPUs ran has written nothing.
  if (!copy.runs && (known == last_.end() || !(known->second == disk))) return;
  const auto [last, first] = last_.emplace(name, disk);
  if (first || undeclared_.contains(name)) return;
  if (last->second.incarnation > copy.incarnation) return;
  const Host& had_it = hosts_[last->second.host];
  const bool interrupted = last->second.number == lost || had_it.spell != last->second.spell ||
                           had_it.permit_until < now;
  if (!(last->second == disk) && !interrupted && !fresh_[name].contains({host, copy.disk})) {
    fail_("disks: " + name.value + " got another disk than its own, on " + name_of(host) +
          ", and its start did not say so");
  }
  // A copy that is found paused did not run in this stretch.
  if (!(last->second == disk) || copy.runs) last->second = disk;
}

void Promises::disks_lost(HostIndex host) {
  // Which incarnation had it stays known: an older copy that was replaced by it is still stale.
  for (auto& [name, disk] : last_) {
    if (disk.host == host) disk.number = lost;
  }
  hosts_[host].disks.clear();
}

void Promises::undeclared(const std::set<InstanceName>& names) {
  undeclared_.insert(names.begin(), names.end());
}

void Promises::declared(const std::set<InstanceName>& names) {
  for (const InstanceName& name : names) {
    if (undeclared_.erase(name) == 0) continue;
    last_.erase(name);
    ordered_before_[name] = ordered_;
    for (HostIndex host = 0; host < hosts_.size(); ++host) {
      const auto disk = hosts_[host].disks.find(name);
      if (disk != hosts_[host].disks.end()) condemned_[name].emplace(host, disk->second);
    }
  }
}

}  // namespace cierzo::simulation
