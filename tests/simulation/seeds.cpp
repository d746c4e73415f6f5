#include "tests/simulation/seeds.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace cierzo::simulation {
namespace {

[[noreturn]] void refuse(const std::string& sentence, const std::string& usage) {
  std::fprintf(stderr, "%s\n%s", sentence.c_str(), usage.c_str());
  std::exit(1);
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

// The next seed that nobody has begun, for all jobs.
class Counter {
 public:
  Counter() {
    void* const page = mmap(nullptr, sizeof(std::atomic<std::uint64_t>), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) refuse("no memory that jobs could share", "");
    next_ = new (page) std::atomic<std::uint64_t>(0);
  }
  ~Counter() { munmap(next_, sizeof *next_); }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  std::uint64_t next() { return next_->fetch_add(1); }

 private:
  std::atomic<std::uint64_t>* next_ = nullptr;
};

}  // namespace

Arguments parse_arguments(int argc, char** argv, const std::string& usage,
                          std::uint64_t seeds_by_default, const std::vector<std::string>& own,
                          const std::function<bool(const std::string&)>& is_rule) {
  Arguments arguments;
  arguments.seeds = seeds_by_default;
  arguments.jobs = std::max(1U, std::thread::hardware_concurrency());
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help") {
      std::fputs(usage.c_str(), stdout);
      std::exit(0);
    }
    if (name == "--list-mutations") {
      for (const auto mutation : election::all_mutations())
        std::printf("%s\n", election::to_string(mutation).c_str());
      std::exit(0);
    }
    if (i + 1 == argc) refuse(name + ": unknown, or its value is missing", usage);
    const std::string value = argv[++i];
    if (name == "--mutate") {
      if (const auto mutation = election::mutation_named(value)) {
        arguments.mutations.set(static_cast<std::size_t>(*mutation));
      } else if (is_rule && is_rule(value)) {
        arguments.other_rules.push_back(value);
      } else {
        refuse("--mutate: no such rule: " + value + " (see --list-mutations)", usage);
      }
      continue;
    }
    char* end = nullptr;
    const std::uint64_t number = std::strtoull(value.c_str(), &end, 10);
    if (value.empty() || *end != '\0') refuse(name + ": must be a number, got " + value, usage);
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
    } else if (std::find(own.begin(), own.end(), name) != own.end()) {
      arguments.numbers[name] = number;
    } else {
      refuse(name + ": unknown", usage);
    }
  }
  return arguments;
}

void Tally::add(const Tally& other) {
  failed += other.failed;
  events += other.events;
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  if (other.slowest_ms <= slowest_ms) return;
  slowest_ms = other.slowest_ms;
  slowest_seed = other.slowest_seed;
}

Tally run_seeds(const Arguments& arguments,
                const std::function<Tally(std::uint64_t seed)>& run_one) {
  std::signal(SIGABRT, say_seed);
  if (arguments.single) {
    current_seed = arguments.first;
    return run_one(arguments.first);
  }
  Counter counter;
  std::vector<std::pair<pid_t, int>> children;
  std::fflush(stdout);
  for (std::uint64_t job = 0; job < arguments.jobs; ++job) {
    int ends[2];
    if (pipe(ends) != 0) refuse("no pipe", "");
    const pid_t child = fork();
    if (child < 0) refuse("no process", "");
    if (child == 0) {
      Tally tally;
      for (std::uint64_t i = counter.next(); i < arguments.seeds; i = counter.next()) {
        current_seed = arguments.first + i;
        tally.add(run_one(current_seed));
      }
      std::fflush(stdout);
      _exit(write(ends[1], &tally, sizeof tally) == sizeof tally ? 0 : 1);
    }
    close(ends[1]);
    children.emplace_back(child, ends[0]);
  }
  Tally whole;
  for (const auto& [child, end] : children) {
    Tally part;
    if (read(end, &part, sizeof part) == sizeof part)
      whole.add(part);
    else
      ++whole.failed;
    close(end);
    waitpid(child, nullptr, 0);
  }
  return whole;
}

}  // namespace cierzo::simulation
