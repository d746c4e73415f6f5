#include "monitor/inventory.hpp"

#include <utility>

namespace cierzo {
namespace {

void age_to_time(Failure& failure, Time now) { failure.last = now - failure.last; }

}  // namespace

void Inventory::take(const Report& report, Time now) {
  if (!report.surveyed) {
    not_surveyed_[report.host] = report.hypervisor_error;
    return;
  }
  not_surveyed_.erase(report.host);
  Known known{report, report_digest(report)};
  for (Observed& seen : known.report.instances) {
    seen.host = report.host;  // What a host says is about itself, whatever it wrote.
    seen.since = now - seen.since;
    age_to_time(seen.start, now);
    age_to_time(seen.configure, now);
    for (Joined& joined : seen.joined) age_to_time(joined.failure, now);
    for (auto& [role, observed] : seen.roles) {
      age_to_time(observed.start, now);
      age_to_time(observed.stop, now);
      age_to_time(observed.drain, now);
      observed.drain_since = now - observed.drain_since;
      observed.last_restart = now - observed.last_restart;
    }
  }
  known_[report.host] = std::move(known);
}

void Inventory::forget(HostId host) {
  known_.erase(host);
  not_surveyed_.erase(host);
}

std::string Inventory::hypervisor_error(HostId host) const {
  if (const Report* report = of(host)) return report->hypervisor_error;
  const auto found = not_surveyed_.find(host);
  return found == not_surveyed_.end() ? std::string() : found->second;
}

const Report* Inventory::of(HostId host) const {
  const auto found = known_.find(host);
  return found == known_.end() ? nullptr : &found->second.report;
}

std::string Inventory::digest(HostId host) const {
  const auto found = known_.find(host);
  return found == known_.end() ? std::string() : found->second.digest;
}

std::vector<Observed> Inventory::observed(const std::vector<HostFacts>& hosts,
                                          std::vector<Observed> room) const {
  std::vector<Observed> all = std::move(room);
  std::size_t count = 0;
  const auto add = [&](const Observed& seen) -> Observed& {
    if (count == all.size()) all.emplace_back();
    return all[count++] = seen;
  };
  for (const HostFacts& host : hosts) {
    const Report* report = of(host.id);
    std::set<InstanceName> listed;  // Of a held host.
    if (report != nullptr) {
      const bool certain = host.state == HostState::alive && report->hypervisor_answers;
      for (const Observed& reported : report->instances) {
        Observed& seen = add(reported);
        // Unknown is not down: what was there before may still be. (rule 18)
        if (!certain && seen.presence == Presence::present) seen.presence = Presence::unknown;
        if (host.state == HostState::held) listed.insert(seen.name);
      }
    }
    if (host.state != HostState::held) continue;
    for (const InstanceName& name : host.held_instances) {
      if (listed.contains(name)) continue;
      Observed held;
      held.name = name;
      held.host = host.id;
      held.presence = Presence::unknown;
      add(held);
    }
  }
  all.resize(count);
  return all;
}

std::vector<HostView> Inventory::views(const std::vector<HostFacts>& hosts) const {
  std::vector<HostView> views;
  views.reserve(hosts.size());
  for (const HostFacts& host : hosts) {
    HostView view;
    view.id = host.id;
    view.name = host.name;
    view.address = host.address;
    view.state = host.state;
    view.held_instances = host.held_instances;
    view.in_brake = host.in_brake;
    view.unjoined = host.unjoined;
    view.lost_proof = host.lost_proof;
    view.disks_released_at = host.disks_released_at;
    view.proof_due = host.proof_due;
    view.confirmed_lost = host.confirmed_lost;
    view.hypervisor_error = hypervisor_error(host.id);
    if (const Report* report = of(host.id); report != nullptr) {
      view.inventory_known = true;
      view.hypervisor_answers = report->hypervisor_answers;
      view.guard_error = report->guard_error;
      view.memory_total_kib = report->memory_total_kib;
      view.cpus_total = report->cpus_total;
      view.memory_free_kib = report->memory_free_kib;
      view.cpus_free = report->cpus_free;
      view.images = report->images;
      view.images_asked = report->images_asked;
      view.networks = report->networks;
    }
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace cierzo
