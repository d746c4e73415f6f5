// How many instances a role has, as an operator changes it while it runs (agentctl scale). Pure.
//
// The number is kept beside what the manifest declares. Applying a manifest that says of a role
// what it said before leaves the number alone: it was changed for another reason than that. One
// that says something else about it, or has no room for it, takes its place. Either way it is said.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "resources/resource.hpp"

namespace cierzo {

// Takes `wanted` into `resource`. What cannot be is returned, all of it, and then nothing is
// changed: a role that is none of its, more than it has addresses, fewer than its type allows.
// `type` is the resource's.
[[nodiscard]] std::vector<std::string> scale(Resource& resource, const Type& type,
                                             const std::map<std::string, int>& wanted);

// `declared` is about to take the place of `before`: it takes over what was scaled, where it says
// the same of that role as `before` did. One text for every role that was scaled: what becomes of
// its number, and how to have it otherwise.
[[nodiscard]] std::vector<std::string> keep_scaled(const Resource& before, Resource& declared,
                                                   const Type& type);

}  // namespace cierzo
