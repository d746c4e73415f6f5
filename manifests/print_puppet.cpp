#include <algorithm>
#include <cstdio>

#include "manifests/number.hpp"
#include "manifests/print.hpp"

namespace cierzo::manifests {

namespace {

constexpr std::size_t line_width_max = 90;  // an array or hash on one line up to here

// Attribute values such as `running` are written bare, as everybody writes them in Puppet.
bool is_bare_word(std::string_view text) { return is_attribute_name(text) && is_type_name(text); }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_control(c)) {
      char code[16];
      std::snprintf(code, sizeof code, "\\u{%x}", static_cast<unsigned>(c));
      out += code;
    } else {
      if (c == '"' || c == '\\' || c == '$') out += '\\';
      out += c;
    }
  }
  return out + "\"";
}

// Single quotes keep everything as it is; only control characters need the escapes of double
// quotes.
std::string quoted(std::string_view text) {
  const bool control = std::any_of(text.begin(), text.end(), is_control);
  return control ? double_quoted(text) : single_quoted(text);
}

std::string key_text(const std::string& key) { return is_bare_word(key) ? key : quoted(key); }

struct OneLine {
  std::string operator()(std::monostate) const { return "undef"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return print_double(value); }
  std::string operator()(const std::string& value) const { return quoted(value); }
  std::string operator()(const Array& value) const {
    std::string text = "[";
    for (const Value& item : value) {
      if (text.size() > 1) text += ", ";
      text += std::visit(*this, item.data);
    }
    return text + "]";
  }
  std::string operator()(const Hash& value) const {
    std::string text = "{";
    for (const Entry& entry : value) {
      if (text.size() > 1) text += ", ";
      text += key_text(entry.key) + " => " + std::visit(*this, entry.value.data);
    }
    return text + "}";
  }
};

void append_value(std::string& out, const Value& value, std::size_t indent) {
  const std::string line = std::visit(OneLine{}, value.data);
  const auto* array = std::get_if<Array>(&value.data);
  const auto* hash = std::get_if<Hash>(&value.data);
  if (line.size() <= line_width_max || (array == nullptr && hash == nullptr)) {
    out += line;
    return;
  }
  const std::string inner(indent + 2, ' ');
  out += array != nullptr ? "[\n" : "{\n";
  for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
    out += inner;
    append_value(out, (*array)[i], indent + 2);
    out += ",\n";
  }
  for (std::size_t i = 0; hash != nullptr && i < hash->size(); ++i) {
    out += inner + key_text((*hash)[i].key) + " => ";
    append_value(out, (*hash)[i].value, indent + 2);
    out += ",\n";
  }
  out += std::string(indent, ' ') + (array != nullptr ? ']' : '}');
}

void append_declaration(std::string& out, const Declaration& declaration) {
  std::size_t longest = 0;
  for (const Entry& entry : declaration.attributes) longest = std::max(longest, entry.key.size());
  out += declaration.type + " { " + quoted(declaration.title) + ":\n";
  for (const Entry& entry : declaration.attributes) {
    out += "  " + entry.key + std::string(longest - entry.key.size(), ' ') + " => ";
    const auto* text = std::get_if<std::string>(&entry.value.data);
    if (text != nullptr && is_bare_word(*text)) {
      out += *text;
    } else {
      append_value(out, entry.value, 2);
    }
    out += ",\n";
  }
  out += "}\n";
}

}  // namespace

std::string print_puppet(const std::vector<Declaration>& declarations) {
  std::string out;
  for (const Declaration& declaration : declarations) {
    if (!out.empty()) out += '\n';
    append_declaration(out, declaration);
  }
  return out;
}

}  // namespace cierzo::manifests
