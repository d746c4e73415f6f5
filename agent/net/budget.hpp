// How much of one peer is read. An agent sends tens of messages a second, and megabytes only where
// somebody lacks the catalog; who sends more than this is broken or hostile, and what is beyond is
// not even decoded, so that the others are heard in time.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>

namespace cierzo {

class Budget {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  static constexpr double messages_per_second = 1000, messages_burst = 4000;
  static constexpr double bytes_per_second = 32.0 * 1024 * 1024, bytes_burst = 128.0 * 1024 * 1024;

  explicit Budget(Instant now) : filled_(now) {}

  // False: it is beyond, and costs nothing more.
  [[nodiscard]] bool admit(std::size_t bytes, Instant now) {
    const double seconds = std::chrono::duration<double>(now - filled_).count();
    filled_ = now;
    messages_ = std::min(messages_burst, messages_ + seconds * messages_per_second);
    bytes_ = std::min(bytes_burst, bytes_ + seconds * bytes_per_second);
    const auto size = static_cast<double>(bytes);
    if (messages_ < 1 || bytes_ < size) return false;
    messages_ -= 1;
    bytes_ -= size;
    return true;
  }

 private:
  Instant filled_;
  double messages_ = messages_burst, bytes_ = bytes_burst;
};

}  // namespace cierzo
