#include "resources/network.hpp"

#include <algorithm>
#include <charconv>

#include "resources/address.hpp"

namespace cierzo {
namespace {

// A decimal number up to `most`, all of the text, without a leading zero.
std::optional<std::uint32_t> read_number(std::string_view text, std::uint32_t most) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

std::uint32_t mask_of(int prefix) {
  return prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);  // A shift by 32 is undefined.
}

}  // namespace

std::optional<std::uint32_t> read_ipv4(std::string_view text) {
  std::uint32_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const auto dot = text.find('.');
    if ((dot == std::string_view::npos) != (part == 3)) return std::nullopt;
    const auto number = read_number(text.substr(0, dot), 255);
    if (!number) return std::nullopt;
    address = address << 8 | *number;
    text.remove_prefix(part == 3 ? text.size() : dot + 1);
  }
  return address;
}

std::optional<Cidr> read_cidr(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = read_ipv4(text.substr(0, slash));
  const auto prefix = read_number(text.substr(slash + 1), 32);
  if (!address || !prefix) return std::nullopt;
  const int bits = static_cast<int>(*prefix);
  return Cidr{*address & mask_of(bits), bits};
}

const NetworkConfig* network_of(const std::vector<NetworkConfig>& networks,
                                std::string_view address) {
  const auto wanted = read_ipv4(address);
  if (!wanted) return nullptr;
  const NetworkConfig* best = nullptr;
  int best_prefix = -1;
  for (const auto& network : networks) {
    const auto cidr = read_cidr(network.cidr);
    if (!cidr || (*wanted & mask_of(cidr->prefix)) != cidr->address) continue;
    if (cidr->prefix > best_prefix) {
      best = &network;
      best_prefix = cidr->prefix;
    }
  }
  return best;
}

std::string address_mistake(const SiteAddresses& site, std::string_view address) {
  if (const auto host = site.hosts.find(std::string(address)); host != site.hosts.end()) {
    return "is the address of host " + host->second;
  }
  const auto known = [&](const std::string& cidr) { return in_network(address, cidr); };
  const NetworkConfig* network = network_of(site.networks, address);
  if (!network) {
    if (site.networks.empty() && site.cidrs.empty()) return {};
    if (std::any_of(site.cidrs.begin(), site.cidrs.end(), known)) return {};
    std::string all;
    for (const NetworkConfig& each : site.networks) {
      all += (all.empty() ? "" : ", ") + each.name + " " + each.cidr;
    }
    return "is in no network of this site" + (all.empty() ? all : " (" + all + ")");
  }
  if (network->gateway == address) return "is the gateway of the network " + network->name;
  const auto cidr = read_cidr(network->cidr);
  const auto value = read_ipv4(address);
  if (!cidr || !value || cidr->prefix > 30) return {};  // A /31 or /32 has neither of these.
  if (*value == cidr->address) return "is the address of the network " + network->name + " itself";
  if (*value == (cidr->address | ~mask_of(cidr->prefix))) {
    return "is the broadcast address of the network " + network->name;
  }
  return {};
}

GuestNetwork guest_network(const NetworkConfig& network) {
  const auto cidr = read_cidr(network.cidr);
  return {cidr ? cidr->prefix : 24, network.gateway, network.dns};
}

}  // namespace cierzo
