// agentctl site recover: makes the site anew from what this host has stored, where no majority of
// voters with state is left. (rule 22) Whoever is wrong about a host that he calls lost has its VMs
// run twice: so it says what becomes of every host, and wants the name of this one typed; where
// nobody can answer it refuses and names the command that does not ask.
#include <istream>
#include <string>

#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {
namespace {

constexpr const char* danger =
    "If one of the lost hosts still runs, its VMs run twice and may destroy their data; before it "
    "is switched on again rm /var/lib/cierzo/state.db* on it (in the folder that its configuration "
    "calls state), while its agent is stopped. Changes that only the others had stored are gone. "
    "Recover on one host only: two recoveries make two sites that run the same.";

constexpr const char* compare =
    "This was a dry run: nothing was changed. Try it on every voter that is left, and recover on "
    "the one that keeps the newest: the higher term, and in one term the higher change.\n";

// What is to be done now, in this order.
std::string next_steps(const api::RecoverView& view) {
  std::string out = "Next:\n";
  if (!view.others.empty()) {
    out +=
        "  agentctl hosts                       until the others are alive: they join by "
        "themselves\n"
        "  agentctl host set NAME --voter yes   for one after the other: now " +
        view.host + " votes alone\n";
  }
  if (!view.lost.empty()) {
    out +=
        "  agentctl host replace NAME --key K   what is lost gets a new machine, or\n"
        "  agentctl host remove NAME            is given up\n";
  }
  return out +
         "  agentctl plan                        names what is kept though nothing declares "
         "it: apply or delete its resource\n";
}

Refusal needs_yes(const Options& options, const api::RecoverView& view) {
  std::string command = "agentctl --socket " + quoted(options.socket) + " site recover --yes";
  for (const std::string& host : options.recover.lost) command += " --lost " + quoted(host);
  for (const std::string& text : options.recover.addresses) command += " --address " + quoted(text);
  return {exit_failed,
          {"it makes the site anew, and there is no terminal to ask on",
           {show_recovery(view)},
           std::string(danger) + " To do it without a question: " + command}};
}

bool typed(Terminal& terminal, const std::string& name) {
  terminal.err << "Type the name of this host (" << name << ") to go on: " << std::flush;
  std::string answer;
  std::getline(terminal.in, answer);
  if (answer == name) return true;
  terminal.err << "nothing was changed\n";
  return false;
}

}  // namespace

int site(const Options& options, Terminal& terminal) {
  api::RecoverRequest request = options.recover;
  request.dry_run = options.dry_run || !options.yes;
  const auto ask = [&] {
    return ask_view<api::RecoverView>(options, "POST", "/v1/site/recover", api::to_json(request));
  };
  auto answer = ask();
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  if (options.dry_run) {
    const auto& view = std::get<api::RecoverView>(answer);
    print(options, terminal, view, show_recovery(view) + compare);
    return exit_done;
  }
  if (!options.yes) {
    const auto& view = std::get<api::RecoverView>(answer);
    if (!terminal.asks) return fail(options, terminal, needs_yes(options, view));
    terminal.err << show_recovery(view) << danger << "\n";
    if (!typed(terminal, view.host)) return exit_failed;
    request.dry_run = false;
    answer = ask();
    if (const auto* refusal = std::get_if<Refusal>(&answer)) {
      return fail(options, terminal, *refusal);
    }
  }
  const auto& view = std::get<api::RecoverView>(answer);
  print(options, terminal, view, show_recovery(view) + next_steps(view));
  return exit_done;
}

}  // namespace cierzo::ctl
