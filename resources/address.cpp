#include "resources/address.hpp"

#include <charconv>

namespace cierzo {
namespace {

// All of the text as a number in that base; none where anything else is in it.
std::optional<std::uint64_t> whole_number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::uint32_t> parse_byte(std::string_view text) {
  if (text.size() > 3 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto value = whole_number(text, 10);
  if (!value || *value > 255) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

}  // namespace

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t dot = text.find('.');
    if ((dot == std::string_view::npos) != (part == 3)) return std::nullopt;
    const auto byte = parse_byte(text.substr(0, dot));
    if (!byte) return std::nullopt;
    address = address << 8U | *byte;
    text.remove_prefix(part == 3 ? text.size() : dot + 1);
  }
  return address;
}

std::string print_ipv4(std::uint32_t address) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    if (!text.empty()) text += '.';
    text += std::to_string(address >> static_cast<unsigned>(shift) & 0xffU);
  }
  return text;
}

std::string_view unusable_address(std::uint32_t address) {
  const std::uint32_t first = address >> 24U;
  if (first == 0) return "is no address of a machine: it begins with 0";
  if (first == 127) return "is a loopback address";
  if (address >> 16U == 0xa9feU) return "is a link-local address";
  if (first >= 224 && first < 240) return "is a multicast address";
  if (address == 0xffffffffU) return "is the broadcast address of every network";
  if (first >= 240) return "is a reserved address";
  return {};
}

std::optional<std::vector<std::string>> parse_range(std::string_view text) {
  text = trimmed(text);
  const std::size_t dash = text.find('-');
  const auto first = parse_ipv4(trimmed(text.substr(0, dash)));
  if (!first) return std::nullopt;
  std::uint32_t last = *first;
  if (dash != std::string_view::npos) {
    const std::string_view end = trimmed(text.substr(dash + 1));
    if (const auto byte = parse_byte(end)) {
      last = (*first & 0xffffff00U) | *byte;
    } else if (const auto address = parse_ipv4(end)) {
      last = *address;
    } else {
      return std::nullopt;
    }
  }
  if (last < *first || last - *first >= range_max) return std::nullopt;
  std::vector<std::string> addresses;
  for (std::uint32_t i = 0; i <= last - *first; ++i) addresses.push_back(print_ipv4(*first + i));
  return addresses;
}

bool in_network(std::string_view address, std::string_view cidr) {
  const std::size_t slash = cidr.find('/');
  if (slash == std::string_view::npos) return false;
  const auto network = parse_ipv4(cidr.substr(0, slash));
  const auto prefix = whole_number(cidr.substr(slash + 1), 10);
  const auto inside = parse_ipv4(address);
  if (!network || !prefix || *prefix > 32 || !inside) return false;
  const std::uint32_t mask = *prefix == 0 ? 0 : ~std::uint32_t{0} << (32U - *prefix);
  return (*network & mask) == (*inside & mask);
}

std::optional<std::uint64_t> parse_mac(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  std::uint64_t mac = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    const auto byte = whole_number(text.substr(3 * i, 2), 16);
    if (!byte || (i > 0 && text[3 * i - 1] != ':')) return std::nullopt;
    mac = mac << 8U | *byte;
  }
  if ((mac >> 40U & 1U) != 0) return std::nullopt;
  return mac;
}

std::string print_mac(std::uint64_t mac) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (int shift = 40; shift >= 0; shift -= 8) {
    const std::uint64_t byte = mac >> static_cast<unsigned>(shift) & 0xffU;
    if (!text.empty()) text += ':';
    text += digits[byte >> 4U];
    text += digits[byte & 0xfU];
  }
  return text;
}

std::optional<std::uint64_t> parse_memory_kib(std::string_view text) {
  text = trimmed(text);
  const std::size_t digits = text.find_first_not_of("0123456789");
  const auto number = whole_number(text.substr(0, digits), 10);
  if (!number) return std::nullopt;
  std::uint64_t unit = 1;
  if (digits != std::string_view::npos) {
    const std::string_view name = trimmed(text.substr(digits));
    if (name == "MiB")
      unit = 1024;
    else if (name == "GiB")
      unit = 1024 * 1024;
    else if (name == "TiB")
      unit = std::uint64_t{1024} * 1024 * 1024;
    else if (name != "KiB")
      return std::nullopt;
  }
  constexpr std::uint64_t most = std::uint64_t{64} * 1024 * 1024 * 1024;  // 64 TiB in KiB
  if (*number == 0 || *number > most / unit) return std::nullopt;
  return *number * unit;
}

}  // namespace cierzo
