#include "agent/ctl/progress.hpp"

#include <algorithm>

namespace cierzo::ctl {
namespace {

const char* wanted(Ensure goal) { return goal == Ensure::running ? "running" : "stopped"; }

bool there(const api::InstanceRow& instance, Ensure goal) {
  if (goal != Ensure::running) return instance.state == "absent";
  return instance.state == "running" && instance.health != "failing" &&
         instance.health != "flapping";
}

std::string described(const api::InstanceRow& instance) {
  std::string out = instance.state;
  if (!instance.host.empty()) out += " (" + instance.host + ")";
  if (!instance.reason.empty()) out += ": " + instance.reason;
  return out;
}

}  // namespace

void Progress::look_at(const api::ResourceRow& resource, Duration elapsed,
                       std::vector<std::string>& lines) {
  const Ensure goal = goals_.at(resource.name);
  for (const api::InstanceRow& instance : resource.instances) {
    std::string& last = states_[instance.name];
    if (last != instance.state && !(last.empty() && there(instance, goal))) {
      lines.push_back(instance.name + ": " + (last.empty() ? "" : last + " => ") +
                      described(instance));
    }
    last = instance.state;
    ++all_;
    there_ += there(instance, goal) ? 1 : 0;
  }
  // The resource's own state decides: it knows of checks, drains and copies that no instance shows.
  if (goal != Ensure::absent && resource.state == wanted(goal) && resource.ensure == wanted(goal)) {
    return;
  }
  open_[resource.name] = resource;
  if (resource.state != "failed") {
    failed_since_.erase(resource.name);
    return;
  }
  const auto [since, first] = failed_since_.emplace(resource.name, elapsed);
  if (elapsed - since->second >= failed_patience) failed_ = true;
}

std::vector<std::string> Progress::look(const api::StatusView& status, Duration elapsed) {
  std::vector<std::string> lines;
  std::map<std::string, const api::ResourceRow*> rows;
  for (const api::ResourceRow& resource : status.resources) rows[resource.name] = &resource;
  open_.clear();
  there_ = all_ = 0;
  for (const auto& [name, goal] : goals_) {
    const auto row = rows.find(name);
    if (row != rows.end()) {
      look_at(*row->second, elapsed, lines);
    } else if (goal == Ensure::running) {  // What is not in the catalog is stopped, and gone.
      open_[name] = {"", name, "running", "not in the catalog", {}};
    }
  }
  return lines;
}

std::string Progress::summary() const {
  std::string out = std::to_string(there_) + " of " + std::to_string(all_) + " there";
  for (const auto& [name, resource] : open_) {
    for (const api::InstanceRow& instance : resource.instances) {
      if (there(instance, goals_.at(name))) continue;
      return out + "; " + instance.name + ": " + described(instance);
    }
    out += "; " + name + ": " + resource.state;
  }
  return out;
}

std::vector<std::string> Progress::open() const {
  std::vector<std::string> out;
  for (const auto& [name, resource] : open_) {
    const std::size_t before = out.size();
    for (const api::InstanceRow& instance : resource.instances) {
      if (!there(instance, goals_.at(name))) {
        out.push_back(instance.name + ": " + described(instance));
      }
    }
    if (out.size() == before) out.push_back(name + ": " + resource.state);
  }
  return out;
}

}  // namespace cierzo::ctl
