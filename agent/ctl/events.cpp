// agentctl events [--follow]: what happened, oldest first; as JSON one object per line. Following
// goes on through leader changes: a new leader numbers its own events, so it is read from its first
// one.
#include <chrono>
#include <map>
#include <thread>

#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {
namespace {

void print_event(const Options& options, Terminal& terminal, const api::EventRow& event) {
  if (options.output == Output::yaml) terminal.out << "---\n";
  print(options, terminal, event, show_event(event));
  terminal.out.flush();
}

// Short enough to notice soon that another leader, with lower numbers, answers.
constexpr auto follow_wait = std::chrono::seconds(5);

std::string target(std::uint64_t after, bool wait) {
  return "/v1/events?after=" + std::to_string(after) +
         (wait ? "&wait=" + std::to_string(follow_wait.count()) : std::string());
}

int follow(const Options& options, Terminal& terminal) {
  std::map<std::string, std::uint64_t> seen;  // Source -> its last event that was printed.
  std::string source, trouble;
  while (terminal.out.good()) {  // Until interrupted, or nobody reads any more.
    const std::uint64_t after = source.empty() ? options.after : seen[source];
    auto answer = ask_view<api::EventsView>(options, "GET", target(after, true), {},
                                            follow_wait + answer_deadline);
    if (const auto* refusal = std::get_if<Refusal>(&answer)) {
      if (refusal->exit == exit_usage) return fail(options, terminal, *refusal);
      if (refusal->error.error != trouble) terminal.err << refusal->error.error << "; waiting\n";
      trouble = refusal->error.error;
      std::this_thread::sleep_for(terminal.poll);  // Nobody answers, so nothing could wake us.
      continue;
    }
    const auto& view = std::get<api::EventsView>(answer);
    trouble.clear();
    if (!source.empty() && view.source != source) {
      source = view.source;  // Its events are asked for anew, from its own number on.
      continue;
    }
    source = view.source;
    seen.emplace(source, after);
    for (const api::EventRow& event : view.events) {
      print_event(options, terminal, event);
      seen[source] = event.sequence;
    }
  }
  return exit_done;
}

}  // namespace

int events(const Options& options, Terminal& terminal) {
  if (options.follow) return follow(options, terminal);
  auto answer = ask_view<api::EventsView>(options, "GET", target(options.after, false));
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  for (const api::EventRow& event : std::get<api::EventsView>(answer).events) {
    print_event(options, terminal, event);
  }
  return exit_done;
}

}  // namespace cierzo::ctl
