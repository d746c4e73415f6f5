// Runs a program to its end: arguments as they are, no shell, bounded time.
#pragma once
#include <string>
#include <vector>

#include "resources/ids.hpp"

namespace cierzo {

struct ProgramEnd {
  bool ok = false;  // It exited with 0.
  bool timed_out = false;
  int status = -1;     // What it exited with; -1: it did not.
  std::string output;  // What it printed, both streams, the first 4 KiB; or why it did not run.
};

// `words` are the program, searched in PATH, and its arguments; `input` is what it can read. Killed
// when `limit` has passed.
[[nodiscard]] ProgramEnd run_program(const std::vector<std::string>& words, Duration limit,
                                     const std::string& input = {});

}  // namespace cierzo
