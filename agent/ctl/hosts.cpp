// agentctl hosts: who is there, who votes, who leads, and what is free.
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {

int hosts(const Options& options, Terminal& terminal) {
  auto answer = ask_view<api::StatusView>(options, "GET", "/v1/hosts");
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  const auto& view = std::get<api::StatusView>(answer);
  print(options, terminal, view, show_hosts(view, terminal.colour));
  return view.local_view ? exit_no_leader : exit_done;
}

}  // namespace cierzo::ctl
