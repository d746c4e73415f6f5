// Gives one process of the test bed a wall clock of its own: loaded by LD_PRELOAD into an agent.
//
// WALL_CLOCK names a file with the seconds by which the time of day differs, read at every reading
// of the clock: so it jumps when the file is written. The clocks that count from boot are left
// alone, and so is every timer. (libfaketime changes timers as well, whatever it is told: after a
// jump back none of them fires.)
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>

namespace {

long difference() {
  static const char* const path = std::getenv("WALL_CLOCK");
  long seconds = 0;
  std::FILE* const file = path != nullptr ? std::fopen(path, "re") : nullptr;
  if (file == nullptr || std::fscanf(file, "%ld", &seconds) != 1) {
    std::fputs("WALL_CLOCK: not a file with a number of seconds\n", stderr);
    std::abort();
  }
  std::fclose(file);
  return seconds;
}

}  // namespace

extern "C" int clock_gettime(clockid_t which, timespec* at) noexcept {
  static const auto real = reinterpret_cast<int (*)(clockid_t, timespec*)>(  //
      dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(which, at);
  const bool is_wall = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
  if (result == 0 && is_wall) at->tv_sec += difference();
  return result;
}

extern "C" int gettimeofday(timeval* at, void*) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  *at = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

extern "C" time_t time(time_t* at) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (at != nullptr) *at = now.tv_sec;
  return now.tv_sec;
}
