#include "resources/attribute.hpp"

#include <algorithm>

#include "manifests/number.hpp"

namespace cierzo {

using manifests::Value;

const std::vector<std::string>& common_attributes() {
  static const std::vector<std::string> names = {
      "ensure",       "name",         "vm_domain",
      "pool",         "vm_mem",       "vm_ncpu",
      "disk",         "on_isolation", "starting_mac_address",
      "vm_user",      "pm_user",      "pm_password",
      "root_password"};
  return names;
}

bool is_common_attribute(std::string_view name) {
  const auto& names = common_attributes();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string expected_of(const AttributeType& attribute) {
  switch (attribute.kind) {
    case AttributeKind::string: {
      std::string text;
      for (const std::string& choice : attribute.choices) {
        text += (text.empty() ? "one of " : ", ") + choice;
      }
      return text.empty() ? "a string" : text;
    }
    case AttributeKind::integer: {
      std::string text = "a whole number";
      if (attribute.least) text += " from " + std::to_string(*attribute.least);
      if (attribute.most) text += " to " + std::to_string(*attribute.most);
      return text;
    }
    case AttributeKind::boolean:
      return "true or false";
    case AttributeKind::strings:
      return "a list of strings";
  }
  return {};
}

std::optional<std::string> scalar_text(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.data)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<double>(&value.data)) {
    return manifests::print_double(*number);
  }
  return std::nullopt;
}

std::optional<std::string> attribute_text(const Value& value, const AttributeType& attribute) {
  const AttributeKind kind = attribute.kind;
  if (kind == AttributeKind::strings) {
    const auto* array = std::get_if<manifests::Array>(&value.data);
    if (!array) return scalar_text(value);  // one string is a list of one
    std::string text;
    for (const Value& element : *array) {
      const auto line = scalar_text(element);
      if (!line || line->find('\n') != std::string::npos) return std::nullopt;
      text += (text.empty() ? "" : "\n") + *line;
    }
    return text;
  }
  const auto text = scalar_text(value);
  if (!text) return std::nullopt;
  if (kind == AttributeKind::boolean && *text != "true" && *text != "false") return std::nullopt;
  if (kind == AttributeKind::integer) {
    const bool negative = text->starts_with('-');
    const auto number =
        manifests::parse_integer(std::string_view(*text).substr(negative ? 1 : 0), 10, negative);
    if (!number || (attribute.least && *number < *attribute.least) ||
        (attribute.most && *number > *attribute.most)) {
      return std::nullopt;
    }
    return std::to_string(*number);
  }
  const auto& choices = attribute.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), *text) == choices.end()) {
    return std::nullopt;
  }
  return text;
}

}  // namespace cierzo
