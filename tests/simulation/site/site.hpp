// A whole simulated site: on every host the agent that agentd runs (leader, worker, monitor, plan,
// election and their wiring), in virtual time, on one thread. Simulated are only what the agent
// stands on: network, clocks, disks, and resources/providers/simulated as hypervisor and guests.
//
// Everything follows from the options and the calls made; nothing reads a clock or a random device.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/agent.hpp"
#include "resources/providers/simulated.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/site/brake_watch.hpp"
#include "tests/simulation/site/fault.hpp"
#include "tests/simulation/site/guard.hpp"
#include "tests/simulation/site/process.hpp"
#include "tests/simulation/site/promises.hpp"
#include "tests/simulation/site/site_checker.hpp"
#include "tests/simulation/site/timeline.hpp"

namespace cierzo::simulation {

struct SiteOptions {
  std::uint64_t seed = 1;
  unsigned hosts = 3;
  unsigned voters = 3;  // The first ones.
  unsigned spare = 0;   // Further machines, switched off, that the site does not know.
  // Of guard and agent one is always there: where the other one is killed, hangs or ends by itself,
  // it is started again first. Nothing is promised where both are gone. (docs/safety.md)
  bool guard_or_agent = false;
  election::Timing timing = election::default_timing();
  Latency network{std::chrono::microseconds(100), std::chrono::microseconds(500)};
  Latency sync{std::chrono::milliseconds(1), std::chrono::milliseconds(6)};
  Latency hypervisor_call{std::chrono::microseconds(500), std::chrono::milliseconds(5)};
  double loss = 0;
  double duplication = 0;  // Share of messages that arrive again, up to straggle_max later.
  double straggling = 0;   // Share that takes up to straggle_max.
  Duration straggle_max = std::chrono::seconds(3);
  bool skewed_clocks = true;  // Rates at both ends of what `drift` allows.
  SimulatedConfig hypervisor{};
  // Hosts whose power can be cut by a fence program, and of those the ones where it fails.
  std::set<HostId> fences{}, fences_failing{};
  Latency guard{std::chrono::microseconds(10), {}};  // How late it looks; max 0: guard_delay.
  election::Mutations mutations{};
  guard::Mutations guard_mutations{};
  bool trace = false;  // Faults and events of the site, to stderr.
  // What the agents tell, as it is told.
  std::function<void(Time now, const api::EventRow& event)> on_event{};
  // Every message when it is sent.
  std::function<void(HostId from, HostId to, const PeerMessage& message)> on_message{};
  // How much longer than others such a message takes to another host.
  std::function<Duration(const PeerMessage& message)> takes_longer{};
  bool measure_cpu = false;  // Of every agent.
  double brake_share = 0.5;
};

class Site {
 public:
  explicit Site(SiteOptions options);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  // ---- Time
  [[nodiscard]] Time now() const { return timeline_.now(); }
  [[nodiscard]] std::uint64_t events() const { return timeline_.events(); }
  void run_for(Duration length);
  // Looked at every 100 ms. False: it did not become true in time.
  bool run_until(const std::function<bool()>& condition, Duration limit);
  // Orders a fault for later.
  void plan_fault(const PlannedFault& fault);

  // ---- What befalls it. Host 0 is whoever leads then; nothing happens where nobody does.
  void befall(const Fault& fault);
  void scrap(HostId host) { host_of(host).scrapped = true; }  // Nobody switches it on again.
  void heal();  // Everything that was cut, stopped, frozen or switched off; loss ends.

  // ---- Requests, as agentctl makes them. The answer is there when its time has come.
  using Reply = std::shared_ptr<std::optional<api::ApiResponse>>;
  Reply request(HostId at, const std::string& method, const std::string& target,
                const std::string& body = {});
  // Of a manifest's text, with the built-in types. None: it has mistakes, which are kept.
  Reply apply(HostId at, const std::string& manifest, const std::string& to = "/v1/apply");
  // As agentctl scale: what is beyond the numbers may lose its disk.
  Reply scale(HostId at, const std::string& resource, const api::ScaleRequest& wanted);

  // ---- Looking, from outside
  [[nodiscard]] std::optional<HostId> leader() const;                // Who may act.
  [[nodiscard]] std::size_t hosts() const { return hosts_.size(); }  // The spare ones, too.
  // What an administrator reads at the machine that has this id now.
  [[nodiscard]] std::string key(HostId host) const { return key(host, host_of(host).machines); }
  [[nodiscard]] bool is_up(HostId host) const { return host_of(host).up; }
  [[nodiscard]] const SimulatedProvider& hypervisor(HostId host) const {
    return *host_of(host).hypervisor;
  }
  // For what befalls its guests.
  [[nodiscard]] SimulatedProvider& provider(HostId host) { return *host_of(host).hypervisor; }
  // For what an agent that has gone wrong tells it.
  [[nodiscard]] SimulatedGuard& guard(HostId host) { return *host_of(host).guard; }
  [[nodiscard]] const Agent* agent(HostId host) const { return host_of(host).agent.get(); }
  [[nodiscard]] SiteChecker& checker() { return checker_; }
  [[nodiscard]] Promises& promises() { return promises_; }
  struct Traffic {
    std::uint64_t sent = 0, received = 0;  // Messages of its agent, those to itself too.
    Duration cpu{};                        // Really used, where it is measured.
  };
  [[nodiscard]] Traffic traffic(HostId host) const { return host_of(host).traffic; }
  // What differs between what is wanted and what hypervisors really have; empty: nothing.
  // `running`: each exactly once and on one disk; `stopped`: no domain (an older disk may be left
  // on a host that came back, until the instance serves again); nothing else at all.
  [[nodiscard]] std::string difference(const std::set<InstanceName>& running,
                                       const std::set<InstanceName>& stopped) const;
  // What the leader still wants to do or waits for; empty: its plan is.
  [[nodiscard]] std::string open_plan() const;

  Random random;

 private:
  struct Host {
    HostId id;
    HostIndex index = 0;
    std::string name;
    bool up = false, scrapped = false;
    unsigned boots = 0, thaws = 0;
    unsigned machines = 1;         // That this id has had.
    std::vector<unsigned> let_in;  // Which machine of every host its agent listens to; 0: none.
    std::string boot;
    Machine machine;
    Disk disk;
    Traffic traffic{};
    std::uint64_t told = 0;     // Of its agent's events.
    std::uint64_t changes = 0;  // Of its hypervisor, when it was looked at.
    std::unique_ptr<SimulatedProvider> hypervisor;
    std::unique_ptr<SimulatedGuard> guard;
    // One run of its agent:
    std::shared_ptr<Process> process;
    std::unique_ptr<HostExecutor> executor;
    std::unique_ptr<SimulatedStore> store;
    std::unique_ptr<Agent> agent;
  };

  Host& host_of(HostId id) { return *hosts_[id.value - 1]; }
  [[nodiscard]] const Host& host_of(HostId id) const { return *hosts_[id.value - 1]; }
  void step();
  void look(Host& host);
  bool send(Host& from, HostId to, const PeerMessage& message);
  void deliver(HostId from, HostId to, const PeerMessage& message, Duration delay);
  [[nodiscard]] Config config(const Host& host) const;
  void trace(const std::string& line) const;

  void boot(Host& host);
  void power_cut(Host& host);
  FenceEnd fence(const FenceDevice& device);
  void start_agent(Host& host);
  void kill_agent(Host& host);
  void break_connections(HostId with);
  void freeze(Host& host);
  void thaw(Host& host);
  void freeze_host(Host& host);
  void thaw_host(Host& host);
  void lose_disks(Host& host);
  void keep_one(Host& host);
  static std::string key(HostId host, unsigned machine);
  [[nodiscard]] std::vector<unsigned> machines_of(const election::Members& members) const;
  void tell(Host& host);

  SiteOptions options_;
  Timeline timeline_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::set<std::pair<HostId, HostId>> cut_;
  SiteChecker checker_;
  Promises promises_;
  BrakeWatch brake_watch_;
  void note_confirmed(const std::vector<std::string>& names);
  void declare(const std::string& resource, const std::set<InstanceName>& instances);

  std::map<std::string, std::set<InstanceName>> declared_;  // By resource, as clients asked last.
  std::set<InstanceName> silenced_;
  std::uint64_t ids_ = 0;
};

}  // namespace cierzo::simulation
