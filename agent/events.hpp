// What happened, for people: a bounded ring of numbered lines, and those who wait for the next one.
// Main loop only.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/api/views.hpp"

namespace cierzo {

inline constexpr std::size_t events_kept_max = 10'000;

class Events {
 public:
  // `source` names this process; `host` is the name of this host.
  Events(std::string source, std::string host);

  // kind: leader host instance resource action start. `message` reads on its own.
  void add(const std::string& kind, const std::string& subject, const std::string& message);

  [[nodiscard]] api::EventsView after(std::uint64_t sequence) const;
  [[nodiscard]] std::uint64_t last() const { return next_ - 1; }

  // Called once, for the next event that is added; forgotten then, or by forget().
  std::uint64_t on_next(std::function<void()> call);
  void forget(std::uint64_t waiting) { waiting_.erase(waiting); }

 private:
  std::string source_, host_;
  std::deque<api::EventRow> rows_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, std::function<void()>> waiting_;
  std::uint64_t next_waiting_ = 1;
};

}  // namespace cierzo
