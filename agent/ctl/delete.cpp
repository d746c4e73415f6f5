// agentctl delete NAME: stopped, its disks removed, forgotten. Nothing brings the disks back, so it
// asks; and where nobody can answer it refuses and names the command that does not ask.
#include <istream>
#include <string>

#include "agent/ctl/exchange.hpp"
#include "agent/ctl/wait.hpp"

namespace cierzo::ctl {
namespace {

std::string quoted(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  };
  for (const char c : text) {
    if (plain(c)) continue;
    std::string out = "'";
    for (const char inner : text) out += inner == '\'' ? "'\\''" : std::string(1, inner);
    return out + "'";
  }
  return text;
}

}  // namespace

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
    terminal.err << "delete " << options.name
                 << ": its VMs are stopped and their disks removed for good. Delete? [y/N] "
                 << std::flush;
    std::string answer;
    std::getline(terminal.in, answer);
    if (answer != "y" && answer != "yes") {
      terminal.err << "nothing was changed\n";
      return exit_failed;
    }
  }
  return change_resource(options, terminal, "DELETE", resource_path(options.name), Ensure::absent);
}

}  // namespace cierzo::ctl
