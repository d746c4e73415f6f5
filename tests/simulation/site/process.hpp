// What a simulated agent stands on beside the network: an executor in virtual time, and a disk that
// loses what was not synced. Both end with the process; the host's machine and disk do not.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/executor.hpp"
#include "agent/store/store.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/site/timeline.hpp"

namespace cierzo::simulation {

// Starts at each boot, and runs at its own rate.
struct HostClock {
  Time booted{};
  std::int64_t ppm = 0;

  [[nodiscard]] Time read(Time now) const { return uptime_at_start + scaled(now - booted, ppm); }
  // The true length of what this clock measures as `length`, or a little more.
  [[nodiscard]] Duration true_length(Duration length) const {
    const double rate = 1.0 + static_cast<double>(ppm) / 1e6;
    return Duration{static_cast<std::int64_t>(static_cast<double>(length.count()) / rate) + 2};
  }

 private:
  static constexpr Duration uptime_at_start = std::chrono::seconds(20);
  static Duration scaled(Duration length, std::int64_t by) {
    return length + length / 1'000'000 * by + length % 1'000'000 * by / 1'000'000;
  }
};

struct Latency {
  Duration min, max;
};

// The host itself, from power cut to power cut and beyond.
struct Machine {
  HostClock clock;
  Time hangs_until{};      // True time: no call to the hypervisor begins before.
  Latency sync{};          // Of its disk.
  bool disk_full = false;  // Nothing can be written.
  // As a whole: agent, guard, hypervisor and VMs (SIGSTOP of everything, or suspended). Calls to
  // the hypervisor that are under way wait until it thaws; its clock runs on.
  bool frozen = false;
  std::vector<std::function<void()>> waiting;
  Time frozen_since{};
  Duration frozen_in_all{};

  // What its VMs have had of `now`.
  [[nodiscard]] Time vm_time(Time now) const {
    return (frozen ? frozen_since : now) - frozen_in_all;
  }
};

// One run of an agent. `frozen`: what would happen to it waits (SIGSTOP).
struct Process {
  bool alive = true, frozen = false;
  Time ended{};
  std::vector<std::function<void()>> waiting;
};

class HostExecutor : public Executor {
 public:
  // All of these outlive this object, and nothing that was given to it is done once the process is
  // not alive, but for calls that had begun: a hypervisor finishes what it was asked, as long as
  // its host has power.
  HostExecutor(Timeline& timeline, HostIndex host, Machine& machine, Latency call, Random& random,
               std::shared_ptr<Process> process)
      : timeline_(timeline),
        host_(host),
        machine_(machine),
        call_(call),
        random_(random),
        process_(std::move(process)),
        boot_(machine.clock.booted) {}

  [[nodiscard]] Time now() const override { return machine_.clock.read(timeline_.now()); }
  void post(std::function<void()> then) override { at(timeline_.now(), std::move(then)); }
  void after(Duration delay, std::function<void()> then) override;
  void offload(const std::string& strand, Duration deadline, std::function<void()> call,
               std::function<void(bool in_time)> done) override;

  // `then` in this process, at a true time.
  void at(Time when, std::function<void()> then);

 private:
  Timeline& timeline_;
  const HostIndex host_;
  Machine& machine_;
  const Latency call_;
  Random& random_;
  const std::shared_ptr<Process> process_;
  const Time boot_;
  std::map<std::string, Time> free_from_;  // Of each strand that has a call under way.
};

// What is durable on a host.
struct Disk {
  bool used = false;
  StoredState state;
};

class SimulatedStore : public Store {
 public:
  // Told of what is about to be written, and that nothing can be written any more: the agent ends.
  struct Hooks {
    std::function<void(const Batch&)> look;
    std::function<void()> failed;
  };
  SimulatedStore(Disk& disk, const std::string& boot, HostExecutor& executor, Timeline& timeline,
                 const Machine& machine, Random& random, Hooks hooks);

  [[nodiscard]] const StoredState& loaded() const override { return loaded_; }
  void commit(Batch batch, std::function<void()> done) override;

  // The process is killed: of what is not synced yet, the first few may have reached the disk.
  void cut_short();

 private:
  static void apply(const Batch& batch, StoredState& state);

  Disk& disk_;
  StoredState loaded_;
  HostExecutor& executor_;
  Timeline& timeline_;
  const Machine& machine_;
  Random& random_;
  const Hooks hooks_;
  std::deque<Batch> unsynced_;
  Time synced_until_{};
};

}  // namespace cierzo::simulation
