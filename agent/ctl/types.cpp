// agentctl types: what can be declared.
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {

int types(const Options& options, Terminal& terminal) {
  auto answer = ask_view<api::TypesView>(options, "GET", "/v1/types");
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  const auto& view = std::get<api::TypesView>(answer);
  print(options, terminal, view, show_types(view));
  return exit_done;
}

}  // namespace cierzo::ctl
