// site_simulation: whole sites of production agents in virtual time; a failing seed replays
// exactly.
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "agent/log.hpp"
#include "tests/simulation/seeds.hpp"
#include "tests/simulation/site/cluster.hpp"
#include "tests/simulation/site/crowd.hpp"
#include "tests/simulation/site/directed_sites.hpp"
#include "tests/simulation/site/story.hpp"

namespace {

using namespace cierzo;
using namespace cierzo::simulation;

constexpr const char* usage =
    "site_simulation [--seed N | --first N --seeds COUNT] [--jobs N] [--mutate RULE]...\n"
    "  --seed N           one whole cluster on a bad day, with a trace\n"
    "  --first N          the first of many seeds (default 1)\n"
    "  --seeds COUNT      how many (default 500)\n"
    "  --jobs N           processes (default: one per processor)\n"
    "  --mutate RULE      switch a rule of the election, the guard or the brake (19) off: some "
    "must\n"
    "                     fail\n"
    "  --hit-leaders 1    instead: small sites whose leader is hit in the middle of something\n"
    "  --mutations 1      instead: rules switched off, one at a time, and the schedule that "
    "notices\n"
    "  --crowd INSTANCES  instead: so many instances, ten to a host, on a bad day\n";

constexpr const char* brake_rule = "19";

void configure(SiteOptions& site, const Arguments& arguments) {
  site.mutations = arguments.mutations;
  for (const std::string& rule : arguments.other_rules) {
    if (rule == brake_rule) {
      site.brake_share = 1;
    } else {
      site.guard_mutations.set(static_cast<std::size_t>(*guard::mutation_named(rule)));
    }
  }
  site.trace = arguments.single;
}

// Says what failed, and how to see it again.
template <class Schedule, class End>
Tally judge(const Schedule& schedule, const End& end, bool single) {
  Tally tally;
  tally.failed = end.failures.empty() ? 0 : 1;
  tally.events = end.events;
  tally.slowest_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(end.healed_after).count());
  tally.slowest_seed = schedule.seed;
  if (tally.failed == 0 && !single) return tally;
  std::string text = to_string(schedule) + "\n";
  for (const std::string& failure : end.failures) text += "  FAILED " + failure + "\n";
  std::fputs(text.c_str(), stdout);
  return tally;
}

Tally live(std::uint64_t seed, const Arguments& arguments) {
  Cluster cluster = cluster_of(seed);
  configure(cluster.site, arguments);
  const ClusterEnd end = run(cluster);
  Tally tally = judge(cluster, end, arguments.single);
  tally.counts = {cluster.site.hosts, end.acknowledged, cluster.faults.size(),
                  end.braked,         end.confirmed,    end.members_changed};
  return tally;
}

Tally hit_leader(std::uint64_t seed, const Arguments& arguments) {
  Story story = story_of(seed);
  configure(story.site, arguments);
  return judge(story, run(story), arguments.single);
}

int live_a_day(const Arguments& arguments) {
  const std::uint64_t instances = arguments.numbers.at("--crowd");
  Crowd crowd;
  crowd.seed = arguments.first;
  crowd.trace = arguments.single;
  crowd.resources = static_cast<unsigned>((instances + crowd.each - 1) / crowd.each);
  crowd.hosts = std::max(10U, crowd.resources * crowd.each / 10);
  const CrowdEnd end = run(crowd);
  std::fputs(to_string(end).c_str(), stdout);
  for (const std::string& failure : end.failures) std::printf("FAILED %s\n", failure.c_str());
  return end.failures.empty() ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments =
      parse_arguments(argc, argv, usage, 500, {"--crowd", "--hit-leaders", "--mutations"},
                      [](const std::string& rule) {
                        return rule == brake_rule || guard::mutation_named(rule).has_value();
                      });
  log::start(arguments.single ? log::Level::info : log::Level::error);
  if (arguments.numbers.contains("--crowd")) return live_a_day(arguments);
  if (arguments.numbers.contains("--mutations")) return show_site_mutations() ? 0 : 2;
  const bool leaders = arguments.numbers.contains("--hit-leaders");
  const auto began = std::chrono::steady_clock::now();
  const Tally totals = run_seeds(arguments, [&arguments, leaders](std::uint64_t seed) {
    return leaders ? hit_leader(seed, arguments) : live(seed, arguments);
  });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu of %llu schedules failed; %.1f s, %llu events, slowest to heal %.1f s (seed %llu)",
      number(totals.failed), number(arguments.seeds), took.count(), number(totals.events),
      static_cast<double>(totals.slowest_ms) / 1000, number(totals.slowest_seed));
  if (!leaders) {
    std::printf(
        "; %llu hosts, %llu faults, %llu writes acknowledged, brake pulled %llu times, %llu hosts "
        "confirmed lost, members changed %llu times",
        number(totals.counts[0]), number(totals.counts[2]), number(totals.counts[1]),
        number(totals.counts[3]), number(totals.counts[4]), number(totals.counts[5]));
  }
  std::printf("\n");
  return totals.failed == 0 ? 0 : 2;
}
