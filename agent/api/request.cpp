#include "agent/api/request.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/api/views.hpp"
#include "agent/net/codec_api.hpp"

namespace cierzo::api {
namespace {

ApiResponse failure(int status, const std::string& error, const std::string& next,
                    std::vector<std::string> mistakes = {}) {
  ErrorView view;
  view.error = error;
  view.mistakes = std::move(mistakes);
  view.next = next;
  return {status, to_json(view)};
}

struct Fixed {
  std::string_view method, path;
  Route route;
};
constexpr Fixed fixed[] = {
    {"GET", "/v1/status", Route::status},
    {"GET", "/v1/hosts", Route::hosts},
    {"GET", "/v1/events", Route::events},
    {"GET", "/v1/types", Route::types},
    {"GET", "/v1/version", Route::version},
    {"GET", "/v1/health", Route::health},
    {"POST", "/v1/plan", Route::plan},
    {"POST", "/v1/apply", Route::apply},
    {"POST", "/v1/confirm-lost", Route::confirm_lost},
    {"POST", "/v1/hosts/change", Route::members},
    {"POST", "/v1/site/recover", Route::recover},
};

std::optional<unsigned> hex(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// "my%20web" -> "my web"; none where a percent sign is not followed by two hexadecimal digits.
std::optional<std::string> decode_percent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex(text[i + 1]), low = hex(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::variant<Target, ApiResponse> wrong_method(const std::string& method, std::string_view path,
                                               std::string_view right) {
  return failure(405, method + " " + std::string(path) + ": not allowed",
                 "use " + std::string(right));
}

struct ResourceVerb {
  std::string_view verb, method;
  Route route;
};
constexpr ResourceVerb resource_verbs[] = {{"stop", "POST", Route::stop},
                                           {"start", "POST", Route::start},
                                           {"scale", "POST", Route::scale},
                                           {"reset", "POST", Route::reset},
                                           {"outputs", "GET", Route::outputs}};

// /v1/resources/NAME, /v1/resources/NAME/stop, ...
std::variant<Target, ApiResponse> resource_target(const std::string& method, std::string_view path,
                                                  std::string_view rest) {
  const std::size_t slash = rest.find('/');
  const std::optional<std::string> name = decode_percent(rest.substr(0, slash));
  const std::string_view verb = slash == rest.npos ? "" : rest.substr(slash + 1);
  if (!name || name->empty()) return usage(std::string(path) + ": no name of a resource");
  Target target;
  target.name = ResourceName{*name};
  if (slash == rest.npos) {
    if (method != "DELETE") return wrong_method(method, path, "DELETE");
    target.route = Route::remove;
    return target;
  }
  const auto* known = std::find_if(std::begin(resource_verbs), std::end(resource_verbs),
                                   [&](const ResourceVerb& row) { return row.verb == verb; });
  if (known == std::end(resource_verbs)) {
    return not_found(std::string(path) + ": no such path",
                     "accepted: stop, start, scale, reset, outputs");
  }
  if (method != known->method) return wrong_method(method, path, known->method);
  target.route = known->route;
  return target;
}

// after=3&wait=10
std::optional<ApiResponse> read_query(std::string_view query, Target& target) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    const std::string_view key = part.substr(0, equals);
    const auto value = equals == part.npos ? std::nullopt : number(part.substr(equals + 1));
    const bool known = target.route == Route::events && (key == "after" || key == "wait");
    if (!known) return usage("unknown parameter '" + std::string(key) + "'");
    if (!value) return usage("parameter '" + std::string(key) + "': must be a whole number");
    if (key == "after") target.after = *value;
    const auto wait_max = std::chrono::duration_cast<std::chrono::seconds>(events_wait_max).count();
    if (key == "wait") {
      target.wait = std::chrono::seconds(std::min(*value, static_cast<std::uint64_t>(wait_max)));
    }
  }
  return std::nullopt;
}

}  // namespace

std::variant<Target, ApiResponse> parse_target(const std::string& method,
                                               const std::string& target) {
  const std::string_view whole = target;
  const std::size_t question = whole.find('?');
  const std::string_view path = whole.substr(0, question);
  const std::string_view query = question == whole.npos ? "" : whole.substr(question + 1);
  constexpr std::string_view resources = "/v1/resources/";
  std::variant<Target, ApiResponse> found =
      not_found(std::string(path) + ": no such path", "see docs/agentctl.md for the paths");
  if (path.substr(0, resources.size()) == resources) {
    found = resource_target(method, path, path.substr(resources.size()));
  } else if (const auto* row = std::find_if(std::begin(fixed), std::end(fixed),
                                            [&](const Fixed& f) { return f.path == path; });
             row != std::end(fixed)) {
    if (row->method != method) return wrong_method(method, path, row->method);
    found = Target{row->route, {}, 0, {}};
  }
  if (Target* good = std::get_if<Target>(&found)) {
    if (auto mistake = read_query(query, *good)) return *mistake;
  }
  return found;
}

ApiResponse usage(const std::string& error, const std::string& next) {
  return failure(400, error, next);
}

ApiResponse not_found(const std::string& error, const std::string& next) {
  return failure(404, error, next);
}

ApiResponse refused(const std::string& error, std::vector<std::string> mistakes,
                    const std::string& next) {
  return failure(409, error, next, std::move(mistakes));
}

ApiResponse no_leader(const std::string& who_is_missing) {
  return failure(503, "no leader: " + who_is_missing,
                 "wait for a leader and try again; see who is missing with: agentctl hosts");
}

ApiResponse outcome_unknown(const std::string& why) {
  return failure(504, why + "; it may have been done", "look with: agentctl status");
}

}  // namespace cierzo::api
