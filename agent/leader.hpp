// The leader's duties for one term: from what is desired and what is reported to commands, again
// and again. Makes a plan when anything has changed, sends what it says, and remembers only what is
// under way. Main loop only.
//
//   report, host lost, catalog -> (collected) -> World -> plan() -> Command -> host
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/desired.hpp"
#include "agent/executor.hpp"
#include "agent/messages.hpp"
#include "election/commands.hpp"
#include "monitor/inventory.hpp"
#include "resources/brake.hpp"
#include "resources/plan.hpp"

namespace cierzo {

// What the leader needs of the agent.
struct LeaderHooks {
  // Authority by a fresh clock, and the catalog recovered: asked before every effect. (rule 10)
  std::function<bool()> may_act;
  std::function<std::vector<HostFacts>()> hosts;  // All of the site, this one included.
  // The stretch of permits that the host reported last in this term; 0: none. (rule 17)
  std::function<std::uint64_t(HostId)> permit_spell;
  std::function<void(HostId, const PeerMessage&)> send;
  std::function<void(std::vector<election::CatalogChange>)> write;  // Of the leader's own accord.
  std::function<bool()> writing;  // Something is being stored: wait for it, and decide on that.
  std::function<void(const std::string& kind, const std::string& subject,
                     const std::string& message)>
      event;
  // The hosts whose loss must be proved for what they ran to be started elsewhere. (rule 14)
  std::function<void(const std::set<HostId>&)> prove_lost;
  double brake_share = 0.5;  // World::brake_share, World::starts_max
  int starts_max = 0;
};

// What is told of an instance: its state, and its health where that is bad. Until a check passes
// again a restart in between is no news. `before` is what was told last; empty: nothing.
[[nodiscard]] std::string telling(const InstanceStatus& instance, const std::string& before);

// What the catalog has of what roles have said, of all resources.
[[nodiscard]] std::map<RoleKey, Outputs> outputs_of(const Desired& desired);

class Leader {
 public:
  Leader(Executor& executor, Term term, Duration converge, LeaderHooks hooks);
  ~Leader();
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;

  // With what an earlier leader has stored, of which nothing is told.
  void start(const election::Catalog& catalog);
  void catalog_changed(const election::Catalog& catalog);
  // Reports of another term say nothing about what older commands may still do (rules 16, 17), nor
  // do those that were overtaken by a newer one.
  void report(const Report& report);
  void result(HostId host, const CommandResult& result);
  void host_changed(HostId host, HostState state);
  // Who answers under that id now: another boot, machine or agent than the one that reported has to
  // report again before anything it said is believed (rules 14, 17). Also when it acknowledges
  // another permit: what was withheld for want of one is planned again.
  void host_heard(HostId host, const std::string& boot, const std::string& state_id,
                  const std::string& run);
  // What may run on that host as far as this leader knows, commands under way included. (rule 14)
  [[nodiscard]] std::vector<InstanceName> may_hold(HostId host) const;
  // Asks the host to report: now, or where its last report is not the one that it acknowledged with
  // `digest`, or does not speak of every image that is wanted.
  void want_report(HostId host, const std::string& digest);

  [[nodiscard]] const Report* report_of(HostId host) const { return inventory_.of(host); }
  [[nodiscard]] std::string hypervisor_error(HostId host) const {
    return inventory_.hypervisor_error(host);
  }
  [[nodiscard]] const Desired& desired() const { return desired_; }

  // What would be planned if `changed` were desired in place of what has its names.
  [[nodiscard]] World world(const std::vector<DesiredResource>& changed = {}) const;
  [[nodiscard]] std::vector<ResourceStatus> status() const;
  // What would be done if an administrator confirmed that these hosts are down.
  [[nodiscard]] Plan plan_without(const std::vector<HostId>& hosts) const;
  [[nodiscard]] std::string host_name(HostId host) const;
  [[nodiscard]] Brake brake() const;  // (rule 19)
  // What hosts have from before the site's recovery that nothing declares. (rule 22)
  [[nodiscard]] const std::set<Kept>& kept() const { return kept_; }

 private:
  struct Sent {
    Command command;
    Time at{};
  };

  void observe(World& world) const;
  void converge_soon();
  void converge();
  void issue(const Action& action);
  bool renew(const InstanceName& instance, Resume& resume);
  void send_again();
  void forget_stopped(const World& world);
  void write_breakers(const Plan& plan);
  void write_outputs(const Plan& plan);
  void remember(HostId host, std::uint64_t number, const Action& action);
  void tell_brake(const Plan& plan);
  void tell_kept(const Plan& plan);
  void tell_breakers(const std::map<BreakerKey, Breaker>& before);
  void tell_outputs(const std::map<RoleKey, Outputs>& before);
  void tell_changes(const std::vector<ResourceStatus>& status);
  void forget_told(const std::vector<ResourceStatus>& status);
  void look_again(const Plan& plan);

  Executor& executor_;
  LeaderHooks hooks_;
  Duration converge_every_;
  Desired desired_;
  bool desired_changed_ = true;
  World world_;  // What the last plan was made from.
  std::map<HostId, std::string> names_;
  Inventory inventory_;
  election::CommandLedger ledger_;
  Term term_;
  std::map<HostId, std::map<std::uint64_t, Sent>> sent_;
  // Of copies to be resumed, while what is known of their breakers is stored under it.
  std::map<InstanceName, Incarnation> renewed_;
  std::map<InstanceName, std::string> told_;  // What was last told of each.
  std::map<ResourceName, std::string> told_resources_;
  std::map<InstanceName, Time> told_at_;
  std::vector<std::string> images_wanted_;      // Absolute paths, sorted.
  std::map<std::string, Time> images_awaited_;  // When each of them was asked for, and patience.
  std::set<Kept> kept_;
  std::string brake_told_;              // Why nothing is replaced, as it was told last.
  std::set<std::string> mistakes_;      // Of the catalog, told already.
  std::set<std::string> types_stored_;  // Digests.
  struct Newest {
    std::string process;
    std::uint64_t number = 0;
  };
  std::map<HostId, Newest> newest_;  // Report of each host; outlives what was forgotten.
  std::set<HostId> lost_;
  std::set<HostId>
      withheld_;              // Of the last plan: they have not acknowledged a permit of this term.
  std::set<HostId> refused_;  // They refused a command: what was planned for them was out of date.
  struct Said {
    std::string subject, what;
  };
  std::map<HostId, std::map<std::uint64_t, Said>> said_;  // Of commands, for their results.
  bool converge_pending_ = false;
  Time converged_at_{};
  unsigned looks_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace cierzo
