// A resource prepared for planning, and the actions that are made from it. Pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "resources/world.hpp"

namespace cierzo {

// Expands, and computes once every digest that plan() compares with what hosts report.
// Precondition: the resource came from read_resource with this type.
[[nodiscard]] DesiredResource make_desired(std::shared_ptr<const Resource> resource,
                                           std::shared_ptr<const Type> type);

// The commands for one instance of a prepared resource, inputs and digests filled in; incarnations
// are those of the copy that is meant. `which` indexes `desired.instances`.
[[nodiscard]] Configure make_configure(const DesiredResource& desired, std::size_t which,
                                       const Incarnation& copy);
[[nodiscard]] Attend make_attend(const DesiredResource& desired, std::size_t which,
                                 const Incarnation& copy);
// Precondition: the role has such a program.
[[nodiscard]] RunScript make_run(const DesiredResource& desired, std::size_t which,
                                 const RoleName& role, ScriptKind kind, const Incarnation& copy);

// The part of ScriptInput::digest that all instances of a role share, and the digest of one of
// them made from it: script_input(...).digest without making its texts.
[[nodiscard]] std::string role_inputs_digest(const Resource& resource, const Type& type,
                                             const std::vector<Instance>& all,
                                             const RoleName& role);
[[nodiscard]] std::string input_digest(const std::string& role_digest, const Instance& instance,
                                       const RoleName& role);

}  // namespace cierzo
