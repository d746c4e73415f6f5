// How many instances a role has, and which, as an operator changes it while it runs (agentctl
// scale). Pure.
//
// Of a role that says how busy its machines are (`metrics`) the emptiest go; of any other, and of
// those that are equally busy, the ones at the highest positions. Which ones went is kept
// (Resource::spared): a choice is made once, and not again while they drain or under another
// leader. What comes back is what has the lowest positions.
//
// The number is kept beside what the manifest declares. Applying a manifest that says of a role
// what it said before leaves the number alone: it was changed for another reason than that. One
// that says something else about it, or has no room for it, takes its place. Either way it is said.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "resources/resource.hpp"
#include "resources/world.hpp"

namespace cierzo {

// How busy the machines of each role are, by address. Who is not there is not known, and is taken
// for busier than all others; an instance that is absent is emptier than all.
using Loads = std::map<RoleName, std::map<std::string, int>>;
inline constexpr int load_of_absent = -1;
[[nodiscard]] Loads loads_of(const World& world, const ResourceName& resource);

// Takes `wanted` into `resource`. What cannot be is returned, all of it, and then nothing is
// changed: a role that is none of its, more than it has addresses, fewer than its type allows.
// `type` is the resource's.
[[nodiscard]] std::vector<std::string> scale(Resource& resource, const Type& type,
                                             const std::map<std::string, int>& wanted,
                                             const Loads& loads);

// `declared` is about to take the place of `before`: it takes over what was scaled, where it says
// the same of that role as `before` did, and which addresses are spared. One text for every role
// that was scaled: what becomes of its number, and how to have it otherwise.
[[nodiscard]] std::vector<std::string> keep_scaled(const Resource& before, Resource& declared,
                                                   const Type& type);

// `declared` takes over what `before` declared beyond it, and what was leaving already: an address
// that nobody has from now on (`taken` are those that somebody has), at a position that its role
// does not have either, since names go by these. Only of roles that its type still has: of others
// nobody knows any more how they drain and stop.
void keep_leaving(const Resource& before, Resource& declared, const Type& type,
                  const std::set<std::string>& taken);

// Takes out of `leaving` those of whose instances nothing is left. False: there is none.
[[nodiscard]] bool forget_left(Resource& resource, const std::map<InstanceName, Instance>& idle,
                               const std::set<InstanceName>& left);

}  // namespace cierzo
