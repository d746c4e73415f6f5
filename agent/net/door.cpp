#include "agent/net/door.hpp"

#include <algorithm>
#include <utility>

namespace cierzo {

std::optional<int> Door::accepted(int connection, std::string address, Instant now) {
  open_.insert_or_assign(connection, Connection{std::move(address), now, std::nullopt,
                                                Budget::for_connection(now), 0});
  std::map<std::string, std::size_t> silent;
  std::size_t count = 0;
  for (const auto& [fd, one] : open_) {
    if (one.host) continue;
    ++count;
    ++silent[one.address];
  }
  if (count <= strangers_max + hosts_) return std::nullopt;
  const auto most =
      std::max_element(silent.begin(), silent.end(), [](const auto& a, const auto& b) {
        return a.second < b.second;
      })->second;
  // Of several addresses with as many, whichever has waited longest: nobody is favoured by what his
  // address is.
  auto oldest = open_.end();
  for (auto it = open_.begin(); it != open_.end(); ++it) {
    if (it->second.host || silent.at(it->second.address) != most) continue;
    if (oldest == open_.end() || it->second.since < oldest->second.since) oldest = it;
  }
  return open_.extract(oldest).key();
}

std::optional<int> Door::spoke(int connection, HostId from, Instant now) {
  const auto known = open_.find(connection);
  if (known != open_.end() && known->second.host == from) return std::nullopt;
  // One that was hung up on, or that nobody told of: what it said before is still read.
  if (known == open_.end()) return std::nullopt;
  known->second.host = from;
  known->second.since = now;
  std::size_t count = 0;
  auto leaves = known;
  for (auto it = open_.begin(); it != open_.end(); ++it) {
    if (it->second.host != from) continue;
    ++count;
    const Connection &one = it->second, &worst = leaves->second;
    if (one.unread > worst.unread || (one.unread == worst.unread && one.since < worst.since)) {
      leaves = it;
    }
  }
  if (count <= of_host_max) return std::nullopt;
  return open_.extract(leaves).key();
}

bool Door::admits(int connection, std::size_t bytes, Instant now) {
  const auto known = open_.find(connection);
  return known != open_.end() && known->second.budget.admit(bytes, now);
}

bool Door::unread(int connection) {
  const auto known = open_.find(connection);
  if (known == open_.end() || ++known->second.unread < unread_max) return false;
  open_.erase(known);
  return true;
}

std::vector<int> Door::overdue(Instant now) {
  std::vector<int> all;
  for (const auto& [fd, one] : open_) {
    if (!one.host && now - one.since > silent_for_most) all.push_back(fd);
  }
  for (const int fd : all) open_.erase(fd);
  return all;
}

}  // namespace cierzo
