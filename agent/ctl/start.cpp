// agentctl start NAME: what was stopped runs again, on its own disks.
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/wait.hpp"

namespace cierzo::ctl {

int start(const Options& options, Terminal& terminal) {
  return change_resource(options, terminal, "POST", resource_path(options.name) + "/start",
                         Ensure::running);
}

}  // namespace cierzo::ctl
