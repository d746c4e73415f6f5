// Asking the agent: one question, an answer of the right kind or why there is none, as values.
#pragma once

#include <ostream>
#include <string>
#include <variant>

#include "agent/api/request.hpp"
#include "agent/api/views.hpp"
#include "agent/ctl/command.hpp"
#include "agent/net/codec_api.hpp"

namespace cierzo::ctl {

struct Refusal {
  int exit = exit_failed;
  api::ErrorView error;
};

// For the leader to be asked, and for a majority to store what was applied.
inline constexpr Duration answer_deadline = std::chrono::seconds(30);

// The body of a 200, or a refusal with the exit code that its status means.
[[nodiscard]] std::variant<std::string, Refusal> ask_text(const Options& options,
                                                          const std::string& method,
                                                          const std::string& target,
                                                          const std::string& body,
                                                          Duration deadline);

template <class View>
[[nodiscard]] std::variant<View, Refusal> ask_view(const Options& options,
                                                   const std::string& method,
                                                   const std::string& target,
                                                   const std::string& body = {},
                                                   Duration deadline = answer_deadline) {
  auto text = ask_text(options, method, target, body, deadline);
  if (auto* refusal = std::get_if<Refusal>(&text)) return std::move(*refusal);
  auto view = api::from_json<View>(std::get<std::string>(text));
  if (auto* good = std::get_if<View>(&view)) return std::move(*good);
  return Refusal{exit_failed,
                 {"the agent's answer is not understood: " + std::get<api::JsonError>(view).text,
                  {},
                  "compare the versions with: agentctl version"}};
}

// `VERB failed: ...`, the mistakes and the next step to stderr; with --output json or yaml the same
// as an object to stdout. Returns the exit code.
int fail(const Options& options, Terminal& terminal, const Refusal& refusal);

// To stdout: the object in JSON or YAML, or for --output table the text.
template <class View>
void print(const Options& options, Terminal& terminal, const View& view, const std::string& text) {
  switch (options.output) {
    case Output::table:
      terminal.out << text;
      break;
    case Output::json:
      terminal.out << api::to_json(view) << "\n";
      break;
    case Output::yaml:
      terminal.out << api::to_yaml(view);
      break;
  }
}

// As a shell wants it: in quotes where it needs any.
[[nodiscard]] std::string quoted(const std::string& text);

// Asks on the terminal. Only "y" and "yes" are yes.
[[nodiscard]] bool agreed(Terminal& terminal, const std::string& question);

// "/v1/resources/my%20web"
[[nodiscard]] std::string resource_path(const std::string& name);

}  // namespace cierzo::ctl
