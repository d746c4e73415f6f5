// Carries one action out on this host, step by step, through the provider. Nothing is decided here
// but what happens when a step fails; and before anything that lets a guest's CPUs run, term and
// permit are asked for again (rule 17). Main loop only; blocking calls go through the executor.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/executor.hpp"
#include "agent/guard/guard.hpp"
#include "agent/guest_watch.hpp"
#include "resources/action.hpp"
#include "resources/network.hpp"
#include "resources/provider.hpp"

namespace cierzo {

struct JobResult {
  bool refused = false;  // The permit ended before it began: nothing was done.
  Outcome outcome;
};

// What a job needs of the worker.
struct JobContext {
  Executor* executor = nullptr;
  Provider* provider = nullptr;
  Guard* guard = nullptr;
  std::vector<NetworkConfig> networks;
  // May an effect of this command begin now? With a fresh clock.
  std::function<bool()> may_begin;
  // The watch of the instance's guest; null while it has none.
  std::function<std::shared_ptr<GuestWatch>()> watch;
};

// `done` is called exactly once, later or at once.
void perform(const Action& action, JobContext context, std::function<void(JobResult)> done);

}  // namespace cierzo
