// True time of a simulated site: what happens next, and to which host. Nothing waits; of two things
// at the same instant the one that was ordered first comes first.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "resources/ids.hpp"

namespace cierzo::simulation {

using HostIndex = std::size_t;

class Timeline {
 public:
  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }

  void at(Time when, HostIndex host, std::function<void()> then) {
    std::size_t slot = planned_.size();
    if (free_.empty()) {
      planned_.push_back(std::move(then));
    } else {
      slot = free_.back();
      free_.pop_back();
      planned_[slot] = std::move(then);
    }
    heap_.push_back({std::max(when, now_), order_++, host, slot});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  // Whom the next event is about; none: nothing happens until `until`.
  [[nodiscard]] std::optional<HostIndex> next(Time until) const {
    if (heap_.empty() || heap_.front().at > until) return std::nullopt;
    return heap_.front().host;
  }

  // Lets it happen. Only where next() has named somebody.
  void step() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Event event = heap_.back();
    heap_.pop_back();
    now_ = event.at;
    ++events_;
    const std::function<void()> then = std::exchange(planned_[event.slot], {});
    free_.push_back(event.slot);
    then();
  }

  void skip_to(Time when) { now_ = std::max(now_, when); }

 private:
  struct Event {
    Time at;
    std::uint64_t order;
    HostIndex host;
    std::size_t slot;
  };
  static bool later(const Event& a, const Event& b) {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }

  Time now_{};
  std::uint64_t order_ = 0, events_ = 0;
  std::vector<Event> heap_;                     // Small: they are moved about a lot.
  std::vector<std::function<void()>> planned_;  // What happens, by slot.
  std::vector<std::size_t> free_;               // Slots.
};

}  // namespace cierzo::simulation
