// agentctl validate FILE...: all that apply finds without a site. Needs no agent.
#include "agent/ctl/declared.hpp"
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {

int validate(const Options& options, Terminal& terminal) {
  const Declared declared = read_declared(options, terminal.in);
  api::ValidateView view;
  view.valid = declared.mistakes.empty();
  view.mistakes = declared.mistakes;
  view.warnings = declared.warnings;
  for (const Resource& resource : declared.request.resources) {
    view.resources.push_back(resource.type + " " + resource.name.value);
  }
  for (const std::string& line : view.warnings) terminal.err << line << "\n";
  for (const std::string& line : view.mistakes) terminal.err << line << "\n";
  if (!view.valid) {
    terminal.err << "validate failed: " << counted(view.mistakes.size(), "mistake") << " in "
                 << named(declared.files) << "\n";
  }
  print(options, terminal, view,
        view.valid ? named(declared.files) + ": good: " + joined(view.resources, ", ") + "\n"
                   : std::string());
  return view.valid ? exit_done : exit_failed;
}

}  // namespace cierzo::ctl
