// The brake (rule 19), judged from outside: while more than half of the hosts have been without
// power for so long that every leader must know it, nobody orders a start of what ran on one of
// them, unless somebody has said of that host that it is down.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/messages.hpp"
#include "resources/providers/simulated.hpp"
#include "tests/simulation/site/timeline.hpp"

namespace cierzo::simulation {

class BrakeWatch {
 public:
  using Fail = std::function<void(const std::string&)>;
  // `known_after`: so long after its power went every leader counts a host as away.
  BrakeWatch(std::size_t hosts, Duration known_after, Fail fail)
      : known_after_(known_after), fail_(std::move(fail)), hosts_(hosts) {}

  void loses_power(Time now, HostIndex host, const SimulatedProvider& hypervisor);
  void boots(HostIndex host) { hosts_[host] = {}; }
  // It may be held: then it counts neither way.
  void is_stopped(HostIndex host) { hosts_[host].excused = true; }
  void confirmed(HostIndex host) { hosts_[host].excused = true; }
  void undeclared(const std::set<InstanceName>& names);
  // A command is sent, perhaps not for the first time.
  void ordered(Time now, const Command& command);

 private:
  struct Host {
    std::optional<Time> away_since;
    bool excused = false;
  };
  [[nodiscard]] bool counts(Time now, const Host& host) const {
    return host.away_since && !host.excused && now - *host.away_since >= known_after_;
  }

  const Duration known_after_;
  const Fail fail_;
  std::vector<Host> hosts_;
  std::map<InstanceName, HostIndex> ran_on_;  // When that host lost power.
  std::set<Stamp> judged_;
};

}  // namespace cierzo::simulation
