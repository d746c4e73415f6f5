#include "agent/net/address.hpp"

#include <algorithm>
#include <charconv>

namespace cierzo {
namespace {

bool is_port(std::string_view text) {
  int port = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= 0 && port <= 65535;
}

bool consists_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

constexpr std::string_view hexadecimal = "0123456789abcdefABCDEF:.";
constexpr std::string_view name_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

}  // namespace

std::optional<std::string> endpoint_of(std::string_view address) {
  constexpr std::string_view scheme = "tcp://";
  if (address.starts_with(scheme)) address.remove_prefix(scheme.size());

  std::string_view host = address;
  std::string_view port;
  bool ipv6 = false;
  if (address.starts_with('[')) {
    const std::size_t close = address.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = address.substr(1, close - 1);
    const std::string_view rest = address.substr(close + 1);
    if (!rest.empty() && !rest.starts_with(':')) return std::nullopt;
    if (!rest.empty() && rest.size() == 1) return std::nullopt;
    port = rest.empty() ? rest : rest.substr(1);
    ipv6 = true;
  } else if (std::count(address.begin(), address.end(), ':') > 1) {
    ipv6 = true;  // "fd00::1", without brackets and so without a port.
  } else if (const std::size_t colon = address.find(':'); colon != std::string_view::npos) {
    host = address.substr(0, colon);
    port = address.substr(colon + 1);
    if (port.empty()) return std::nullopt;
  }

  if (!port.empty() && !is_port(port)) return std::nullopt;
  const bool known =
      ipv6 ? consists_of(host, hexadecimal) && host.find(':') != std::string_view::npos
           : host == "*" || consists_of(host, name_characters);
  if (!known) return std::nullopt;
  const std::string number = port.empty() ? std::to_string(default_port) : std::string(port);
  const std::string name = ipv6 ? "[" + std::string(host) + "]" : std::string(host);
  return std::string(scheme) + name + ":" + number;
}

std::string host_of(std::string_view endpoint) {
  constexpr std::string_view scheme = "tcp://";
  if (endpoint.starts_with(scheme)) endpoint.remove_prefix(scheme.size());
  if (endpoint.starts_with('[')) return std::string(endpoint.substr(1, endpoint.find(']') - 1));
  return std::string(endpoint.substr(0, endpoint.rfind(':')));
}

}  // namespace cierzo
