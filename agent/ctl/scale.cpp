// agentctl scale NAME ROLE=N...: how many instances a role has, live. It is kept beside what the
// manifest says, and shown by status.
#include <charconv>
#include <optional>

#include "agent/ctl/exchange.hpp"
#include "agent/ctl/wait.hpp"

namespace cierzo::ctl {
namespace {

// "server=4"; none where it is something else.
std::optional<std::pair<std::string, std::int32_t>> count_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  std::int32_t number = 0;
  const char* const begin = text.data() + equals + 1;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  if (error != std::errc{} || stop != end || number < 0) return std::nullopt;
  return std::pair{text.substr(0, equals), number};
}

}  // namespace

int scale(const Options& options, Terminal& terminal) {
  api::ScaleRequest request;
  std::vector<std::string> mistakes;
  for (const std::string& word : options.counts) {
    const auto count = count_of(word);
    if (!count) {
      mistakes.push_back("'" + word + "': must be ROLE=N, N being 0 or more");
    } else if (!request.roles.insert(*count).second) {
      mistakes.push_back("'" + word + "': " + count->first + " is given twice");
    }
  }
  if (!mistakes.empty()) {
    return fail(options, terminal, {exit_usage, {"nothing was changed", mistakes, {}}});
  }
  auto answer = ask_view<api::ApplyAnswer>(options, "POST", resource_path(options.name) + "/scale",
                                           api::to_json(request));
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  const auto& accepted = std::get<api::ApplyAnswer>(answer);
  return finish_change(options, terminal, accepted, {{options.name, Ensure::running}});
}

}  // namespace cierzo::ctl
