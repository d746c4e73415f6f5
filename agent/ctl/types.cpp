// agentctl types: what can be declared. The site's types are those of its agents' folders; without
// an agent those of this machine are shown, which validate and apply read.
#include "agent/types.hpp"

#include "agent/ctl/declared.hpp"
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {

int types(const Options& options, Terminal& terminal) {
  auto answer = ask_view<api::TypesView>(options, "GET", "/v1/types");
  if (const auto* refusal = std::get_if<Refusal>(&answer)) {
    if (refusal->exit != exit_unreachable) return fail(options, terminal, *refusal);
    terminal.err << refusal->error.error << "; these are the types of this machine\n";
    answer = types_view(type_roots(options));
  }
  const auto& view = std::get<api::TypesView>(answer);
  print(options, terminal, view, show_types(view));
  return exit_done;
}

}  // namespace cierzo::ctl
