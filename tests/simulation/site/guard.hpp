// The guard of a simulated host: the rules of the real one (agent/guard/rules.hpp) in virtual time,
// over the simulated hypervisor's processes. It outlives the agent, as the process does; what it
// must remember outlives it, as the page does.
#pragma once
#include <map>
#include <vector>

#include "agent/guard/guard.hpp"
#include "resources/providers/simulated.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/site/process.hpp"
#include "tests/simulation/site/timeline.hpp"

namespace cierzo::simulation {

class SimulatedGuard : public Guard {
 public:
  // `delay`: how late it looks. All outlive this object.
  SimulatedGuard(Timeline& timeline, HostIndex host, Machine& machine,
                 SimulatedProvider& hypervisor, Latency delay, Random& random,
                 guard::Mutations mutations)
      : timeline_(timeline),
        host_(host),
        machine_(machine),
        hypervisor_(hypervisor),
        delay_(delay),
        random_(random),
        mutations_(mutations) {}

  // ---- What befalls it.
  void boot();   // Of the host: an empty page, and a guard.
  void kill();   // The process; the page stays.
  void start();  // Again.

  // ---- The seam
  void beat(Time now) override;  // Of the agent: without a guard it pauses what has no permit.
  [[nodiscard]] bool alive(Time) const override { return running_; }
  [[nodiscard]] std::string error(Time) const override;
  [[nodiscard]] Time deadline() const override;
  void set_deadline(Time deadline, Time now) override;
  void set_lengths(Duration permit, Duration destroy_after) override;
  void stand_down() override;
  [[nodiscard]] bool complete() const override { return complete_; }
  void note_complete(std::uint64_t era) override { complete_ = complete_ || era == era_; }
  [[nodiscard]] std::uint64_t era() const override { return era_; }
  [[nodiscard]] std::uint64_t changes() const override { return changes_; }
  [[nodiscard]] guard::Generation stopped_under(const InstanceName& name) const override;
  [[nodiscard]] Outcome manage(const ManagedDomain& domain) override;
  [[nodiscard]] Outcome go_on(const InstanceName& name, guard::Generation generation) override;

 private:
  struct Slot {
    InstanceName name;
    HypervisorProcess process;
  };
  void look();
  void look_at(Time clock);
  void forget_ended();
  [[nodiscard]] std::size_t find(const InstanceName& name) const;

  Timeline& timeline_;
  const HostIndex host_;
  Machine& machine_;
  SimulatedProvider& hypervisor_;
  const Latency delay_;
  Random& random_;
  const guard::Mutations mutations_;

  bool running_ = false;
  std::uint64_t looks_ = 0;     // Ordered so far: only the last one counts.
  Time pending_ = Time::max();  // True time: when that one is. None puts it off.
  // The page:
  guard::Wishes wishes_;
  guard::Memory memory_;
  std::vector<Slot> slots_;
  std::vector<guard::Process> processes_;  // Beside them.
  bool complete_ = false;
  std::uint64_t era_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace cierzo::simulation
