#include "agent/events.hpp"

#include <utility>

#include "agent/clock.hpp"
#include "agent/log.hpp"

namespace cierzo {

Events::Events(std::string source, std::string host)
    : source_(std::move(source)), host_(std::move(host)) {}

void Events::add(const std::string& kind, const std::string& subject, const std::string& message) {
  log::info(message, {{"kind", kind}, {"subject", subject}});
  rows_.push_back({next_++, wall_clock(), host_, kind, subject, message});
  if (rows_.size() > events_kept_max) rows_.pop_front();
  for (const auto& [id, call] : std::exchange(waiting_, {})) call();
}

std::uint64_t Events::on_next(std::function<void()> call) {
  waiting_[next_waiting_] = std::move(call);
  return next_waiting_++;
}

api::EventsView Events::after(std::uint64_t sequence) const {
  api::EventsView view;
  view.source = source_;
  for (const api::EventRow& row : rows_) {
    if (row.sequence > sequence) view.events.push_back(row);
  }
  return view;
}

}  // namespace cierzo
