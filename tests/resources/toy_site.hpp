// A site small enough to hold in the hand: performs the plan's actions at once, on values, the way
// hosts would. The stories and the properties of plan() run on it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "resources/plan.hpp"

namespace cierzo::test {

// database, then server, then balancer (which reads server); each with start, stop and check.
std::shared_ptr<const Type> shop_type();
// One role, `store`, that must not lose its disk; with start and check.
std::shared_ptr<const Type> vault_type();
// One role, `app`, that is tried twice; with start and check.
std::shared_ptr<const Type> frail_type();
// A head, and nodes that drain; it is told of those that join and leave.
std::shared_ptr<const Type> farm_type();
// A board without any script of its own; it is told of its guests.
std::shared_ptr<const Type> bell_type();
// A source that says a port and a token; a listener that reads them, a neighbour that does not.
std::shared_ptr<const Type> talk_type();
// One role, `vm`, without any script.
std::shared_ptr<const Type> plain_type();

class ToySite {
 public:
  HostView& add_host(const std::string& name, std::uint64_t memory_mib, int cpus);
  // Replaces the resource of that name.
  void declare(std::shared_ptr<const Resource> resource, std::shared_ptr<const Type> type);
  void forget(const std::string& resource);
  // Other texts for the scripts `go` (start) and `look` (check) of its type.
  void retype(const std::string& resource, const std::map<std::string, std::string>& texts);
  // As agentctl scale: role -> number; what is wrong with it, one a line.
  std::string scale(const std::string& resource, const std::map<std::string, std::string>& roles);
  void forget_counts(const std::string& instance, const std::string& host);

  [[nodiscard]] World world() const;  // with what hosts that answer say, and what the others said
  HostView& host(const std::string& name);
  Observed& copy(const std::string& instance,
                 const std::string& host);  // made where it is not there
  [[nodiscard]] const Observed* find(const std::string& instance, HostId host) const;
  void erase(const std::string& instance, const std::string& host);
  [[nodiscard]] std::string host_name(HostId id) const;

  void perform(const Action& action);
  void store(const Plan& plan);  // breakers that open and close, and what was said
  void reboot_guest(Observed& copy);
  void heal();  // every check that has run passes

  Time now = std::chrono::hours(1);
  std::vector<InFlight> in_flight;
  std::set<ResourceName> unreadable;
  std::map<BreakerKey, Breaker> breakers;
  std::optional<Recovered> recovered;
  std::map<std::string, Time> images_awaited;
  double brake_share = 0.5;
  int starts_max = 0;
  std::map<RoleKey, Outputs> says;                               // what a start says, from now on
  std::set<std::pair<std::string, std::string>> broken_starts;   // (instance, host)
  std::set<std::pair<std::string, std::string>> broken_scripts;  // (instance, role), or (instance,
                                                                 // join) and (instance, leave)
  std::set<std::pair<std::string, std::string>> sick;            // (instance, role): check fails
  bool guests_boot_at_once = true;
  std::uint64_t term = 1, sequence = 0;  // of the last incarnation

 private:
  void start(const StartVm& work, HostId on);
  void stop(const InstanceName& name, const StopVm& work, HostId on);
  void run(const InstanceName& name, const RunScript& work, HostId on);
  void tell(Observed& copy, const RunScript& work) const;
  [[nodiscard]] std::uint64_t memory_used(HostId id) const;
  Observed* present(const InstanceName& name, HostId on);

  std::vector<HostView> hosts_;
  std::map<std::string, DesiredResource> desired_;
  std::map<std::pair<std::string, std::uint32_t>, Observed> copies_;
  std::map<std::string, std::uint64_t> memory_;  // of each instance, in KiB
};

}  // namespace cierzo::test
