// Fence programs: whoever cuts a host's power has proved that nothing runs there (rule 14). They
// speak the interface of the package fence-agents: `key=value` lines on standard input, nothing on
// the command line, so that no secret is ever among the arguments of a process.
//
// Fencer decides when which program is run; it knows no process (FenceRun is its seam), and runs on
// the main loop only.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/executor.hpp"
#include "agent/fence_device.hpp"

namespace cierzo {

// What the program reads: the action, then the options; `password` where a file holds it. Pure.
[[nodiscard]] std::string fence_input(const FenceDevice& device, const std::string& action,
                                      const std::string& password);

struct FenceEnd {
  bool off = false;   // The program said so, and the device said so when asked again.
  std::string error;  // Otherwise, for people; no secrets in it.
};

// Cuts the power, then asks whether it is off: what a program claims is not yet a fact. Blocks, for
// fence_deadline at most.
[[nodiscard]] FenceEnd run_fence(const FenceDevice& device);
inline constexpr Duration fence_deadline = std::chrono::seconds(90);

using FenceRun = std::function<FenceEnd(const FenceDevice&)>;

struct FencerHooks {
  FenceRun run;  // Blocks; called on a thread of the executor. Empty: nothing can be fenced.
  std::function<const FenceDevice*(HostId)> device;  // Null: it has none.
  // Asked right before: does the leader still want it, and may it?
  std::function<bool(HostId)> may;
  std::function<void(HostId)> began;
  std::function<void(HostId)> off;
  std::function<void(HostId, const std::string& told)> failed;
};

inline constexpr int fence_tries_max = 6;     // Then a person has to look.
inline constexpr std::size_t fences_max = 2;  // At once: the rest of the site must be able to work.
[[nodiscard]] Duration fence_pause(int tries);  // After that many have failed.

class Fencer {
 public:
  Fencer(Executor& executor, FencerHooks hooks);

  // The hosts whose loss must be proved now, as of the last plan. One that is no longer among them
  // is forgotten: it came back, or its loss is proved.
  void want(const std::set<HostId>& hosts);
  // What is to be said of a host: "fence_ipmilan is cutting its power", "fence_ipmilan failed 2
  // times, next try in 10 s: ..."; empty: nothing.
  [[nodiscard]] std::string telling(HostId host) const;

 private:
  struct Try {
    int failed = 0;
    bool running = false;
    Time next{};
    std::string error;
  };
  void look();
  void begin(HostId host, const FenceDevice& device);
  void end(HostId host, const FenceEnd& how);

  Executor& executor_;
  FencerHooks hooks_;
  std::map<HostId, Try> tries_;
  std::set<HostId> running_;  // Also of hosts that are not wanted any more.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace cierzo
