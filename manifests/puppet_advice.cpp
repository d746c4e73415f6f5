#include "manifests/puppet_advice.hpp"

#include <algorithm>
#include <utility>

namespace cierzo::manifests {

namespace {

constexpr std::string_view no_classes =
    "classes are not read; declare the resources themselves, outside of any class";
constexpr std::string_view no_includes =
    "nothing is included; declare the resource in this file, or apply several files at once";
constexpr std::string_view no_conditions =
    "conditions are not read; write one manifest for each case, or assign a $variable";
constexpr std::string_view no_functions =
    "functions are not called; write the value or the resource itself";
constexpr std::string_view no_types =
    "types are not defined here; a type is a folder with a type.yaml and its scripts";
constexpr std::string_view no_nodes =
    "nodes are not read; the attribute 'pool' of a resource names the hosts that may run it";
constexpr std::string_view no_expressions = "expressions are not computed; write the value itself";
constexpr std::string_view no_overrides =
    "references and overrides are not read; write the attributes in the resource itself";

constexpr std::pair<std::string_view, std::string_view> keywords[] = {
    {"class", no_classes},       {"inherits", no_classes},   {"define", no_types},
    {"type", no_types},          {"node", no_nodes},         {"site", no_nodes},
    {"application", no_nodes},   {"include", no_includes},   {"require", no_includes},
    {"contain", no_includes},    {"import", no_includes},    {"if", no_conditions},
    {"unless", no_conditions},   {"case", no_conditions},    {"else", no_conditions},
    {"elsif", no_conditions},    {"function", no_functions}, {"plan", no_functions},
    {"notice", no_functions},    {"warning", no_functions},  {"err", no_functions},
    {"info", no_functions},      {"debug", no_functions},    {"fail", no_functions},
    {"realize", no_functions},   {"tag", no_functions},      {"create_resources", no_functions},
    {"and", no_expressions},     {"or", no_expressions},     {"in", no_expressions},
    {"true", no_expressions},    {"false", no_expressions},  {"undef", no_expressions},
    {"default", no_expressions},
};

bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

}  // namespace

std::string_view keyword_advice(std::string_view word) {
  const auto found = std::find_if(std::begin(keywords), std::end(keywords),
                                  [word](const auto& entry) { return entry.first == word; });
  return found == std::end(keywords) ? std::string_view{} : found->second;
}

std::string_view statement_advice(std::string_view rest) {
  if (begins_with(rest, "(")) return no_functions;
  if (begins_with(rest, "[")) return no_overrides;
  if (begins_with(rest, ":")) return "this looks like YAML: call the file .yaml";
  if (begins_with(rest, "<|") || begins_with(rest, "<<|")) {
    return "collectors are not read; write the attributes in the resource itself";
  }
  return {};
}

std::string_view operator_advice(std::string_view rest) {
  if (begins_with(rest, "?")) return "selectors are not read; write the value itself";
  if (begins_with(rest, "(") || begins_with(rest, ".")) return no_functions;
  if (rest.size() > 1 && rest[0] == '=' &&
      std::string_view(">=~").find(rest[1]) == std::string_view::npos) {
    return "one value is given to one name at a time";
  }
  if (begins_with(rest, "[")) return "elements are not taken out of values; write the value itself";
  for (const std::string_view symbol :
       {"==", "!=", "=~", "!~", "<", ">", "+", "-", "*", "/", "%"}) {
    if (begins_with(rest, symbol)) return no_expressions;
  }
  return {};
}

std::string_view value_advice(std::string_view rest) {
  if (begins_with(rest, "@(")) return "heredocs are not read; write the text in quotes";
  if (begins_with(rest, "(") || begins_with(rest, "!") || begins_with(rest, "-") ||
      begins_with(rest, "*")) {
    return no_expressions;
  }
  if (begins_with(rest, "/")) {
    return "regular expressions are not read; a path is written in quotes";
  }
  return {};
}

std::string_view name_advice(std::string_view rest) {
  if (begins_with(rest, "'") || begins_with(rest, "\"")) {
    return "an attribute's name has no quotes";
  }
  if (!rest.empty() && ((rest[0] >= 'A' && rest[0] <= 'Z') || rest[0] == '_')) {
    return "an attribute's name begins with a lower-case letter";
  }
  return {};
}

std::string_view arrow_advice(std::string_view rest) {
  if (begins_with(rest, "+>")) return "values are not appended to; write the whole value with =>";
  if (begins_with(rest, "-") && !begins_with(rest, "->"))
    return "names have no hyphens; _ joins words, and => stands behind";
  if (begins_with(rest, ":")) return "in Puppet it is 'name => value'; in YAML 'name: value'";
  return {};
}

}  // namespace cierzo::manifests
