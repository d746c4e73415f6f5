// Addresses and sizes as operators write them: IPv4, ranges, networks, MACs, memory. Pure; what is
// not well formed is none, never a guess.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cierzo {

// "10.0.0.11" as a number, the first byte highest. Four decimal numbers up to 255 and nothing else:
// a leading zero is refused (010 is 8 to one reader and 10 to another).
[[nodiscard]] std::optional<std::uint32_t> parse_ipv4(std::string_view text);
[[nodiscard]] std::string print_ipv4(std::uint32_t address);

// Why no machine can have this address wherever it is: "is a loopback address"; empty: one can.
[[nodiscard]] std::string_view unusable_address(std::uint32_t address);

// "10.0.0.11", "10.0.0.11-10.0.0.18" and "10.0.0.11-18", both ends included. None: not of this
// form, the end before the start, or more than range_max addresses.
inline constexpr std::uint32_t range_max = 4096;
[[nodiscard]] std::optional<std::vector<std::string>> parse_range(std::string_view text);

// Is the address inside "10.0.0.0/24"? False where either is not well formed.
[[nodiscard]] bool in_network(std::string_view address, std::string_view cidr);

// "52:54:00:01:00:00" as a number; six pairs of hexadecimal digits. Group addresses (the lowest bit
// of the first byte) are refused: no interface may have one.
[[nodiscard]] std::optional<std::uint64_t> parse_mac(std::string_view text);
[[nodiscard]] std::string print_mac(std::uint64_t mac);

// "1048576" is KiB, as in the original; also "160 MiB", "1GiB", "1024 KiB". None: anything else,
// nothing at all, or more than 64 TiB.
[[nodiscard]] std::optional<std::uint64_t> parse_memory_kib(std::string_view text);

}  // namespace cierzo
