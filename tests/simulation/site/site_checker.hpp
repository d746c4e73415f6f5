// What must hold at every instant of a simulated site, judged from outside: by the hypervisors
// themselves and by true time, never by what agents say of them.
//
// S1  At most one agent of a site has authority. One that was recovered is another site. (rule 22)
// S2  No instance runs (unpaused) twice; and of those with a shared disk none runs while a process
//     elsewhere, paused or not, still has that disk open.
//
// And, over all of the time: nothing is started twice. A copy of an instance is let run once, and
// once more for every copy that a fault ended (its domain crashed, its host lost power) or that its
// host's guard stopped.
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

  // What it is told of a host after everything that happens there.
  struct Sight {
    HostIndex host = 0;
    const SimulatedProvider* hypervisor = nullptr;
    Time authority_until{};  // On the host's clock; zero: none.
    const std::string* site = nullptr;  // In which; null: no agent.
  };
  void after(Time now, const Sight& sight);

  // The whole host stands still, its VMs too: they do not count until the guard has had its time
  // after the thaw.
  void frozen(HostIndex host);
  void counts_again(Time now, HostIndex host);

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
  struct Host {
    std::uint64_t changes = 0;  // Of its hypervisor, when it was looked at.
    Time authority_until{};
    std::string site;
    bool counts = true;  // What runs on it does, for S2.
    std::map<InstanceName, Incarnation> running;
    std::set<InstanceName> shares;  // Domains whose disk is shared, paused or not.
  };
  void take_copies(Time now, const Sight& sight);
  [[nodiscard]] bool has_authority(HostIndex host) const {
    return clock_(host) < hosts_[host].authority_until;
  }
  void count(Time now, const InstanceName& name);
  void look_at_shared_disks(Time now, const Host& host);

  const std::function<Time(HostIndex)> clock_;
  std::vector<Host> hosts_;
  std::set<HostIndex> claims_;  // Those with an authority_until; most hosts never have one.
  std::map<InstanceName, std::set<HostIndex>> running_on_;
  std::map<InstanceName, std::set<Incarnation>> runs_;
  std::map<InstanceName, std::size_t> reasons_;  // For starts beside the first.
  std::vector<std::string> failures_;
};

}  // namespace cierzo::simulation
