// agentctl stop NAME: dependants first, `stop` scripts, ACPI; the disks stay.
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/wait.hpp"

namespace cierzo::ctl {

int stop(const Options& options, Terminal& terminal) {
  return change_resource(options, terminal, "POST", resource_path(options.name) + "/stop",
                         Ensure::stopped);
}

}  // namespace cierzo::ctl
