// simulation: random schedules of the election, many at a time; a failing seed replays exactly.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "tests/simulation/measure.hpp"
#include "tests/simulation/schedule.hpp"

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
    "  --measure COUNT  leaderless time after power cuts of the leader\n";

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t seeds = 500;
  std::uint64_t jobs = std::max(1U, std::thread::hardware_concurrency());
  std::uint64_t measure = 0;
  bool single = false;
  election::Mutations mutations;
};

[[noreturn]] void refuse(const std::string& sentence) {
  std::fprintf(stderr, "simulation: %s\n%s", sentence.c_str(), usage);
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
    if (name == "--list-mutations") {
      for (const auto mutation : election::all_mutations())
        std::printf("%s\n", election::to_string(mutation).c_str());
      std::exit(0);
    }
    if (i + 1 == argc) refuse(name + ": unknown, or its value is missing");
    const std::string value = argv[++i];
    if (name == "--mutate") {
      const auto mutation = election::mutation_named(value);
      if (!mutation) refuse("--mutate: no such rule: " + value + " (see --list-mutations)");
      arguments.mutations.set(static_cast<std::size_t>(*mutation));
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
    } else if (name == "--jobs") {
      arguments.jobs = std::max<std::uint64_t>(1, number);
    } else if (name == "--measure") {
      arguments.measure = number;
    } else {
      refuse(name + ": unknown");
    }
  }
  return arguments;
}

// Said when a broken invariant aborts.
std::uint64_t current_seed = 0;
void say_seed(int) {
  char line[64];
  const int length = std::snprintf(line, sizeof line, "seed %llu: aborted\n",
                                   static_cast<unsigned long long>(current_seed));
  if (write(STDERR_FILENO, line, static_cast<std::size_t>(length)) < 0) _exit(3);
  _exit(2);
}

struct Totals {
  std::uint64_t failed = 0;
  std::uint64_t events = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t lost_hosts = 0;
  std::uint64_t terms = 0;
  void add(const Totals& other) {
    failed += other.failed;
    events += other.events;
    acknowledged += other.acknowledged;
    lost_hosts += other.lost_hosts;
    terms += other.terms;
  }
};

Totals run_one(std::uint64_t seed, const Arguments& arguments) {
  current_seed = seed;
  const Outcome outcome = run_schedule(seed, arguments.mutations, arguments.single);
  for (const std::string& failure : outcome.failures)
    std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed), failure.c_str());
  return {outcome.failures.empty() ? 0U : 1U, outcome.events, outcome.acknowledged,
          outcome.lost_hosts, outcome.terms};
}

// Every job-th seed, in a process of its own: an abort of one is seen and spoils no other.
Totals run_jobs(const Arguments& arguments) {
  std::vector<std::pair<pid_t, int>> children;
  for (std::uint64_t job = 0; job < arguments.jobs; ++job) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) refuse("no pipe");
    const pid_t child = fork();
    if (child < 0) refuse("no process");
    if (child == 0) {
      Totals totals;
      for (std::uint64_t i = job; i < arguments.seeds; i += arguments.jobs)
        totals.add(run_one(arguments.first + i, arguments));
      const bool written = write(pipe_ends[1], &totals, sizeof totals) == sizeof totals;
      _exit(written ? 0 : 1);
    }
    close(pipe_ends[1]);
    children.emplace_back(child, pipe_ends[0]);
  }
  Totals totals;
  for (const auto& [child, end] : children) {
    Totals part;
    if (read(end, &part, sizeof part) == sizeof part)
      totals.add(part);
    else
      ++totals.failed;
    close(end);
    waitpid(child, nullptr, 0);
  }
  return totals;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  if (arguments.measure > 0) {
    measure(arguments.measure);
    return 0;
  }
  std::signal(SIGABRT, say_seed);
  const auto began = std::chrono::steady_clock::now();
  const Totals totals =
      arguments.single ? run_one(arguments.first, arguments) : run_jobs(arguments);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf(
      "%llu of %llu schedules failed; %.1f s, %.0f schedules/s; %llu events, %llu leaders, "
      "%llu hosts lost, %llu writes acknowledged\n",
      static_cast<unsigned long long>(totals.failed),
      static_cast<unsigned long long>(arguments.seeds), seconds,
      static_cast<double>(arguments.seeds) / seconds,
      static_cast<unsigned long long>(totals.events), static_cast<unsigned long long>(totals.terms),
      static_cast<unsigned long long>(totals.lost_hosts),
      static_cast<unsigned long long>(totals.acknowledged));
  return totals.failed == 0 ? 0 : 2;
}
