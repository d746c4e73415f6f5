// Any bytes, read as a type.yaml: nothing crashes, every type that is accepted holds together, and
// a type is refused with a reason or accepted, never both or neither.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "resources/type.hpp"

namespace {

using namespace cierzo;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void check_program(const Type& type, const std::optional<Program>& program) {
  check(!program || type.scripts.contains(program->script), "a script of a role");
}

void check_roles(const Type& type) {
  check(!type.name.empty(), "a name");
  check(type.roles.empty() == type.roles_in_manifest, "roles of its own, or the manifest's");
  for (const RoleType& role : type.roles) {
    check(type.role(role.name) != nullptr, "a role is found by its name");
    check(!role.most || *role.most >= role.least, "at least as many at most");
    for (const RoleName& other : role.after) check(type.role(other) != nullptr, "after a role");
    for (const RoleName& other : role.reads) check(type.role(other) != nullptr, "reads a role");
    for (const RoleName& part : role.composed_of) check(type.role(part) != nullptr, "a part");
    for (const auto& program : {role.start, role.stop}) check_program(type, program);
    check(!role.metrics || type.scripts.contains(role.metrics->script), "the metrics of a role");
    check(!role.drain || type.scripts.contains(role.drain->script), "a drain of a role");
    for (const Edge& edge : role.edges) {
      check(type.role(edge.on) != nullptr, "an edge to a role");
      for (const auto& program : {edge.join, edge.leave}) check_program(type, program);
    }
    check(role.outputs.empty() || role.start, "outputs that a start says");
    check(!role.check || (type.scripts.contains(role.check->script) && role.check->failures > 0),
          "a check of a role");
  }
}

// What is said about several roles is about roles that there are.
void check_relations(const Type& type) {
  if (type.roles.empty()) return;  // They come with a manifest.
  for (const auto& sets : {type.layouts, type.apart}) {
    for (const auto& roles : sets) {
      check(!roles.empty(), "a set of roles has some");
      for (const RoleName& role : roles) check(type.role(role) != nullptr, "a set of roles");
    }
  }
  for (const auto& [name, attribute] : type.attributes) {
    check(!attribute.most_of || type.role(*attribute.most_of) != nullptr, "machines of a role");
    check(!attribute.most_of || attribute.kind == AttributeKind::integer, "a number of machines");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const TypeRead read = read_type({{"type.yaml", text}, {"go", "#!/bin/sh\n"}}, "t");
  check(read.type.has_value() != manifests::has_errors(read.diagnostics), "refused with a reason");
  if (!read.type) return 0;
  check_roles(*read.type);
  check_relations(*read.type);
  return 0;
}
