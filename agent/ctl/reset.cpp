// agentctl reset NAME[/INSTANCE]: what failed is tried again at once, from the foot of the ladder.
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {

int reset(const Options& options, Terminal& terminal) {
  const std::size_t slash = options.name.find('/');
  api::ResetRequest request;
  if (slash != std::string::npos) request.instance = options.name.substr(slash + 1);
  const std::string path = resource_path(options.name.substr(0, slash)) + "/reset";
  auto answer = ask_view<api::ApplyAnswer>(options, "POST", path, api::to_json(request));
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  const auto& done = std::get<api::ApplyAnswer>(answer);
  print(options, terminal, done, show_changes(done));
  return exit_done;
}

}  // namespace cierzo::ctl
