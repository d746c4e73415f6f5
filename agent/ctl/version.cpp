// agentctl version: its own, and the agent's where one answers. Not reaching one is no failure
// here.
#include "agent/ctl/exchange.hpp"

namespace cierzo::ctl {

int version(const Options& options, Terminal& terminal) {
  const auto answer = ask_view<api::VersionView>(options, "GET", "/v1/version");
  api::VersionsView view;
  view.agentctl = CIERZO_VERSION;
  std::string text = "agentctl " + view.agentctl + "\n";
  if (const auto* agent = std::get_if<api::VersionView>(&answer)) {
    view.agent = agent->software;
    view.host = agent->host;
    text += "agent " + view.agent + " on " + view.host + "\n";
  } else {
    text += std::get<Refusal>(answer).error.error + "\n";
  }
  print(options, terminal, view, text);
  return exit_done;
}

}  // namespace cierzo::ctl
