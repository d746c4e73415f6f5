#include "tests/simulation/checker.hpp"

#include <algorithm>
#include <cstdio>

namespace cierzo::simulation {

std::string text(Time at) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.6fs", static_cast<double>(at.count()) / 1e9);
  return buffer;
}

std::string text(Term term) {
  return "(" + std::to_string(term.counter) + "," + std::to_string(term.owner.value) + ")";
}

void Checker::fail(Time at, const std::string& what) { failures_.push_back(text(at) + " " + what); }

void Checker::acknowledged(const std::string& key, std::uint64_t value) {
  std::uint64_t& newest = acknowledged_[key];
  newest = std::max(newest, value);
}

void Checker::reads(Time at, HostId leader, const election::Catalog& committed) {
  for (const auto& [key, value] : acknowledged_) {
    const auto entry = committed.entries.find(key);
    const std::uint64_t found = entry == committed.entries.end() ? 0 : std::stoull(entry->second);
    if (found < value)
      fail(at, "S3: host " + std::to_string(leader.value) + " reads " + key + "=" +
                   std::to_string(found) + " after " + std::to_string(value) + " was acknowledged");
  }
}

void Checker::changed_members(Stamp version) { members_ = std::max(members_, version); }

void Checker::goes_by(Time at, HostId leader, Stamp version) {
  if (version < members_)
    fail(at, "S3: host " + std::to_string(leader.value) +
                 " leads by members that an acknowledged change has replaced");
}

void Checker::heard(HostId host, Term term) {
  Term& newest = heard_[host];
  newest = std::max(newest, term);
}

void Checker::obeyed(Time at, HostId host, const election::CommandHeader& header,
                     const Target& truth) {
  const std::string who = "S4: host " + std::to_string(host.value) + " obeyed " +
                          text(header.term) + " number " + std::to_string(header.number);
  if (header.term < heard_[host]) fail(at, who + " after hearing " + text(heard_[host]));
  if (!obeyed_[host].insert(header.stamp()).second) fail(at, who + " twice");
  if (header.boot != truth.boot) fail(at, who + ", meant for boot " + header.boot);
  if (header.state_id != truth.state_id) fail(at, who + ", meant for state " + header.state_id);
}

}  // namespace cierzo::simulation
