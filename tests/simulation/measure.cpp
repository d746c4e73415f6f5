#include "tests/simulation/measure.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/simulation/world.hpp"

namespace cierzo::simulation {
namespace {

using namespace election;
using namespace std::chrono_literals;

// Three voters on a local network: 0.1 to 0.5 ms one way, 0.5 to 3 ms for a durable write.
Options lan(std::uint64_t seed, const Timing& timing) {
  Options options;
  options.seed = seed;
  options.timing = timing;
  for (std::uint32_t id = 1; id <= 3; ++id)
    options.members.push_back({HostId{id}, "node" + std::to_string(id), true});
  options.delay_min = 100us;
  options.delay_max = 500us;
  options.sync_min = 500us;
  options.sync_max = 3ms;
  return options;
}

void print(const std::string& name, std::vector<Duration> sample) {
  std::sort(sample.begin(), sample.end());
  const auto percentile = [&](std::size_t p) {
    return static_cast<double>(sample[(sample.size() - 1) * p / 100].count()) / 1e6;
  };
  std::printf("%-46s p50 %7.1f ms  p99 %7.1f ms  max %7.1f ms  (%zu)\n", name.c_str(),
              percentile(50), percentile(99), percentile(100), sample.size());
}

void measure_timing(const std::string& name, const Timing& timing, std::uint64_t count) {
  std::vector<Duration> start;
  std::vector<Duration> leaderless;
  std::vector<Duration> lost_after;
  std::vector<Duration> restart;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    World world(lan(seed, timing));
    const auto ready = [&] {
      const auto leader = world.leader();
      return leader && world.ready(*leader);
    };
    for (std::uint32_t id = 1; id <= 3; ++id) world.start_agent(HostId{id});
    world.run_until(ready, 10s);
    start.push_back(world.now());
    world.run_for(world.random.between(3s, 4s));

    const HostId first = *world.leader();
    Time lost{};
    world.on_fact = [&](HostId, const Fact& fact) {
      const auto* gone = std::get_if<HostLost>(&fact);
      if (gone != nullptr && gone->host == first) lost = world.now();
    };
    const Time cut = world.now();
    world.power_off(first);
    world.run_until(ready, 10s);
    leaderless.push_back(world.now() - cut);
    world.run_until([&] { return lost > Time{}; }, 20s);
    lost_after.push_back(lost - cut);

    world.boot(first);
    world.run_for(world.random.between(3s, 4s));
    const HostId second = *world.leader();
    const Time killed = world.now();
    world.kill_agent(second);
    world.run_for(20ms);
    world.start_agent(second);
    world.run_until(ready, 10s);
    restart.push_back(world.now() - killed);
  }
  print(name + ": start to a leader that acts", start);
  print(name + ": leader's power cut to the next that acts", leaderless);
  print(name + ": leader's power cut to its host lost", lost_after);
  print(name + ": leader's agent restarted to one that acts", restart);
}

}  // namespace

void measure(std::uint64_t count) {
  measure_timing("default", default_timing(), count);
  measure_timing("fast", fast_timing(), count);
}

}  // namespace cierzo::simulation
