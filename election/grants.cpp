#include "election/grants.hpp"

namespace cierzo::election {

void Authority::sent(std::uint64_t seq, Time at, const Timing& timing) {
  // What has ended can add nothing any more.
  while (!ends_.empty() && ends_.begin()->second <= at) ends_.erase(ends_.begin());
  ends_[seq] = at + timing.at_least(timing.lease);
  granted(self_, seq);
}

void Authority::granted(HostId host, std::uint64_t seq) {
  const auto sent = ends_.find(seq);
  if (sent == ends_.end()) return;
  Time& end = granted_[host];
  if (end >= sent->second) return;
  end = sent->second;
  if (members_->is_voter(host)) recount();
}

void Authority::recount() { until_ = until_under(*members_); }

Time Authority::until_without(HostId voter) const {
  return members_->reached([&](HostId id) {
    const auto end = granted_.find(id);
    return id == voter || end == granted_.end() ? Time{} : end->second;
  });
}

Time Authority::until_under(const Members& members) const {
  return members.reached([&](HostId id) {
    const auto end = granted_.find(id);
    return end == granted_.end() ? Time{} : end->second;
  });
}

}  // namespace cierzo::election
