#include "agent/ctl/exchange.hpp"

#include <utility>

#include "agent/api/client.hpp"

namespace cierzo::ctl {
namespace {

int exit_of(int status) {
  if (status == 400) return exit_usage;
  if (status == 503) return exit_no_leader;
  return exit_failed;
}

}  // namespace

std::variant<std::string, Refusal> ask_text(const Options& options, const std::string& method,
                                            const std::string& target, const std::string& body,
                                            Duration deadline) {
  api::Reply reply = api::ask(options.socket, method, target, body, deadline);
  if (const auto* silent = std::get_if<api::Unreachable>(&reply)) {
    std::string error = silent->error;
    if (silent->sent && method != "GET") error += "; it may have been done";
    return Refusal{exit_unreachable, {error, {}, silent->next}};
  }
  auto& response = std::get<api::ApiResponse>(reply);
  if (response.status == 200) return std::move(response.body);
  auto view = api::from_json<api::ErrorView>(response.body);
  if (auto* error = std::get_if<api::ErrorView>(&view)) {
    return Refusal{exit_of(response.status), std::move(*error)};
  }
  return Refusal{exit_failed,
                 {options.socket + " answers with status " + std::to_string(response.status) +
                      " and no reason",
                  {},
                  "see whether it is an agent's socket"}};
}

int fail(const Options& options, Terminal& terminal, const Refusal& refusal) {
  const api::ErrorView& error = refusal.error;
  for (const std::string& mistake : error.mistakes) terminal.err << mistake << "\n";
  terminal.err << options.verb << " failed: " << error.error << "\n";
  if (!error.next.empty()) terminal.err << error.next << "\n";
  if (options.output != Output::table) print(options, terminal, error, {});
  return refusal.exit;
}

std::string quoted(const std::string& text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  };
  for (const char c : text) {
    if (plain(c)) continue;
    std::string out = "'";
    for (const char inner : text) out += inner == '\'' ? "'\\''" : std::string(1, inner);
    return out + "'";
  }
  return text;
}

bool agreed(Terminal& terminal, const std::string& question) {
  terminal.err << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(terminal.in, answer);
  if (answer == "y" || answer == "yes") return true;
  terminal.err << "nothing was changed\n";
  return false;
}

std::string resource_path(const std::string& name) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out = "/v1/resources/";
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (plain) {
      out += c;
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

}  // namespace cierzo::ctl
