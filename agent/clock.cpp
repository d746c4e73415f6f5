#include "agent/clock.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <stdexcept>

namespace cierzo {
namespace {

Time read(clockid_t which) {
  timespec at{};
  if (clock_gettime(which, &at) != 0) std::abort();  // Linux has had these clocks since 2.6.39.
  return std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
}

}  // namespace

Duration suspended(const ClockReadings& readings, Duration known) {
  const Duration least = readings.boottime - readings.monotonic_after;
  const Duration most = readings.boottime - readings.monotonic_before;
  return least <= known && known <= most ? known : least;
}

Time Clock::now() {
  // Read one after the other; RAW last, so that nothing the caller did before is later than the
  // result says.
  ClockReadings readings;
  readings.monotonic_before = read(CLOCK_MONOTONIC);
  readings.boottime = read(CLOCK_BOOTTIME);
  readings.monotonic_after = read(CLOCK_MONOTONIC);
  readings.raw = read(CLOCK_MONOTONIC_RAW);
  suspended_ = suspended(readings, suspended_);
  return readings.raw + suspended_;
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  if (!std::getline(file, id) || id.empty()) {
    throw std::runtime_error("cannot read /proc/sys/kernel/random/boot_id: is /proc mounted?");
  }
  return id;
}

std::string random_id() {
  unsigned char bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) std::abort();
  std::string id;
  for (const unsigned char byte : bytes) {
    constexpr const char* digits = "0123456789abcdef";
    id += digits[byte >> 4];
    id += digits[byte & 15];
  }
  return id;
}

std::string wall_clock(std::chrono::system_clock::time_point at) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const time_t whole = seconds.count();
  tm parts{};
  gmtime_r(&whole, &parts);
  char text[64];
  const std::size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + length, sizeof text - length, ".%03dZ",
                static_cast<int>((since - seconds).count()));
  return text;
}

std::string wall_clock() { return wall_clock(std::chrono::system_clock::now()); }

}  // namespace cierzo
