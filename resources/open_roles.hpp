// Types whose roles are written in the manifest itself (resources/types/generic): what needs no
// folder of scripts. Used by resource.cpp alone.
//
//   store: {ip: 10.0.0.5, image: web.qcow2, start: redis-server --daemonize yes, check: redis-cli
//   ping} front: {ips: 10.0.0.6-7, image: web.qcow2, after: store, reads: store, start: ..., stop:
//   ...}
//
// Such a resource gets a type of its own: the files of its type, one more with its roles
// (roles_file), and one for each command. From there on nothing knows that it came from a manifest.
#pragma once

#include <vector>

#include "manifests/diagnostic.hpp"
#include "manifests/value.hpp"
#include "resources/type.hpp"

namespace cierzo {

struct OpenedRoles {
  // With the roles that could be read; good to go on with where there are mistakes, for the others.
  Type type;
  manifests::Declaration declaration;  // What is left: addresses, images, counts, attributes.
  std::vector<manifests::Diagnostic> diagnostics;  // Each at the place in the manifest.
};

// A role is every attribute that is an array or a hash and neither an attribute of all types nor
// one of this type. Of a hash these fields make the role: start, check, stop, drain, metrics (text
// for a shell, or a hash as in a type.yaml with the text under `run`), after, reads, tries,
// on_host_lost, edges (with commands likewise), outputs. What they may
// say is what read_type() accepts.
// Precondition: type.roles_in_manifest.
[[nodiscard]] OpenedRoles open_roles(const manifests::Declaration& declaration, const Type& type);

}  // namespace cierzo
