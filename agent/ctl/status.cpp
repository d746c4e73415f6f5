// agentctl status [NAME]: what is wrong, at a glance. Without a leader it shows what the asked host
// knows by itself, says so, and exits 4.
#include <algorithm>

#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"
#include "manifests/nearest.hpp"

namespace cierzo::ctl {
namespace {

Refusal unknown_name(const std::string& name, const api::StatusView& view) {
  std::vector<std::string> known;
  for (const api::ResourceRow& resource : view.resources) known.push_back(resource.name);
  const auto near = manifests::nearest(name, known);
  return {exit_failed,
          {"no resource '" + name + "'",
           {},
           near ? "did you mean '" + *near + "'?" : "see all with: agentctl status"}};
}

}  // namespace

int status(const Options& options, Terminal& terminal) {
  auto answer = ask_view<api::StatusView>(options, "GET", "/v1/status");
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  auto& view = std::get<api::StatusView>(answer);
  if (!options.name.empty()) {
    const auto named = [&](const api::ResourceRow& r) { return r.name == options.name; };
    if (std::none_of(view.resources.begin(), view.resources.end(), named)) {
      return fail(options, terminal, unknown_name(options.name, view));
    }
    std::erase_if(view.resources, [&](const api::ResourceRow& r) { return !named(r); });
  }
  print(options, terminal, view, show_status(view, terminal.colour));
  return view.local_view ? exit_no_leader : exit_done;
}

}  // namespace cierzo::ctl
