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

void SiteChecker::before(HostIndex host) { guard(host); }

void SiteChecker::after(Time now, const Sight& sight) {
  Host& host = hosts_[sight.host];
  if (sight.agent) host.page = sight.deadline;
  if (sight.hypervisor->changes() != host.changes) take_copies(now, sight);
  guard(sight.host);
  host.authority_until = sight.authority_until;
  if (!has_authority(sight.host)) return;
  for (HostIndex other = 0; other < hosts_.size(); ++other) {
    if (other == sight.host || !has_authority(other)) continue;
    fail(now, "S1: hosts " + std::to_string(sight.host + 1) + " and " + std::to_string(other + 1) +
                  " both have authority");
  }
}

// The exception of S2: what the guard would pause at this moment does not count any more.
void SiteChecker::guard(HostIndex index) {
  Host& host = hosts_[index];
  if (host.copies.empty() || clock_(index) < host.page) return;
  for (auto& [name, copy] : host.copies) {
    if (std::exchange(copy.paused_by_guard, true)) continue;
    counted_[name].erase(index);
    ++reasons_[name];
  }
}

void SiteChecker::fault_ends(HostIndex host, const InstanceName& name) {
  const auto found = hosts_[host].copies.find(name);
  if (found == hosts_[host].copies.end() || found->second.paused_by_guard) return;
  ++reasons_[name];
}

void SiteChecker::fault_ends_all(HostIndex host) {
  for (const auto& [name, copy] : hosts_[host].copies) fault_ends(host, name);
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
  std::map<InstanceName, Copy> copies;
  std::vector<InstanceName> fresh;
  for (const auto& [name, domain] : sight.hypervisor->domains()) {
    if (!domain.runs) continue;
    const auto before = host.copies.find(name);
    const bool same =
        before != host.copies.end() && before->second.incarnation == domain.incarnation;
    copies[name] = same ? before->second : Copy{domain.incarnation, false};
    if (same) continue;
    runs_[name].insert(domain.incarnation);
    fresh.push_back(name);
  }
  for (const auto& [name, copy] : host.copies) {
    if (!copies.contains(name)) counted_[name].erase(sight.host);
  }
  host.copies = std::move(copies);
  for (const InstanceName& name : fresh) counted_[name].insert(sight.host);
  guard(sight.host);
  for (const InstanceName& name : fresh) count(now, name);
}

void SiteChecker::count(Time now, const InstanceName& name) {
  const std::set<HostIndex> hosts = counted_[name];
  if (hosts.size() < 2) return;
  for (const HostIndex host : hosts) guard(host);
  if (counted_[name].size() < 2) return;
  std::string text = "S2: " + name.value + " runs on hosts";
  for (const HostIndex host : counted_[name]) text += " " + std::to_string(host + 1);
  fail(now, text);
}

}  // namespace cierzo::simulation
