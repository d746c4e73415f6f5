// site_simulation: whole sites of production agents in virtual time; a failing seed replays
// exactly.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "agent/log.hpp"
#include "tests/simulation/site/crowd.hpp"
#include "tests/simulation/site/story.hpp"

namespace {

using namespace cierzo;
using namespace cierzo::simulation;

constexpr const char* usage =
    "site_simulation [--seed N | --first N --seeds COUNT] [--crowd INSTANCES]\n"
    "  --seed N           one story, with a trace\n"
    "  --first N          the first of many seeds (default 1)\n"
    "  --seeds COUNT      how many (default 200)\n"
    "  --mutate RULE      switch a rule of the election or the guard off: some seeds must fail\n"
    "  --crowd INSTANCES  instead: so many instances, ten to a host, on a bad day\n";

struct Arguments {
  std::uint64_t first = 1, seeds = 200, crowd = 0;
  bool single = false;
  election::Mutations mutations;
  guard::Mutations guard_mutations;
};

[[noreturn]] void refuse(const std::string& sentence) {
  std::fprintf(stderr, "site_simulation: %s\n%s", sentence.c_str(), usage);
  std::exit(1);
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help") {
      std::fputs(usage, stdout);
      std::exit(0);
    }
    if (i + 1 == argc) refuse(name + ": unknown, or its value is missing");
    const std::string value = argv[++i];
    if (name == "--mutate") {
      const auto mutation = election::mutation_named(value);
      const auto of_guard = guard::mutation_named(value);
      if (!mutation && !of_guard) refuse("--mutate: no such rule: " + value);
      if (mutation) arguments.mutations.set(static_cast<std::size_t>(*mutation));
      if (of_guard) arguments.guard_mutations.set(static_cast<std::size_t>(*of_guard));
      continue;
    }
    char* end = nullptr;
    const std::uint64_t number = std::strtoull(value.c_str(), &end, 10);
    if (value.empty() || *end != '\0') refuse(name + ": must be a number, got " + value);
    if (name == "--seed") {
      arguments.first = number;
      arguments.seeds = 1;
      arguments.single = true;
    } else if (name == "--first") {
      arguments.first = number;
    } else if (name == "--seeds") {
      arguments.seeds = number;
    } else if (name == "--crowd") {
      arguments.crowd = number;
    } else {
      refuse(name + ": unknown");
    }
  }
  return arguments;
}

int tell_stories(const Arguments& arguments) {
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t failed = 0, events = 0, slowest_seed = 0;
  Duration slowest{};
  for (std::uint64_t seed = arguments.first; seed < arguments.first + arguments.seeds; ++seed) {
    Story story = story_of(seed);
    story.site.mutations = arguments.mutations;
    story.site.guard_mutations = arguments.guard_mutations;
    story.site.trace = arguments.single;
    if (arguments.single) std::printf("%s\n", to_string(story).c_str());
    const StoryEnd end = run(story);
    events += end.events;
    if (end.healed_after > slowest) {
      slowest = end.healed_after;
      slowest_seed = seed;
    }
    if (end.failures.empty()) continue;
    ++failed;
    std::printf("%s\n", to_string(story).c_str());
    for (const std::string& failure : end.failures) std::printf("  FAILED %s\n", failure.c_str());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf(
      "%llu of %llu stories failed; %.1f s, %llu events, slowest to heal %.1f s (seed %llu)\n",
      static_cast<unsigned long long>(failed), static_cast<unsigned long long>(arguments.seeds),
      took.count(), static_cast<unsigned long long>(events),
      std::chrono::duration<double>(slowest).count(),
      static_cast<unsigned long long>(slowest_seed));
  return failed == 0 ? 0 : 2;
}

int live_a_day(const Arguments& arguments) {
  Crowd crowd;
  crowd.seed = arguments.first;
  crowd.trace = arguments.single;
  crowd.resources = static_cast<unsigned>((arguments.crowd + crowd.each - 1) / crowd.each);
  crowd.hosts = std::max(10U, crowd.resources * crowd.each / 10);
  const CrowdEnd end = run(crowd);
  std::fputs(to_string(end).c_str(), stdout);
  for (const std::string& failure : end.failures) std::printf("FAILED %s\n", failure.c_str());
  return end.failures.empty() ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  log::start(arguments.single ? log::Level::info : log::Level::error);
  return arguments.crowd > 0 ? live_a_day(arguments) : tell_stories(arguments);
}
