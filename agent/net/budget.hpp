// How much of one peer is read. An agent sends tens of messages a second, and megabytes only where
// somebody lacks the catalog; who sends more than this is broken or hostile, and what is beyond is
// not even decoded, so that the others are heard in time.
//
// A host has one budget, however often it connects, and each of its connections a small one of its
// own besides: so an agent is heard although somebody floods with its key over another connection.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>

namespace cierzo {

class Budget {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  struct Rates {
    double messages_per_second, messages_burst, bytes_per_second, bytes_burst;
  };
  static constexpr double mib = 1024.0 * 1024;
  static constexpr Rates of_host{1000, 4000, 32 * mib, 128 * mib};
  static constexpr Rates of_connection{200, 200, mib, 8 * mib};

  // A host begins with its whole burst. A connection begins with nothing, or connecting again and
  // again would be worth it.
  [[nodiscard]] static Budget for_host(Instant now) {
    return {now, of_host, of_host.messages_burst, of_host.bytes_burst};
  }
  [[nodiscard]] static Budget for_connection(Instant now) { return {now, of_connection, 0, 0}; }

  // False: it is beyond, and costs nothing more.
  [[nodiscard]] bool admit(std::size_t bytes, Instant now) {
    const double seconds = std::chrono::duration<double>(now - filled_).count();
    filled_ = now;
    messages_ = std::min(rates_.messages_burst, messages_ + seconds * rates_.messages_per_second);
    bytes_ = std::min(rates_.bytes_burst, bytes_ + seconds * rates_.bytes_per_second);
    const auto size = static_cast<double>(bytes);
    if (messages_ < 1 || bytes_ < size) return false;
    messages_ -= 1;
    bytes_ -= size;
    return true;
  }

 private:
  Budget(Instant now, const Rates& rates, double messages, double bytes)
      : rates_(rates), filled_(now), messages_(messages), bytes_(bytes) {}

  Rates rates_;
  Instant filled_;
  double messages_, bytes_;
};

}  // namespace cierzo
