// agentctl apply FILE...: reads and checks everything here, sends it as a whole, and waits until
// the site is as declared.
#include "agent/ctl/declared.hpp"
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"
#include "agent/ctl/wait.hpp"

namespace cierzo::ctl {

int apply(const Options& options, Terminal& terminal) {
  if (options.dry_run) return plan(options, terminal);
  const Declared declared = read_declared(options, terminal.in);
  if (const int mistakes = report(options, terminal, declared)) return mistakes;
  auto answer =
      ask_view<api::ApplyAnswer>(options, "POST", "/v1/apply", api::to_json(declared.request));
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  Goals goals;
  for (const Resource& resource : declared.request.resources) {
    goals[resource.name.value] = resource.ensure;
  }
  return finish_change(options, terminal, std::get<api::ApplyAnswer>(answer), goals);
}

}  // namespace cierzo::ctl
