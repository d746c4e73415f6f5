// agentctl plan [FILE...]: what apply would do, in order, with reasons; without files, what the
// leader is doing now. Changes nothing.
#include "agent/ctl/declared.hpp"
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {

int plan(const Options& options, Terminal& terminal) {
  std::string body;
  if (!options.files.empty()) {
    const Declared declared = read_declared(options, terminal.in);
    if (const int mistakes = report(options, terminal, declared)) return mistakes;
    body = api::to_json(declared.request);
  }
  auto answer = ask_view<api::PlanView>(options, "POST", "/v1/plan", body);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  const auto& view = std::get<api::PlanView>(answer);
  print(options, terminal, view, show_plan(view));
  return exit_done;
}

}  // namespace cierzo::ctl
