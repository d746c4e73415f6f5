#include "agent/types.hpp"

#include "resources/type_folder.hpp"

namespace cierzo {
namespace {

std::string count_of(const RoleType& role) {
  const std::string least = std::to_string(role.least);
  if (!role.most) return least + "..";
  return *role.most == role.least ? least : least + ".." + std::to_string(*role.most);
}

}  // namespace

api::TypesView types_view(const std::vector<std::string>& folders) {
  const TypesRead read = load_types(folders);
  api::TypesView view;
  for (const auto& [name, type] : read.types) {
    api::TypeRow row{name, type.summary, type.digest, {}, {}};
    for (const RoleType& role : type.roles) {
      api::RoleRow made{role.name.value, count_of(role), {}};
      for (const RoleName& after : role.after) made.after.push_back(after.value);
      row.roles.push_back(std::move(made));
    }
    if (type.roles_in_manifest) row.roles.push_back({"any of the manifest's", "0..", {}});
    for (const auto& [attribute, kind] : type.attributes) {
      row.attributes.push_back(attribute + (kind.required ? "*" : ""));
    }
    view.types.push_back(std::move(row));
  }
  for (const manifests::Diagnostic& mistake : read.diagnostics) {
    view.types.push_back({mistake.at.file, "cannot be used: " + to_string(mistake), "", {}, {}});
  }
  return view;
}

}  // namespace cierzo
