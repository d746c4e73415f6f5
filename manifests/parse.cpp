#include "manifests/parse.hpp"

#include <utility>

namespace cierzo::manifests {

namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// From the first line that says something on; empty when none does.
std::string_view skip_comments(std::string_view text) {
  for (;;) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    text.remove_prefix(first);
    if (text[0] != '#') return text;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end);
  }
}

// YAML begins with "key:", a quote, a dash or a brace; Puppet with "type {", "Type {" or "$name =".
bool looks_like_yaml(std::string_view text) {
  text = skip_comments(text);
  if (text.empty() || std::string_view("\"'-{[%").find(text[0]) != std::string_view::npos)
    return true;
  const std::size_t colon = text.substr(0, text.find('\n')).find(':');
  if (colon == std::string_view::npos || !is_type_name(text.substr(0, colon))) return false;
  return colon + 1 == text.size() ||
         std::string_view(" \t\r\n").find(text[colon + 1]) != std::string_view::npos;
}

}  // namespace

Syntax syntax_of(std::string_view text, std::string_view file_name) {
  if (ends_with(file_name, ".pp")) return Syntax::puppet;
  if (ends_with(file_name, ".yaml") || ends_with(file_name, ".yml")) return Syntax::yaml;
  return looks_like_yaml(text) ? Syntax::yaml : Syntax::puppet;
}

Parsed parse(std::string_view text, std::string file_name) {
  return syntax_of(text, file_name) == Syntax::yaml ? parse_yaml(text, std::move(file_name))
                                                    : parse_puppet(text, std::move(file_name));
}

}  // namespace cierzo::manifests
