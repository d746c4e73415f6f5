#include "resources/brake.hpp"

namespace cierzo {
namespace {

constexpr std::size_t names_shown_max = 8;  // The rest is in `agentctl hosts`.

std::string reason_of(const Brake& brake, const std::vector<std::string>& names) {
  std::string listed;
  for (std::size_t i = 0; i < names.size() && i < names_shown_max; ++i) listed += " " + names[i];
  if (names.size() > names_shown_max) listed += " ...";
  return "brake: " + std::to_string(brake.gone) + " of " + std::to_string(brake.known) +
         " hosts lost or suspect; agentctl confirm-lost" + listed + " if " +
         (names.size() == 1 ? "it is" : "they are") + " really down";
}

}  // namespace

Brake brake(const std::vector<HostView>& hosts, double share) {
  Brake made;
  std::vector<std::string> names;
  bool any_lost = false;
  for (const HostView& host : hosts) {
    if (host.state == HostState::held || (host.confirmed_lost && !host.in_brake)) continue;
    ++made.known;
    if (host.state == HostState::alive) continue;
    ++made.gone;
    if (host.confirmed_lost) continue;
    made.away.push_back(host.id);
    names.push_back(host.name);
    any_lost = any_lost || host.state == HostState::lost;
  }
  made.too_many = static_cast<double>(made.gone) > share * static_cast<double>(made.known);
  made.on = made.too_many && any_lost;
  if (made.on) made.reason = reason_of(made, names);
  return made;
}

}  // namespace cierzo
