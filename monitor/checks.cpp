#include "monitor/checks.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "resources/ladder.hpp"

namespace cierzo {

void Checks::Results::add(bool failed) {
  bits = bits << 1 | static_cast<std::uint32_t>(failed);
  count = std::min(count + 1, results_kept);
}

int Checks::Results::changes() const {
  if (count < 2) return 0;
  const std::uint32_t pairs = (std::uint32_t{1} << (count - 1)) - 1;
  return std::popcount((bits ^ bits >> 1) & pairs);
}

bool Checks::Results::alike(int newest) const {
  const std::uint32_t mask = (std::uint32_t{1} << newest) - 1;
  return count >= newest && ((bits & mask) == 0 || (bits & mask) == mask);
}

void Checks::attend(const Attend& attend, Time now) {
  std::map<RoleName, Attended> next;
  for (const RoleCheck& check : attend.checks) {
    Attended attended;
    if (const auto before = roles_.find(check.role); before != roles_.end()) {
      attended = before->second;
      attended.under_way = false;
    }
    attended.check = check;
    attended.due = now;
    next.emplace(check.role, std::move(attended));
  }
  roles_ = std::move(next);
  digest_ = attend.digest;
}

void Checks::forget(Time now) {
  for (auto& [role, attended] : roles_) {
    const int restarts = attended.restarts;
    const RoleCheck check = attended.check;
    attended = Attended{};
    attended.check = check;
    attended.restarts = restarts;
    attended.due = now;
  }
}

void Checks::started(const RoleName& role, bool because_failing, Time now) {
  const auto found = roles_.find(role);
  if (found == roles_.end()) return;
  Attended& attended = found->second;
  if (because_failing) ++attended.restarts;
  attended.health = Health::unknown;
  attended.failures = 0;
  attended.passing_since.reset();
  attended.due = now;
}

void Checks::forgive(const RoleName& role) {
  const auto found = roles_.find(role);
  if (found != roles_.end()) found->second.restarts = 0;
}

std::vector<RoleCheck> Checks::take_due(const std::set<RoleName>& configured, Time now) {
  std::vector<RoleCheck> due;
  for (auto& [role, attended] : roles_) {
    if (attended.under_way || attended.due > now || !configured.contains(role)) continue;
    attended.under_way = true;
    due.push_back(attended.check);
  }
  return due;
}

std::optional<Time> Checks::next_due(const std::set<RoleName>& configured) const {
  std::optional<Time> next;
  for (const auto& [role, attended] : roles_) {
    if (attended.under_way || !configured.contains(role)) continue;
    next = next ? std::min(*next, attended.due) : attended.due;
  }
  return next;
}

void Checks::finished(const RoleName& role, const Result& result, Time now) {
  const auto found = roles_.find(role);
  if (found == roles_.end() || !found->second.under_way) return;
  Attended& attended = found->second;
  attended.under_way = false;
  attended.due = now + attended.check.every;
  judge(attended, result, now);
}

void Checks::judge(Attended& attended, const Result& result, Time now) {
  if (result.kind == Result::Kind::unanswered) {
    attended.health = Health::unknown;
    attended.error = result.text;
    attended.passing_since.reset();
    return;
  }
  const bool failed = result.kind == Result::Kind::failed;
  attended.results.add(failed);
  if (failed) {
    ++attended.failures;
    attended.error = result.text;
    attended.passing_since.reset();
  } else {
    attended.failures = 0;
    if (!attended.passing_since) attended.passing_since = now;
  }
  if (attended.flapping ? attended.results.alike(results_alike)
                        : attended.results.changes() >= changes_max) {
    attended.flapping = !attended.flapping;
    if (!attended.flapping) attended.results = {};
  }
  if (attended.flapping) {
    attended.health = Health::flapping;
  } else if (!failed) {
    attended.health = Health::passing;
    attended.error.clear();
    if (now - *attended.passing_since >= settled_after(attended.restarts)) attended.restarts = 0;
  } else if (attended.failures >= attended.check.failures) {
    // A role that was never seen passing is still starting: it fails by the same threshold.
    attended.health = Health::failing;
  } else if (attended.health == Health::flapping) {
    attended.health = Health::unknown;
  }
}

void Checks::overtaken(const RoleName& role, Time now) {
  const auto found = roles_.find(role);
  if (found == roles_.end()) return;
  found->second.under_way = false;
  found->second.due = now;
}

void Checks::describe(std::map<RoleName, RoleObserved>& roles) const {
  for (const auto& [role, attended] : roles_) {
    RoleObserved& observed = roles[role];
    observed.health = attended.health;
    observed.failures = attended.flapping ? 0 : attended.failures;  // No news with every result.
    observed.restarts = attended.restarts;
    observed.error = attended.error;
  }
}

bool Checks::all_settled(Time now) const {
  return std::all_of(roles_.begin(), roles_.end(), [now](const auto& entry) {
    const Attended& attended = entry.second;
    return attended.health == Health::passing &&
           now - *attended.passing_since >= settled_after(attended.restarts);
  });
}

}  // namespace cierzo
