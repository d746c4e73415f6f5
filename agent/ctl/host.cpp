// agentctl host add|set|replace|remove NAME: changes the members of the site while it runs. One
// change at a time; it is done when a majority of the voters before and after has stored it.
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {

int host(const Options& options, Terminal& terminal) {
  const std::string body = api::to_json(options.host);
  auto answer = ask_view<api::ApplyAnswer>(options, "POST", "/v1/hosts/change", body);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  const auto& done = std::get<api::ApplyAnswer>(answer);
  print(options, terminal, done, show_changes(done));
  return exit_done;
}

}  // namespace cierzo::ctl
