// agentctl host add|set|replace|remove NAME: changes the members of the site while it runs. One
// change at a time; it is done when a majority of the voters before and after has stored it.
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {

// Asked only on a terminal: a script that says so has decided, and what must not be taken out is
// refused by the leader.
int host(const Options& options, Terminal& terminal) {
  const bool takes_out = options.host.action == "remove" || options.host.action == "replace";
  if (takes_out && !options.yes && terminal.asks &&
      !agreed(terminal, options.host.action == "remove"
                            ? "Take " + options.host.name + " out of the site?"
                            : "Take " + options.host.name + " out and put a new machine there?"))
    return exit_failed;
  const std::string body = api::to_json(options.host);
  auto answer = ask_view<api::ApplyAnswer>(options, "POST", "/v1/hosts/change", body);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  const auto& done = std::get<api::ApplyAnswer>(answer);
  print(options, terminal, done, show_changes(done));
  return exit_done;
}

}  // namespace cierzo::ctl
