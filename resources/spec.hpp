// What a running VM cannot take without being started anew, and what of it differs.
#pragma once

#include <string>
#include <string_view>

#include "resources/instance.hpp"

namespace cierzo {

// "memory=1048576|vcpus=1|disk=local|template=1f00...|image=web.qcow2": in words, so that a
// difference can be told from the domain's metadata alone. Only the template is a digest.
[[nodiscard]] std::string spec_digest(const Instance& instance);

// "memory 1048576 -> 2097152, image a.qcow2 -> b.qcow2"; empty where nothing differs, or where
// nothing is known of what runs.
[[nodiscard]] std::string spec_difference(std::string_view running, std::string_view wanted);

}  // namespace cierzo
