#include "election/grants.hpp"

#include <algorithm>
#include <functional>
#include <vector>

namespace cierzo::election {

void Authority::sent(std::uint64_t seq, Time at, const Timing& timing) {
  // What has ended can add nothing any more.
  while (!ends_.empty() && ends_.begin()->second <= at) ends_.erase(ends_.begin());
  ends_[seq] = at + timing.at_least(timing.lease);
  granted(self_, seq);
}

void Authority::granted(HostId voter, std::uint64_t seq) {
  const auto sent = ends_.find(seq);
  if (sent == ends_.end() || !members_->is_voter(voter)) return;
  Time& end = granted_[voter];
  if (end >= sent->second) return;
  end = sent->second;
  until_ = until_without(HostId{});
}

Time Authority::until_without(HostId voter) const {
  std::vector<Time> ends;
  for (const auto& [id, end] : granted_)
    if (id != voter) ends.push_back(end);
  const std::size_t needed = members_->majority();
  if (ends.size() < needed) return Time{};
  const auto nth = ends.begin() + static_cast<std::ptrdiff_t>(needed - 1);
  std::nth_element(ends.begin(), nth, ends.end(), std::greater<>());
  return *nth;
}

}  // namespace cierzo::election
