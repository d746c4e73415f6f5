#include "tests/simulation/schedule.hpp"

#include "tests/simulation/world.hpp"

namespace cierzo::simulation {
namespace {

using namespace election;
using namespace std::chrono_literals;

constexpr Duration faults_end = 25s;
constexpr Duration whole = 30s;
constexpr Duration heal_limit =
    3s;  // L1: a lease, rule 7's wait, a few round trips, and rule 15's wait.

Options random_options(std::uint64_t seed, const Mutations& mutations) {
  Random random(seed ^ 0x5eed);
  Options options;
  options.seed = seed;
  options.mutations = mutations;
  options.timing = random.chance(0.15) ? fast_timing() : default_timing();
  const std::uint64_t voters = random.chance(0.5) ? 3 : 1 + random.below(9);
  const std::uint64_t others = random.below(3);
  for (std::uint64_t i = 1; i <= voters + others; ++i) {
    const auto id = static_cast<std::uint32_t>(i);
    options.members.push_back({HostId{id}, "node" + std::to_string(id), true});
  }
  for (std::uint64_t i = 0; i < others; ++i)  // Anywhere in the order of ids.
    for (;;) {
      Member& member = options.members[random.below(options.members.size())];
      if (!member.voter) continue;
      member.voter = false;
      break;
    }
  options.delay_min = 100us;
  options.delay_max = random.chance(0.3) ? Duration{8ms} : Duration{1ms};
  options.sync_max = random.chance(0.3) ? Duration{20ms} : Duration{3ms};
  options.loss = random.chance(0.5) ? 0 : 0.02;
  options.duplication = 0.02;
  options.straggling = 0.01;
  return options;
}

class Schedule {
 public:
  Schedule(std::uint64_t seed, const Mutations& mutations, bool trace)
      : options_(random_options(seed, mutations)),
        world_(with_trace(options_, trace)),
        random_(seed * 31 + 7) {}

  Outcome run() {
    observe();
    start();
    while (world_.now() < faults_end && world_.checker.failures().empty()) {
      world_.run_for(random_.between(5ms, 600ms));
      fault();
      write();
      restart_some();
    }
    if (world_.checker.failures().empty()) heal_and_check();
    outcome_.failures = world_.checker.failures();
    outcome_.events = world_.events;
    outcome_.leaderless = world_.leaderless();
    return outcome_;
  }

 private:
  static Options with_trace(Options options, bool trace) {
    options.trace = trace;
    return options;
  }

  void observe() {
    world_.on_fact = [this](HostId, const Fact& fact) {
      if (std::holds_alternative<WriteCommitted>(fact)) ++outcome_.acknowledged;
      if (std::holds_alternative<HostLost>(fact)) ++outcome_.lost_hosts;
      if (std::holds_alternative<AuthorityBegan>(fact)) ++outcome_.terms;
    };
  }

  void start() {
    // Two clocks' rates are at most drift apart: both ends of it are the interesting ones.
    for (const Member& member : world_.members())
      world_.set_rate(member.id, random_.chance(0.5) ? 4950 : -4950);
    if (random_.chance(0.3)) world_.set_loss(0.3);  // Until a fault says otherwise.
    for (const Member& member : world_.members()) {
      world_.run_for(random_.between(0ms, 300ms));
      world_.start_agent(member.id);
    }
  }

  HostId anyone() { return world_.members()[random_.below(world_.members().size())].id; }

  // Half of the faults hit whoever leads.
  HostId victim() {
    const auto leader = world_.leader();
    return leader && random_.chance(0.5) ? *leader : anyone();
  }

  void fault() {
    const HostId host = victim();
    switch (random_.below(16)) {
      case 0:
      case 1:
        if (!world_.running(host)) return;
        world_.kill_agent(host);
        world_.run_for(random_.chance(0.5) ? Duration{5ms} : random_.between(5ms, 1500ms));
        return world_.start_agent(host);
      case 2:
        return world_.kill_agent(host);
      case 3:
        return world_.power_off(host);
      case 4:
      case 5:
      case 6:
        return random_.chance(0.5) ? world_.pause_agent(host) : world_.resume_agent(host);
      case 7:
      case 8:
        return world_.cut(host, anyone());
      case 9:
        return world_.cut_both(host, anyone());
      case 10:
        return world_.isolate(host);
      case 11:
      case 12:
        return world_.mend_all();
      case 13:
        return world_.set_loss(random_.chance(0.5) ? 0 : 0.3);
      case 14:
        return random_.chance(0.3) ? lose_disk(host) : stop_and_start(host);
      case 15:
        if (random_.chance(0.5)) return world_.set_straggling(random_.chance(0.5) ? 0.01 : 0.3);
        return world_.stop_cleanly(host);
    }
  }

  void stop_and_start(HostId host) {
    if (!world_.running(host)) return;
    world_.release(host);
    world_.run_for(random_.between(0ms, 50ms));
    world_.kill_agent(host);
    world_.start_agent(host);
  }

  // Never so many that no majority with state is left: then nothing is promised.
  void lose_disk(HostId host) {
    std::size_t with_state = 0;
    for (const Member& member : world_.members())
      if (member.voter && world_.has_disk(member.id)) ++with_state;
    const bool spare = with_state >= world_.voters() / 2 + 2;
    if (!world_.has_disk(host) || !spare) return;
    world_.kill_agent(host);
    world_.lose_disk(host);
    if (random_.chance(0.5)) world_.start_agent(host);
  }

  void restart_some() {
    for (const Member& member : world_.members()) {
      if (!world_.running(member.id) && random_.chance(0.2)) world_.start_agent(member.id);
      if (world_.is_paused(member.id) && random_.chance(0.2)) world_.resume_agent(member.id);
    }
  }

  void write() {
    const auto leader = world_.leader();
    const std::string key = "k" + std::to_string(random_.below(4));
    world_.write(leader && random_.chance(0.9) ? *leader : anyone(), key);
  }

  bool all_well(HostId leader) {
    for (const HostStatus& status : world_.node(leader).hosts(world_.clock(leader)))
      if (status.liveness != Liveness::alive || !status.has_state) return false;
    return true;
  }

  void heal_and_check() {
    world_.mend_all();
    world_.cancel_stops();
    world_.set_loss(0);
    world_.set_straggling(0);
    for (const Member& member : world_.members()) {
      world_.start_agent(member.id);
      world_.resume_agent(member.id);
    }
    const auto led = [this] {
      const auto leader = world_.leader();
      return leader && world_.ready(*leader);
    };
    if (!world_.run_until(led, heal_limit))
      return world_.checker.fail(world_.now(),
                                 "L1: nobody leads " + text(heal_limit) + " after healing");
    const auto well = [&] { return led() && all_well(*world_.leader()); };
    if (!world_.run_until(well, heal_limit))
      return world_.checker.fail(world_.now(), "L1: not every host is alive and has its state");
    // An authority that began before the healing may end while it writes, as when its voter was
    // restarted just before (rule 7); then its successor acknowledges.
    const auto acknowledged_next = [&] {
      return world_.run_until(led, heal_limit) && write_is_acknowledged();
    };
    if (!write_is_acknowledged() && !acknowledged_next())
      return world_.checker.fail(world_.now(), "L1: a write is not acknowledged");
    world_.run_for(500ms);  // An authority that began before the healing may just have ended.
    if (!world_.run_until(led, heal_limit))
      return world_.checker.fail(world_.now(), "L1: nobody leads any more");
    const HostId leader = *world_.leader();
    world_.checker.reads(world_.now(), leader, world_.node(leader).committed());
    if (world_.now() < whole) world_.run_for(whole - world_.now());
    if (world_.leader() != leader)
      world_.checker.fail(world_.now(), "L1: the leader changed without a fault");
  }

  // False: the leader may just have met a higher promise, and the outcome is unknown.
  bool write_is_acknowledged() {
    const auto leader = world_.leader();
    const std::uint64_t value = leader ? world_.write(*leader, "k0") : 0;
    return world_.run_until([&] { return world_.is_acknowledged(value); }, 500ms);
  }

  Options options_;
  World world_;
  Random random_;
  Outcome outcome_;
};

}  // namespace

Outcome run_schedule(std::uint64_t seed, const Mutations& mutations, bool trace) {
  return Schedule(seed, mutations, trace).run();
}

}  // namespace cierzo::simulation
