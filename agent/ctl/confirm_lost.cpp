// agentctl confirm-lost HOST...: an administrator's word that hosts are really down. It proves what
// time cannot: that nothing runs there any more, not even what runs on when its host is cut off.
// Whoever is wrong runs machines twice, on the same addresses and perhaps the same disks: so it
// says what will be started, and asks; and where nobody can answer it refuses and names the command
// that does not ask.
#include <string>

#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {
namespace {

constexpr const char* danger =
    "If one of them still runs, these VMs run twice and may destroy their data.";

std::string starts(const api::ConfirmView& view) {
  std::string out;
  for (const api::ActionRow& action : view.actions) out += "  " + action.text + "\n";
  return out.empty() ? "  nothing that could be started elsewhere now\n" : out;
}

Refusal needs_yes(const Options& options, const api::ConfirmView& view) {
  std::string command = "agentctl --socket " + quoted(options.socket) + " confirm-lost --yes";
  for (const std::string& host : options.hosts) command += " " + quoted(host);
  std::vector<std::string> said = view.warnings;
  for (const api::ActionRow& action : view.actions) said.push_back("would " + action.text);
  return {exit_failed,
          {"it has VMs started that must run nowhere else, and there is no terminal to ask on",
           std::move(said), std::string(danger) + " To do it without a question: " + command}};
}

}  // namespace

int confirm_lost(const Options& options, Terminal& terminal) {
  api::ConfirmRequest request{options.hosts, !options.yes};
  const auto ask = [&] {
    return ask_view<api::ConfirmView>(options, "POST", "/v1/confirm-lost", api::to_json(request));
  };
  auto answer = ask();
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  if (!options.yes) {
    const auto& view = std::get<api::ConfirmView>(answer);
    if (!terminal.asks) return fail(options, terminal, needs_yes(options, view));
    for (const std::string& warning : view.warnings) terminal.err << "warning: " << warning << "\n";
    const std::string names = joined(options.hosts, ", ");
    terminal.err << "confirm-lost " << names << ":\n" << starts(view) << danger << "\n";
    if (!agreed(terminal, "Is the power of " + names + " off?")) return exit_failed;
    request.dry_run = false;
    answer = ask();
    if (const auto* refusal = std::get_if<Refusal>(&answer)) {
      return fail(options, terminal, *refusal);
    }
  }
  const auto& view = std::get<api::ConfirmView>(answer);
  print(options, terminal, view, show_confirmed(view));
  return exit_done;
}

}  // namespace cierzo::ctl
