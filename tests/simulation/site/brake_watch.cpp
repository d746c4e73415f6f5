#include "tests/simulation/site/brake_watch.hpp"

#include <algorithm>

namespace cierzo::simulation {

void BrakeWatch::loses_power(Time now, HostIndex host, const SimulatedProvider& hypervisor) {
  if (!hosts_[host].away_since) hosts_[host].away_since = now;
  for (const auto& [name, copy] : hypervisor.domains()) {
    if (copy.runs) ran_on_[name] = host;
  }
}

void BrakeWatch::undeclared(const std::set<InstanceName>& names) {
  for (const InstanceName& name : names) ran_on_.erase(name);
}

void BrakeWatch::ordered(Time now, const Command& command) {
  if (!std::holds_alternative<StartVm>(command.action.work)) return;
  // What is sent again was decided when it was sent first.
  if (!judged_.insert(command.id).second) return;
  const auto ran = ran_on_.find(command.action.instance);
  if (ran == ran_on_.end() || !counts(now, hosts_[ran->second])) return;
  const auto away = static_cast<std::size_t>(std::count_if(
      hosts_.begin(), hosts_.end(), [&](const Host& host) { return counts(now, host); }));
  if (2 * away <= hosts_.size()) return;
  fail_("rule 19: " + command.action.instance.value + " of host " +
        std::to_string(ran->second + 1) + " is replaced while " + std::to_string(away) + " of " +
        std::to_string(hosts_.size()) + " hosts are without power");
}

}  // namespace cierzo::simulation
