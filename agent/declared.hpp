// What a request to apply or to plan declares, beside what the catalog has. Pure.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/api/views.hpp"
#include "agent/desired.hpp"
#include "resources/network.hpp"
#include "resources/world.hpp"

namespace cierzo {

// The resources and types of a request, checked again: what the catalog holds must be usable by
// every leader.
struct Declared {
  std::vector<DesiredResource> resources;
  std::map<std::string, std::map<std::string, std::string>> type_files;  // By digest.
  std::vector<std::string> mistakes, warnings;
};

// With what stays of the resources that the catalog has: scaled numbers, secrets, what has been
// said, what leaves. `world` is the site as it is now: what it lacks is warned of.
[[nodiscard]] Declared declared(const api::ApplyRequest& request, const Desired& desired,
                                const SiteAddresses& site, const World& world,
                                const std::function<std::string()>& fresh_secret);

}  // namespace cierzo
