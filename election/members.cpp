#include "election/members.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace cierzo::election {

Duration Timing::at_most(Duration length) const {
  const auto extra = static_cast<double>(length.count()) * drift;
  return length + Duration{static_cast<std::int64_t>(std::ceil(extra))};
}

Duration Timing::at_least(Duration length) const {
  const auto less = static_cast<double>(length.count()) * drift;
  return length - Duration{static_cast<std::int64_t>(std::ceil(less))};
}

Duration Timing::disks_held() const {
  return at_most(guard_delay) + at_most(destroy_after) + at_most(time_to_kill);
}

Timing default_timing() {
  using namespace std::chrono_literals;
  return {100ms, 500ms, 2s, 25ms, 0.01, 50ms, 5s};
}

Timing fast_timing() {
  using namespace std::chrono_literals;
  return {20ms, 100ms, 400ms, 5ms, 0.01, 50ms, 2s};
}

std::vector<std::string> mistakes(const Timing& timing) {
  std::vector<std::string> found;
  const auto require = [&](bool holds, const char* sentence) {
    if (!holds) found.emplace_back(sentence);
  };
  require(timing.heartbeat > Duration{0}, "heartbeat: must be above 0");
  require(timing.answer > Duration{0}, "answer: must be above 0");
  require(timing.drift >= 0 && timing.drift < 0.5, "drift: must be at least 0 and below 0.5");
  require(timing.guard_delay >= Duration{0}, "guard_delay: must not be negative");
  require(timing.destroy_after >= Duration{0}, "destroy_after: must not be negative");
  require(timing.lease >= 3 * timing.heartbeat,
          "lease: must be at least 3 heartbeats, so that one lost message costs no leader");
  require(timing.answer * 4 <= timing.lease, "answer: must be at most a quarter of lease");
  require(timing.permit >= 3 * timing.lease,
          "permit: must be at least 3 leases, so that a change of leader pauses no VM");
  return found;
}

std::string encode(const Timing& timing) {
  std::ostringstream out;
  out << "heartbeat=" << timing.heartbeat.count() << " lease=" << timing.lease.count()
      << " permit=" << timing.permit.count() << " answer=" << timing.answer.count()
      << " drift_ppm=" << std::llround(timing.drift * 1e6)
      << " guard_delay=" << timing.guard_delay.count()
      << " destroy_after=" << timing.destroy_after.count();
  return out.str();
}

std::optional<Timing> decode_timing(const std::string& text) {
  Timing timing;
  std::int64_t drift_ppm = -1;
  std::istringstream in(text);
  for (std::string word; in >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) return std::nullopt;
    std::int64_t value = 0;
    std::istringstream number(word.substr(equals + 1));
    if (!(number >> value) || !number.eof()) return std::nullopt;
    const std::string name = word.substr(0, equals);
    if (name == "heartbeat")
      timing.heartbeat = Duration{value};
    else if (name == "lease")
      timing.lease = Duration{value};
    else if (name == "permit")
      timing.permit = Duration{value};
    else if (name == "answer")
      timing.answer = Duration{value};
    else if (name == "drift_ppm")
      drift_ppm = value;
    else if (name == "guard_delay")
      timing.guard_delay = Duration{value};
    else if (name == "destroy_after")
      timing.destroy_after = Duration{value};
    else
      return std::nullopt;
  }
  timing.drift = static_cast<double>(drift_ppm) / 1e6;
  if (!mistakes(timing).empty()) return std::nullopt;
  return timing;
}

bool Longest::include(const Timing& timing) {
  return include(Longest{timing.lease, timing.permit, timing.permit - timing.lease});
}

bool Longest::include(const Longest& other) {
  const Longest before = *this;
  lease = std::max(lease, other.lease);
  permit = std::max(permit, other.permit);
  permit_minus_lease = std::max(permit_minus_lease, other.permit_minus_lease);
  return *this != before;
}

}  // namespace cierzo::election
