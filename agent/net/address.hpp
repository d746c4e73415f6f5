// Addresses of agents, as people write them and as libzmq wants them. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace cierzo {

inline constexpr int default_port = 7400;

// "10.77.0.11", "10.77.0.11:7400", "tcp://node1:7400", "[::1]:7400", "::1", "*:7400" ->
// "tcp://10.77.0.11:7400". None: this is no address.
[[nodiscard]] std::optional<std::string> endpoint_of(std::string_view address);

// The part of an endpoint without scheme, port and brackets: "10.77.0.11".
[[nodiscard]] std::string host_of(std::string_view endpoint);

}  // namespace cierzo
