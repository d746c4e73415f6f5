// agentctl delete NAME: stopped, its disks removed, forgotten. Nothing brings the disks back, so it
// asks; and where nobody can answer it refuses and names the command that does not ask.
#include <string>

#include "agent/ctl/exchange.hpp"
#include "agent/ctl/wait.hpp"

namespace cierzo::ctl {
int remove(const Options& options, Terminal& terminal) {
  if (!options.yes && !terminal.asks) {
    const std::string command =
        "agentctl --socket " + quoted(options.socket) + " delete --yes " + quoted(options.name);
    return fail(
        options, terminal,
        {exit_failed,
         {"it removes the disks of " + options.name + ", and there is no terminal to ask on",
          {},
          "to do it without a question: " + command}});
  }
  if (!options.yes) {
    const std::string question = "delete " + options.name +
                                 ": its VMs are stopped and their disks removed for good. Delete?";
    if (!agreed(terminal, question)) return exit_failed;
  }
  return change_resource(options, terminal, "DELETE", resource_path(options.name), Ensure::absent);
}

}  // namespace cierzo::ctl
