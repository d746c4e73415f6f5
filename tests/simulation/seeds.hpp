// What the two simulators' programs share: the command line, and many seeds on all processors. Each
// job is a process of its own: an abort of one is seen, names its seed, and spoils no other; the
// seeds after it are run by a new one.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "election/mutations.hpp"

namespace cierzo::simulation {

struct Arguments {
  std::uint64_t first = 1, seeds = 0, jobs = 1;
  bool single = false;  // --seed: one, with a trace.
  election::Mutations mutations;
  std::vector<std::string> other_rules;  // To be switched off too, that are not the election's.
  std::map<std::string, std::uint64_t> numbers;  // The program's own options that were given.
};

// Of --first N, --seeds COUNT, --seed N, --jobs N, --mutate RULE, --list-mutations, --help and the
// program's `own` options, each with a number. `is_rule`: can that one be switched off as well?
// What is wrong is said with the usage; exits then.
[[nodiscard]] Arguments parse_arguments(
    int argc, char** argv, const std::string& usage, std::uint64_t seeds_by_default,
    const std::vector<std::string>& own,
    const std::function<bool(const std::string&)>& is_rule = {});

// Of one seed, or of many.
struct Tally {
  std::uint64_t failed = 0, events = 0;
  std::array<std::uint64_t, 6> counts{};  // What the program likes to count.
  std::uint64_t slowest_ms = 0, slowest_seed = 0;
  void add(const Tally& other);
};

// Says itself what failed. A single seed is run in this process.
[[nodiscard]] Tally run_seeds(const Arguments& arguments,
                              const std::function<Tally(std::uint64_t seed)>& run_one);

}  // namespace cierzo::simulation
