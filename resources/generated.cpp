#include "resources/generated.hpp"

namespace cierzo {

void fill_secrets(Resource& declared, const Type& type, const Resource* before,
                  const std::function<std::string()>& make) {
  const auto fill = [&](const std::string& name, const AttributeType& attribute) {
    if (!attribute.generate || declared.secrets.count(name) != 0) return;
    const bool is_known = before && before->secrets.count(name) != 0;
    declared.secrets[name] = is_known ? before->secrets.at(name) : make();
  };
  for (const auto& [name, attribute] : type.attributes) fill(name, attribute);
  for (const auto& [role, slots] : declared.slots) {
    const RoleType* known = type.role(role);
    if (!known) continue;
    for (const auto& [name, attribute] : known->attributes) {
      fill(role.value + "." + name, attribute);
    }
  }
}

}  // namespace cierzo
