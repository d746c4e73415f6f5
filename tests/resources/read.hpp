// Helpers of the tests in this folder that read manifests against the real types.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "resources/resource.hpp"

namespace cierzo::test {

// A built-in type, from resources/types.
const Type& built_in(const std::string& name);

// What became of the single declaration in a manifest's text.
struct Read {
  std::optional<Resource> resource;
  std::vector<std::string> said;  // diagnostics as people see them
  std::optional<Type> own_type;
};
// `files` are those that the manifest may name.
Read read_manifest(const std::string& text, const std::string& file_name,
                   const std::map<std::string, std::string>& files = {});

}  // namespace cierzo::test
