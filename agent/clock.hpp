// The clock of LEADERSHIP.md, "Words": CLOCK_MONOTONIC_RAW + (CLOCK_BOOTTIME - CLOCK_MONOTONIC). It
// counts suspend, and no time daemon slews it (plain CLOCK_BOOTTIME can be slewed by 8 %). The
// cores get readings of it as arguments; nothing else in the product decides by a clock.
#pragma once
#include <chrono>
#include <string>

#include "resources/ids.hpp"

namespace cierzo {

// Four readings, in the order they were taken.
struct ClockReadings {
  Time monotonic_before{}, boottime{}, monotonic_after{}, raw{};
};

// The time suspended so far is boottime - monotonic, but the two cannot be read in one instant:
// what is known is an interval. While the value known before lies in it, that one is kept, so that
// the sum never steps back because the process was interrupted between two readings; otherwise the
// host was suspended, and the interval's lower end (the later reading) is the new one.
[[nodiscard]] Duration suspended(const ClockReadings& readings, Duration known);

// One per thread that reads it: now() keeps what it has learnt of suspensions.
class Clock {
 public:
  // Read after a message is received, for each message, never once for a batch.
  [[nodiscard]] Time now();

 private:
  Duration suspended_{};
};

// Of this boot of the host: /proc/sys/kernel/random/boot_id. Throws std::runtime_error where it
// cannot be read.
[[nodiscard]] std::string boot_id();

// Random, 32 hexadecimal digits from the kernel: of a process, a state directory, a request.
[[nodiscard]] std::string random_id();

// For people only, UTC: "2026-03-01T17:04:05.123Z". No decision hangs on it.
[[nodiscard]] std::string wall_clock(std::chrono::system_clock::time_point at);
[[nodiscard]] std::string wall_clock();

}  // namespace cierzo
