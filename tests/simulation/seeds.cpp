#include "tests/simulation/seeds.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <thread>

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

constexpr std::uint64_t progress_every = 1000;  // Schedules: a long run says how far it is.

// What all jobs share: the next seed that nobody has begun, and what each has found so far, which
// so outlives an abort.
class Board {
 public:
  explicit Board(std::uint64_t jobs) : size_(sizeof(Page) + jobs * sizeof(Tally)) {
    void* const memory =
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) refuse("no memory that jobs could share", "");
    page_ = new (memory) Page;
    tallies_ = reinterpret_cast<Tally*>(page_ + 1);
    for (std::uint64_t job = 0; job < jobs; ++job) new (tallies_ + job) Tally;
  }
  ~Board() { munmap(page_, size_); }
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;
  std::uint64_t next() { return page_->next.fetch_add(1); }
  Tally& tally(std::uint64_t job) { return tallies_[job]; }

 private:
  struct alignas(Tally) Page {
    std::atomic<std::uint64_t> next{0};
  };
  const std::size_t size_;
  Page* page_ = nullptr;
  Tally* tallies_ = nullptr;
};

// A process that runs seeds as long as there are some.
pid_t start_job(const Arguments& arguments, Board& board, Tally& tally,
                const std::function<Tally(std::uint64_t seed)>& run_one) {
  const pid_t child = fork();
  if (child < 0) refuse("no process", "");
  if (child != 0) return child;
  for (std::uint64_t i = board.next(); i < arguments.seeds; i = board.next()) {
    current_seed = arguments.first + i;
    tally.add(run_one(current_seed));
    std::fflush(stdout);
    if (i % progress_every != 0 || i == 0) continue;
    std::fprintf(stderr, "%llu of %llu schedules\n", static_cast<unsigned long long>(i),
                 static_cast<unsigned long long>(arguments.seeds));
  }
  _exit(0);
}

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
  Board board(arguments.jobs);
  std::map<pid_t, std::uint64_t> jobs;
  std::fflush(stdout);
  for (std::uint64_t job = 0; job < arguments.jobs; ++job) {
    jobs[start_job(arguments, board, board.tally(job), run_one)] = job;
  }
  while (!jobs.empty()) {
    int status = 0;
    const auto ended = jobs.extract(waitpid(-1, &status, 0));
    if (ended.empty() || status == 0) continue;
    ++board.tally(ended.mapped()).failed;  // It has named its seed; another goes on with the next.
    jobs[start_job(arguments, board, board.tally(ended.mapped()), run_one)] = ended.mapped();
  }
  Tally whole;
  for (std::uint64_t job = 0; job < arguments.jobs; ++job) whole.add(board.tally(job));
  return whole;
}

}  // namespace cierzo::simulation
