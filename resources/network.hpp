// The networks that guests are attached to, as the site's configuration lists them. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resources/guest.hpp"

namespace cierzo {

struct NetworkConfig {
  std::string name;
  std::string cidr;              // "10.77.0.0/16"
  std::string bridge;            // Of the host; interfaces of guests are put on it.
  std::string gateway;           // Empty: none.
  std::vector<std::string> dns;  // Empty: the guests' own is left alone.
};

struct Cidr {
  std::uint32_t address = 0;  // In host order, the bits behind the prefix cleared.
  int prefix = 0;
};

// Strict: four decimal numbers without leading zeros; a prefix of 0 to 32. None: not one.
[[nodiscard]] std::optional<std::uint32_t> read_ipv4(std::string_view text);
[[nodiscard]] std::optional<Cidr> read_cidr(std::string_view text);

// The network whose cidr holds the address, the narrowest where several do; nullptr: none, or the
// address is not one. The pointer is into `networks`.
[[nodiscard]] const NetworkConfig* network_of(const std::vector<NetworkConfig>& networks,
                                              std::string_view address);

// What a site knows of addresses: the networks of its guests, and those of its hosts by name.
struct SiteAddresses {
  std::vector<NetworkConfig> networks;
  std::vector<std::string> cidrs;            // More networks, of which only this is known.
  std::map<std::string, std::string> hosts;  // IPv4 addresses to names
};

// Why no guest of this site may have the address: "is the address of host node1"; empty: it may. A
// site without networks leaves addresses to its templates.
[[nodiscard]] std::string address_mistake(const SiteAddresses& site, std::string_view address);

// What a guest is told of it. Precondition: its cidr is one.
[[nodiscard]] GuestNetwork guest_network(const NetworkConfig& network);

}  // namespace cierzo
