#include "tests/resources/read.hpp"

#include <gtest/gtest.h>

#include "manifests/parse.hpp"
#include "resources/type_folder.hpp"

namespace cierzo::test {

const Type& built_in(const std::string& name) {
  static const TypesRead read = [] {
    TypesRead all = load_types({CIERZO_SOURCE_DIR "/resources/types"});
    for (const auto& diagnostic : all.diagnostics) ADD_FAILURE() << to_string(diagnostic);
    return all;
  }();
  return read.types.at(name);
}

Read read_manifest(const std::string& text, const std::string& file_name,
                   const std::map<std::string, std::string>& files) {
  const manifests::Parsed parsed = manifests::parse(text, file_name);
  Read read;
  for (const auto& diagnostic : parsed.diagnostics) read.said.push_back(to_string(diagnostic));
  if (parsed.declarations.size() != 1) return read;
  const auto reader = [&](const std::string& path, std::string& error) {
    const auto found = files.find(path);
    if (found != files.end()) return std::optional<std::string>(found->second);
    error = "no such file";
    return std::optional<std::string>{};
  };
  const auto& declaration = parsed.declarations.front();
  ResourceRead one = read_resource(declaration, built_in(declaration.type), reader);
  for (const auto& diagnostic : one.diagnostics) read.said.push_back(to_string(diagnostic));
  read.resource = std::move(one.resource);
  read.own_type = std::move(one.own_type);
  return read;
}

}  // namespace cierzo::test
