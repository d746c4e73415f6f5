// What changes while one waits, as lines; and whether what was waited for has come. Pure: fed with
// one status after the other.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/views.hpp"
#include "resources/ids.hpp"
#include "resources/resource.hpp"

namespace cierzo::ctl {

// What each resource is waited for to become; absent: no longer in the catalog.
using Goals = std::map<std::string, Ensure>;

// A resource that stays `failed` for so long is given up; before, the site may still help itself.
inline constexpr Duration failed_patience = std::chrono::seconds(60);

class Progress {
 public:
  explicit Progress(Goals goals) : goals_(std::move(goals)) {}

  // One line for each instance of these resources whose state is another than at the last look:
  // "myweb-server-1: booting => running (node2)". `elapsed` is since the waiting began.
  [[nodiscard]] std::vector<std::string> look(const api::StatusView& status, Duration elapsed);

  [[nodiscard]] bool reached() const { return open_.empty(); }
  // A resource that failed for longer than failed_patience.
  [[nodiscard]] bool failed() const { return failed_; }
  // Where it stands, in one line: "3 of 4 running; myweb-server-2 booting".
  [[nodiscard]] std::string summary() const;
  // Why each open resource is not there yet, one line for each instance that is not.
  [[nodiscard]] std::vector<std::string> open() const;

 private:
  void look_at(const api::ResourceRow& resource, Duration elapsed, std::vector<std::string>& lines);

  Goals goals_;
  std::map<std::string, std::string> states_;          // Of instances, at the last look.
  std::map<std::string, api::ResourceRow> open_ = {};  // Resources that are not there yet.
  std::map<std::string, Duration> failed_since_;
  std::size_t there_ = 0, all_ = 0;  // Instances.
  bool failed_ = false;
};

}  // namespace cierzo::ctl
