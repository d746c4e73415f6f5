#include "monitor/checks.hpp"

#include <algorithm>
#include <utility>

namespace cierzo {

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
  attended.due = now;
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
  switch (result.kind) {
    case Result::Kind::passed:
      attended.health = Health::passing;
      attended.failures = 0;
      attended.restarts = 0;
      attended.error.clear();
      break;
    case Result::Kind::failed:
      ++attended.failures;
      attended.error = result.text;
      // A role that was never seen passing is still starting: it fails by the same threshold.
      if (attended.failures >= attended.check.failures) attended.health = Health::failing;
      break;
    case Result::Kind::unanswered:
      attended.health = Health::unknown;
      attended.error = result.text;
      break;
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
    observed.failures = attended.failures;
    observed.restarts = attended.restarts;
    observed.error = attended.error;
  }
}

bool Checks::all_passing() const {
  return std::all_of(roles_.begin(), roles_.end(),
                     [](const auto& entry) { return entry.second.health == Health::passing; });
}

}  // namespace cierzo
