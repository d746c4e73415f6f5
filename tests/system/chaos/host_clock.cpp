// Gives the processes of a host of the test bed a clock that goes at a rate of its own: loaded by
// LD_PRELOAD into the agent and its guard.
//
// HOST_CLOCK="ANCHOR RATE": at ANCHOR (nanoseconds of the machine's clocks) both clocks agree, and
// from there the host's goes RATE parts per million as fast. What one process of the host reads
// another reads as well, whenever it was started. (libfaketime cannot do that for processes that
// come and go, and under it a leader whose rate is not 1 lost its authority every lease.)
//
// The clocks that count from boot are changed, the time of day is not. Waits that name an instant
// by such a clock are changed back. Others are durations, which are wrong by less than 1 %.
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {

__extension__ using Wide = __int128;
constexpr std::int64_t million = 1'000'000;
constexpr std::int64_t second = 1'000'000'000;

struct Rate {
  std::int64_t anchor = 0;
  std::int64_t rate = million;

  Rate() {
    const char* text = std::getenv("HOST_CLOCK");
    long long from = 0;
    long long parts = 0;
    if (text == nullptr || std::sscanf(text, "%lld %lld", &from, &parts) != 2 || parts <= 0) {
      std::fputs("HOST_CLOCK: not \"ANCHOR RATE\"\n", stderr);
      std::abort();
    }
    anchor = from;
    rate = parts;
  }
};

const Rate& rate() {
  static const Rate given;
  return given;
}

timespec scaled(const timespec& at, std::int64_t times, std::int64_t by) {
  const Wide since = static_cast<Wide>(at.tv_sec) * second + at.tv_nsec - rate().anchor;
  const auto result = static_cast<std::int64_t>(rate().anchor + since * times / by);
  return {result / second, result % second};
}

bool is_changed(clockid_t which) {
  return which == CLOCK_MONOTONIC || which == CLOCK_MONOTONIC_RAW || which == CLOCK_BOOTTIME ||
         which == CLOCK_MONOTONIC_COARSE;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int clock_gettime(clockid_t which, timespec* at) noexcept {
  static const auto real = next<int(clockid_t, timespec*)>("clock_gettime");
  const int result = real(which, at);
  if (result == 0 && is_changed(which)) *at = scaled(*at, rate().rate, million);
  return result;
}

// What std::condition_variable waits with.
extern "C" int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                      clockid_t which, const timespec* until) {
  static const auto real =
      next<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>(
          "pthread_cond_clockwait");
  const timespec then = is_changed(which) ? scaled(*until, million, rate().rate) : *until;
  return real(condition, mutex, which, &then);
}
