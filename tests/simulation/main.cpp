// simulation: random schedules of the election, many at a time; a failing seed replays exactly.
#include <chrono>
#include <cstdio>

#include "tests/simulation/measure.hpp"
#include "tests/simulation/mutations.hpp"
#include "tests/simulation/schedule.hpp"
#include "tests/simulation/seeds.hpp"

namespace {

using namespace cierzo;
using namespace cierzo::simulation;

constexpr const char* usage =
    "simulation [--seed N | --first N --seeds COUNT] [--jobs N] [--mutate RULE]...\n"
    "  --seed N         one schedule of 30 virtual seconds, with a trace\n"
    "  --first N        the first of many seeds (default 1)\n"
    "  --seeds COUNT    how many (default 500)\n"
    "  --jobs N         processes (default: one per processor)\n"
    "  --mutate RULE    switch a rule off: some seeds must fail\n"
    "  --list-mutations the rules that can be switched off\n"
    "  --mutations 1    instead: each rule switched off in turn, and the schedule that notices\n"
    "  --measure COUNT  instead: leaderless time after power cuts of the leader\n";

Tally run_one(std::uint64_t seed, const Arguments& arguments) {
  const Outcome outcome = run_schedule(seed, arguments.mutations, arguments.single);
  for (const std::string& failure : outcome.failures)
    std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed), failure.c_str());
  Tally tally;
  tally.failed = outcome.failures.empty() ? 0U : 1U;
  tally.events = outcome.events;
  tally.counts = {outcome.terms, outcome.lost_hosts, outcome.acknowledged, outcome.members_changed};
  return tally;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse_arguments(argc, argv, usage, 500, {"--measure", "--mutations"});
  if (const auto count = arguments.numbers.find("--measure"); count != arguments.numbers.end()) {
    measure(count->second);
    return 0;
  }
  if (arguments.numbers.contains("--mutations")) return show_mutations() ? 0 : 2;
  const auto began = std::chrono::steady_clock::now();
  const Tally totals =
      run_seeds(arguments, [&arguments](std::uint64_t seed) { return run_one(seed, arguments); });
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%llu of %llu schedules failed; %.1f s, %.0f schedules/s; %llu events, %llu leaders, "
      "%llu hosts lost, %llu writes acknowledged, %llu changes of members heard\n",
      number(totals.failed), number(arguments.seeds), seconds,
      static_cast<double>(arguments.seeds) / seconds, number(totals.events),
      number(totals.counts[0]), number(totals.counts[1]), number(totals.counts[2]),
      number(totals.counts[3]));
  return totals.failed == 0 ? 0 : 2;
}
