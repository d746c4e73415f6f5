// A YAML manifest: type -> title -> attributes, from the tree that yaml_tree.cpp reads.
#include <algorithm>
#include <iterator>
#include <utility>

#include "manifests/number.hpp"
#include "manifests/parse.hpp"
#include "manifests/scalar.hpp"
#include "manifests/yaml_tree.hpp"

namespace cierzo::manifests {

namespace {

constexpr std::string_view attribute_name_rule =
    "an attribute's name is a lower-case letter, then letters, digits and _";

class ManifestReader {
 public:
  explicit ManifestReader(std::vector<Diagnostic> diagnostics) {
    parsed_.diagnostics = std::move(diagnostics);
  }

  Parsed read(const YamlNode& root) {
    if (root.kind != YamlNode::Kind::null && root.kind != YamlNode::Kind::mapping) {
      refuse(root.at, "a manifest",
             "maps types to titles: 'torque: {mytorque: {ensure: running}}'");
    }
    for (const YamlEntry& type : root.entries) read_type(type);
    mark_incomplete();
    put_in_order(parsed_.diagnostics);
    return std::move(parsed_);
  }

 private:
  void refuse(const Position& at, std::string what, std::string expected) {
    parsed_.diagnostics.push_back(mistake(at, std::move(what), std::move(expected)));
  }

  void read_type(const YamlEntry& type) {
    if (!is_type_name(type.key)) {
      refuse(
          type.at, "'" + type.key + "'",
          "a type's name is a lower-case letter, then letters, digits and _, and no reserved word");
    }
    if (type.value.kind != YamlNode::Kind::mapping) {
      refuse(type.value.kind == YamlNode::Kind::null ? type.at : type.value.at, type.key,
             "expected titles, each with its attributes below it");
    }
    for (const YamlEntry& title : type.value.entries) read_title(type.key, title);
  }

  void read_title(const std::string& type, const YamlEntry& title) {
    if (title.key.empty()) refuse(title.at, type, "a title must not be empty");
    const bool none = title.value.kind == YamlNode::Kind::null;  // `mytorque:`, no attributes
    if (!none && title.value.kind != YamlNode::Kind::mapping) {
      refuse(title.value.at, type + "." + title.key,
             "expected the attributes of '" + title.key + "', one 'name: value' a line");
    }
    Declaration declaration{type, title.key, {}, title.at};
    for (const YamlEntry& attribute : title.value.entries) {
      if (!is_attribute_name(attribute.key)) {
        refuse(attribute.at, "'" + attribute.key + "'", std::string(attribute_name_rule));
      }
      const std::size_t before = parsed_.diagnostics.size();
      Value value = yaml_value(attribute.value, parsed_.diagnostics);
      if (is_secret_name(attribute.key)) {  // What is wrong with a secret does not repeat it.
        for (std::size_t i = before; i < parsed_.diagnostics.size(); ++i) {
          parsed_.diagnostics[i].what = attribute.key;
        }
      }
      declaration.attributes.push_back(Entry{attribute.key, std::move(value), attribute.at});
    }
    parsed_.declarations.push_back(std::move(declaration));
  }

  // Those that a mistake stands in: the last one that begins before it. They are in the order of
  // the text.
  void mark_incomplete() {
    const auto place = [](const Position& at) { return std::pair(at.line, at.column); };
    for (const Diagnostic& diagnostic : parsed_.diagnostics) {
      if (diagnostic.severity != Severity::error) continue;
      const auto behind = std::upper_bound(
          parsed_.declarations.begin(), parsed_.declarations.end(), place(diagnostic.at),
          [&](const auto& at, const Declaration& each) { return at < place(each.at); });
      if (behind != parsed_.declarations.begin()) std::prev(behind)->complete = false;
    }
  }

  Parsed parsed_{};
};

// [digits] of a number without sign, as YAML 1.2's core schema has them.
struct Number {
  bool negative{false};
  std::string_view digits{};
};

Number split_sign(std::string_view text) {
  if (text.empty() || (text[0] != '-' && text[0] != '+')) return {false, text};
  return {text[0] == '-', text.substr(1)};
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// [0-9]* ( \. [0-9]* )? ( [eE] [-+]? [0-9]+ )?, with a digit in front of the exponent.
bool is_decimal(std::string_view text) {
  const std::size_t exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos &&
      !all_digits(split_sign(text.substr(exponent + 1)).digits)) {
    return false;
  }
  const std::string_view mantissa = text.substr(0, exponent);
  const std::size_t point = mantissa.find('.');
  const std::string_view whole = mantissa.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view{} : mantissa.substr(point + 1);
  if (whole.empty() && fraction.empty()) return false;
  return (whole.empty() || all_digits(whole)) && (fraction.empty() || all_digits(fraction));
}

Scalar refused(std::string_view text, const std::string& why) {
  return Scalar{Value{std::string(text)}, why};
}

Scalar integer(std::string_view text, std::string_view digits, int base, bool negative) {
  const std::optional<std::int64_t> value = parse_integer(digits, base, negative);
  if (!value) return refused(text, "does not fit in 64 bits; in quotes it is a string");
  return Scalar{Value{*value}, {}};
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

}  // namespace

Scalar read_plain_scalar(std::string_view text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return Scalar{};
  if (is_one_of(text, {"true", "True", "TRUE"})) return Scalar{Value{true}, {}};
  if (is_one_of(text, {"false", "False", "FALSE"})) return Scalar{Value{false}, {}};
  const auto [negative, digits] = split_sign(text);
  if (is_one_of(digits, {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})) {
    return refused(text, "is no number here; in quotes it is a string");
  }
  const std::string_view prefix = digits.substr(0, 2);
  const std::string_view behind = digits.size() > 2 ? digits.substr(2) : std::string_view{};
  const bool has_sign = digits.size() != text.size();
  if (prefix == "0x" && !has_sign && !behind.empty() &&
      behind.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos) {
    return integer(text, behind, 16, false);
  }
  if (prefix == "0o" && !has_sign && !behind.empty() &&
      behind.find_first_not_of("01234567") == std::string_view::npos) {
    return integer(text, behind, 8, false);
  }
  if (all_digits(digits)) {
    if (digits.size() > 1 && digits[0] == '0') {
      return refused(text,
                     "a leading zero means octal to some readers and nothing to others; write the "
                     "number without it, or quote it");
    }
    return integer(text, digits, 10, negative);
  }
  if (!is_decimal(digits)) return Scalar{Value{std::string(text)}, {}};
  const std::optional<double> value = parse_double(digits);
  if (!value) return refused(text, "is too large or too small for a number");
  return Scalar{Value{negative ? -*value : *value}, {}};
}

Value yaml_value(const YamlNode& node, std::vector<Diagnostic>& diagnostics) {
  Value value{{}, node.at};
  switch (node.kind) {
    case YamlNode::Kind::null:
      break;
    case YamlNode::Kind::scalar: {
      if (node.quoted) {
        value.data = node.text;
        break;
      }
      Scalar scalar = read_plain_scalar(node.text);
      if (!scalar.mistake.empty()) {
        diagnostics.push_back(mistake(node.at, "'" + node.text + "'", scalar.mistake));
      }
      value.data = std::move(scalar.value.data);
      break;
    }
    case YamlNode::Kind::sequence: {
      Array array;
      for (const YamlNode& child : node.children) array.push_back(yaml_value(child, diagnostics));
      value.data = std::move(array);
      break;
    }
    case YamlNode::Kind::mapping: {
      Hash hash;
      for (const YamlEntry& entry : node.entries) {
        hash.push_back(Entry{entry.key, yaml_value(entry.value, diagnostics), entry.at});
      }
      value.data = std::move(hash);
      break;
    }
  }
  return value;
}

Parsed parse_yaml(std::string_view text, std::string file_name) {
  YamlTree tree = parse_yaml_tree(text, std::move(file_name));
  return ManifestReader(std::move(tree.diagnostics)).read(tree.root);
}

}  // namespace cierzo::manifests
