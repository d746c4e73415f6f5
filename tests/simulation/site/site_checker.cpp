#include "tests/simulation/site/site_checker.hpp"

#include <utility>

namespace cierzo::simulation {
namespace {

constexpr std::size_t failures_kept_max = 10;  // The first ones say what was wrong.

}  // namespace

void SiteChecker::fail(Time now, const std::string& what) {
  if (failures_.size() >= failures_kept_max) return;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  failures_.push_back(std::to_string(ms) + " ms: " + what);
}

void SiteChecker::after(Time now, const Sight& sight) {
  Host& host = hosts_[sight.host];
  if (sight.hypervisor->changes() != host.changes) take_copies(now, sight);
  if (std::exchange(host.authority_until, sight.authority_until) != sight.authority_until) {
    if (host.authority_until == Time{}) {
      claims_.erase(sight.host);
    } else {
      claims_.insert(sight.host);
    }
  }
  if (host.authority_until == Time{} || !has_authority(sight.host)) return;
  if (sight.site != nullptr && host.site != *sight.site) host.site = *sight.site;
  for (const HostIndex other : claims_) {
    if (other == sight.host || !has_authority(other) || hosts_[other].site != host.site) continue;
    fail(now, "S1: hosts " + std::to_string(sight.host + 1) + " and " + std::to_string(other + 1) +
                  " both have authority");
  }
}

void SiteChecker::fault_ends(HostIndex host, const InstanceName& name) {
  if (hosts_[host].running.contains(name)) ++reasons_[name];
}

void SiteChecker::fault_ends_all(HostIndex host) {
  for (const auto& [name, incarnation] : hosts_[host].running) fault_ends(host, name);
}

std::string SiteChecker::started_too_often() const {
  std::string text;
  for (const auto& [name, incarnations] : runs_) {
    const auto found = reasons_.find(name);
    const std::size_t most = 1 + (found == reasons_.end() ? 0 : found->second);
    if (incarnations.size() <= most) continue;
    text += name.value + " was started " + std::to_string(incarnations.size()) +
            " times, with reason for " + std::to_string(most) + "; ";
  }
  return text;
}

void SiteChecker::take_copies(Time now, const Sight& sight) {
  Host& host = hosts_[sight.host];
  host.changes = sight.hypervisor->changes();
  std::map<InstanceName, Incarnation> running;
  const auto domains = sight.hypervisor->domains();
  for (const auto& [name, domain] : domains) {
    if (domain.runs) running[name] = domain.incarnation;
  }
  host.shares.clear();
  for (const auto& [name, domain] : domains) {
    if (domain.disk == 0) host.shares.insert(name);
  }
  for (const auto& [name, incarnation] : host.running) {
    if (running.contains(name)) continue;
    running_on_[name].erase(sight.host);
    // It is there and was stopped: it will be resumed, or replaced.
    if (domains.contains(name)) ++reasons_[name];
  }
  const auto before = std::exchange(host.running, std::move(running));
  for (const auto& [name, incarnation] : host.running) {
    const auto same = before.find(name);
    if (same != before.end() && same->second == incarnation) continue;
    runs_[name].insert(incarnation);
    if (!host.counts) continue;
    running_on_[name].insert(sight.host);
    count(now, name);
  }
  if (host.counts && !host.shares.empty()) look_at_shared_disks(now, host);
}

// Of a host that stands still nobody can expect that it has let go.
void SiteChecker::look_at_shared_disks(Time now, const Host& host) {
  for (const Host& other : hosts_) {
    if (&other == &host || !other.counts) continue;
    for (const InstanceName& name : host.shares) {
      const bool one_runs = host.running.contains(name) || other.running.contains(name);
      if (one_runs && other.shares.contains(name))
        fail(now, "S2, shared disk: " + name.value + " runs, and another copy still has its disk");
    }
  }
}

void SiteChecker::frozen(HostIndex host) {
  hosts_[host].counts = false;
  for (const auto& [name, incarnation] : hosts_[host].running) running_on_[name].erase(host);
}

void SiteChecker::counts_again(Time now, HostIndex host) {
  hosts_[host].counts = true;
  for (const auto& [name, incarnation] : hosts_[host].running) {
    running_on_[name].insert(host);
    count(now, name);
  }
}

void SiteChecker::count(Time now, const InstanceName& name) {
  if (running_on_[name].size() < 2) return;
  std::string text = "S2: " + name.value + " runs on hosts";
  for (const HostIndex host : running_on_[name]) text += " " + std::to_string(host + 1);
  fail(now, text);
}

}  // namespace cierzo::simulation
