// What must hold at every instant of a simulated site, judged from outside: by the hypervisors
// themselves and by true time, never by what agents say of them.
//
// S1  At most one agent has authority.
// S2  No instance runs (unpaused) twice.
//
// And, over all of the time: nothing is started twice. A copy of an instance is let run once, and
// once more for every copy that a fault ended (its domain crashed, its host lost power) or made
// worthless (its host's permit ended).
//
// S2 has one known exception today (docs/safety.md): the guard that pauses the VMs of a host whose
// permit has ended does not exist yet, so a host that is cut off or whose agent is dead, but that
// has power, keeps its copies running while others may have replaced them. The checker therefore
// does what the guard would: copies that run when their host's permit has ended are not counted,
// from then on until they are gone or are resumed by a command (another incarnation). When the
// guard exists this exception goes, and nothing else changes here.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "resources/providers/simulated.hpp"
#include "tests/simulation/site/timeline.hpp"

namespace cierzo::simulation {

class SiteChecker {
 public:
  // `clock`: of a host, now.
  SiteChecker(std::size_t hosts, std::function<Time(HostIndex)> clock)
      : clock_(std::move(clock)), hosts_(hosts) {}

  // What it is told of a host, before and after everything that happens there.
  struct Sight {
    HostIndex host = 0;
    const SimulatedProvider* hypervisor = nullptr;
    bool agent = false;      // One runs: the rest is known.
    Time deadline{};         // Of the host's permit, as the agent would hand it to the guard.
    Time authority_until{};  // Of the host's clock, likewise; zero: none.
  };
  void before(HostIndex host);
  void after(Time now, const Sight& sight);
  // The host has a new clock: no permit of an earlier boot counts.
  void rebooted(HostIndex host) { hosts_[host].page = Time{}; }
  // What the guard's page holds: an agent that starts finds it.
  [[nodiscard]] Time page(HostIndex host) const { return hosts_[host].page; }

  // A fault is about to end this copy; all copies of the host.
  void fault_ends(HostIndex host, const InstanceName& name);
  void fault_ends_all(HostIndex host);
  // It is made ill so thoroughly that it has to be replaced once.
  void may_be_replaced(const InstanceName& name) { ++reasons_[name]; }
  // "shop-server-1 was started 3 times, with reason for 2", or empty.
  [[nodiscard]] std::string started_too_often() const;
  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  void fail(Time now, const std::string& what);

 private:
  struct Copy {
    Incarnation incarnation;
    bool paused_by_guard = false;  // It would be.
  };
  struct Host {
    Time page{};  // Until when its VMs may run, on its clock: what the guard would go by.
    std::uint64_t changes = 0;  // Of its hypervisor, when it was looked at.
    Time authority_until{};
    std::map<InstanceName, Copy> copies;
  };
  void guard(HostIndex index);
  void take_copies(Time now, const Sight& sight);
  [[nodiscard]] bool has_authority(HostIndex host) const {
    return clock_(host) < hosts_[host].authority_until;
  }
  void count(Time now, const InstanceName& name);

  const std::function<Time(HostIndex)> clock_;
  std::vector<Host> hosts_;
  std::map<InstanceName, std::set<HostIndex>> counted_;
  std::map<InstanceName, std::set<Incarnation>> runs_;
  std::map<InstanceName, std::size_t> reasons_;  // For starts beside the first.
  std::vector<std::string> failures_;
};

}  // namespace cierzo::simulation
