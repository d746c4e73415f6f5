// A simulated host: power, clock, disk, agent, guard's page and VM. For world.cpp and shell.cpp
// only.
#pragma once
#include "tests/simulation/world.hpp"

namespace cierzo::simulation {

using namespace election;

struct World::Host {
  HostId id;
  bool up = false;
  Time booted{};
  std::int64_t ppm = 0;
  std::string boot;
  Durable disk;
  std::string key;   // Proves who its machine is. Nobody has it twice.
  Stamp high_water;  // Durable: of the commands received. (rule 17)

  std::unique_ptr<Node> node;
  std::string run;
  Term heard;  // By this process: one that dies before its disk knows has not heard.
  std::map<HostId, std::uint64_t> released;  // By owner, likewise.
  bool paused = false;
  std::vector<Parcel> waiting;  // While paused.
  struct Unflushed {
    Output output;
    Time synced;  // True time.
  };
  std::deque<Unflushed> unflushed;
  std::unique_ptr<CommandLedger> commands;  // While it leads.

  // The guard outlives the agent: its page, and what it did to the VM. (rule 13, as far as
  // modelled)
  Time page{};
  bool stood_down = false;
  bool vm = false;  // There is one.
  bool vm_paused = false;
  Time lost_at{-1};        // When a leader last regarded this host as lost.
  bool releasing = false;  // Stops when its queue is flushed.

  Time clock(Time now) const {
    const std::int64_t length = (now - booted).count();
    return Time{length + length / 1'000'000 * ppm + length % 1'000'000 * ppm / 1'000'000};
  }
};

}  // namespace cierzo::simulation
