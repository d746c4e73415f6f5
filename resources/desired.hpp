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
                                           std::shared_ptr<const Type> type,
                                           std::map<RoleKey, Outputs> outputs = {});

// The commands for one instance of a prepared resource, inputs and digests filled in; incarnations
// are those of the copy that is meant. `which` indexes `desired.instances`.
[[nodiscard]] Configure make_configure(const DesiredResource& desired, std::size_t which,
                                       const Incarnation& copy);
[[nodiscard]] Attend make_attend(const DesiredResource& desired, std::size_t which,
                                 const Incarnation& copy);
// start, stop or drain, in an instance that is wanted or idle. Precondition: the role has it.
[[nodiscard]] RunScript make_run(const DesiredResource& desired, const Instance& instance,
                                 const RoleName& role, ScriptKind kind, const Incarnation& copy);
// join or leave, in an instance that is told of a member. A type that has no such program any more
// gives one that does nothing but have the guest forget the member.
[[nodiscard]] RunScript make_tell(const DesiredResource& desired, const Instance& told,
                                  const RoleName& on, ScriptKind kind, const Member& member,
                                  const Incarnation& copy, std::string digest);

// The instances of a role, by their position in it.
[[nodiscard]] std::vector<const Instance*> members(const std::vector<Instance>& all,
                                                   const RoleName& role);
[[nodiscard]] int position_in(const Instance& instance, const RoleName& role);  // 0: it has it not.

// The part of ScriptInput::digest that all instances of a role share, and the digest of one of
// them made from it: script_input(...).digest without making its texts.
[[nodiscard]] std::string role_inputs_digest(const Resource& resource, const Type& type,
                                             const std::vector<Instance>& all, const RoleName& role,
                                             const std::map<RoleKey, Outputs>& outputs);
[[nodiscard]] std::string input_digest(const std::string& role_digest, const Instance& instance,
                                       const RoleName& role);
// Which of its parts differ, of two of them: "its start has changed", "an attribute and what it
// reads have changed".
[[nodiscard]] std::string changed_inputs(const std::string& before, const std::string& now);

}  // namespace cierzo
