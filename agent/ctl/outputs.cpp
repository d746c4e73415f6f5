// agentctl outputs NAME: what the roles of a resource have said about themselves.
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {

int outputs(const Options& options, Terminal& terminal) {
  auto answer =
      ask_view<api::OutputsView>(options, "GET", resource_path(options.name) + "/outputs");
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  const auto& view = std::get<api::OutputsView>(answer);
  print(options, terminal, view, show_outputs(view));
  return exit_done;
}

}  // namespace cierzo::ctl
