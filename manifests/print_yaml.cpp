#include <algorithm>
#include <cstdio>

#include "manifests/number.hpp"
#include "manifests/print.hpp"
#include "manifests/scalar.hpp"
#include "manifests/source.hpp"

namespace cierzo::manifests {

namespace {

constexpr std::size_t flow_width_max = 80;  // [a, b] and {a: b} up to here, one item a line beyond

// Characters that are safe in every place of a YAML text. A string of these alone can still look
// like a number, a boolean or a date to somebody.
bool is_tame(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == '/' || c == '@' || c == '+';
}

bool is_boolean_to_somebody(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (const std::string_view word : {"y", "n", "yes", "no", "on", "off", "true", "false"}) {
    if (lower == word) return true;
  }
  return false;
}

bool is_plain(const std::string& text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_tame)) return false;
  const char first = text.front();
  const bool digit = first >= '0' && first <= '9';
  const bool letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z');
  // An address has dots enough to be no number to anybody; 1_000 and 2012-06-14 have not.
  if (digit && std::count(text.begin(), text.end(), '.') < 2) return false;
  if (!digit && !letter && first != '/' && first != '_') return false;
  const Scalar read = read_plain_scalar(text);
  return !is_boolean_to_somebody(text) && std::holds_alternative<std::string>(read.value.data);
}

void append_escaped(std::string& out, std::string_view character) {
  const auto byte = static_cast<unsigned char>(character[0]);
  const auto second = character.size() > 1 ? static_cast<unsigned char>(character[1]) : 0u;
  const auto third = character.size() > 2 ? static_cast<unsigned char>(character[2]) : 0u;
  char code[16] = "";
  if (character == "\"" || character == "\\") {
    out += '\\';
  } else if (character == "\n") {
    std::snprintf(code, sizeof code, "\\n");
  } else if (character == "\t") {
    std::snprintf(code, sizeof code, "\\t");
  } else if (byte < 0x20 || byte == 0x7f) {
    std::snprintf(code, sizeof code, "\\x%02x", byte);
  } else if (byte == 0xc2 && second < 0xa0) {  // U+0080 to U+009F, the next line among them
    std::snprintf(code, sizeof code, "\\x%02x", second);
  } else if (byte == 0xe2 && second == 0x80 && (third == 0xa8 || third == 0xa9)) {
    std::snprintf(code, sizeof code, "\\u20%02x", third == 0xa8 ? 0x28u : 0x29u);  // separators
  } else if (character == "\xEF\xBB\xBF") {
    std::snprintf(code, sizeof code, "\\ufeff");
  }
  out += code;
  if (code[0] == '\0') out += character;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = std::max<std::size_t>(1, utf8_length(rest));
    append_escaped(out, rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return out + "\"";
}

std::string string_text(const std::string& text) { return is_plain(text) ? text : quoted(text); }

// The value on one line.
struct Flow {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return print_double(value); }
  std::string operator()(const std::string& value) const { return string_text(value); }
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
      text += string_text(entry.key) + ": " + std::visit(*this, entry.value.data);
    }
    return text + "}";
  }
};

bool is_collection(const Value& value) {
  return std::holds_alternative<Array>(value.data) || std::holds_alternative<Hash>(value.data);
}

// Small enough for one line: at most one level, so that what is nested stays readable.
bool fits_on_line(const Value& value) {
  const auto simple = [](const Value& item) { return !is_collection(item); };
  if (const auto* array = std::get_if<Array>(&value.data)) {
    if (!std::all_of(array->begin(), array->end(), simple)) return false;
  } else if (const auto* hash = std::get_if<Hash>(&value.data)) {
    for (const Entry& entry : *hash) {
      if (!simple(entry.value)) return false;
    }
  } else {
    return true;
  }
  return std::visit(Flow{}, value.data).size() <= flow_width_max;
}

void append_block(std::string& out, const Value& value, std::size_t indent);

// Behind "key:" or "-": on the same line if it fits, else as a block below, deeper.
void append_below(std::string& out, const Value& value, std::size_t indent) {
  if (fits_on_line(value)) {
    out += ' ' + std::visit(Flow{}, value.data) + '\n';
  } else {
    out += '\n';
    append_block(out, value, indent + 2);
  }
}

void append_block(std::string& out, const Value& value, std::size_t indent) {
  if (const auto* array = std::get_if<Array>(&value.data); array != nullptr && !array->empty()) {
    for (const Value& item : *array) {
      out += std::string(indent, ' ') + '-';
      append_below(out, item, indent);
    }
  } else if (const auto* hash = std::get_if<Hash>(&value.data); hash != nullptr && !hash->empty()) {
    for (const Entry& entry : *hash) {
      out += std::string(indent, ' ') + string_text(entry.key) + ':';
      append_below(out, entry.value, indent);
    }
  } else {
    out += std::string(indent, ' ') + std::visit(Flow{}, value.data) + '\n';
  }
}

}  // namespace

std::string to_yaml(const Value& value) {
  std::string out;
  append_block(out, value, 0);
  return out;
}

std::string print_yaml(const std::vector<Declaration>& declarations) {
  std::vector<std::string> types;  // in order of their first declaration
  for (const Declaration& declaration : declarations) {
    if (std::find(types.begin(), types.end(), declaration.type) == types.end()) {
      types.push_back(declaration.type);
    }
  }
  std::string out;
  for (const std::string& type : types) {
    out += string_text(type) + ":\n";
    for (const Declaration& declaration : declarations) {
      if (declaration.type != type) continue;
      out += "  " + string_text(declaration.title) + ':';
      if (declaration.attributes.empty()) {
        out += " {}\n";
      } else {
        out += '\n';
        append_block(out, Value{declaration.attributes}, 4);
      }
    }
  }
  return out.empty() ? "{}\n" : out;
}

}  // namespace cierzo::manifests
