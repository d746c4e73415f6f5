// Print -> parse is the identity, for both syntaxes and for every value that a manifest can hold.
// This is what `agentctl convert` stands on.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "manifests/parse.hpp"
#include "manifests/print.hpp"
#include "manifests/yaml_tree.hpp"

namespace cierzo::manifests {
namespace {

// Pieces that break careless printers, joined at random.
std::string nasty_string() {
  static const std::vector<std::string> pieces{"",
                                               "a",
                                               "'",
                                               "\"",
                                               "\\",
                                               "$",
                                               "${x}",
                                               "$x",
                                               "\n",
                                               "\r",
                                               "\r\n",
                                               "\t",
                                               " ",
                                               "  ",
                                               ":",
                                               ": ",
                                               " #",
                                               "#",
                                               "-",
                                               "- ",
                                               "?",
                                               "{",
                                               "}",
                                               "[",
                                               "]",
                                               ",",
                                               "&",
                                               "*",
                                               "!",
                                               "|",
                                               ">",
                                               "%",
                                               "@",
                                               "`",
                                               "=>",
                                               "~",
                                               "null",
                                               "true",
                                               "yes",
                                               "010",
                                               "3",
                                               "1e3",
                                               "0x1f",
                                               "-1",
                                               "1.5",
                                               ".inf",
                                               "---",
                                               "...",
                                               "<<",
                                               "\\n",
                                               "\\u",
                                               "\x01",
                                               "\x04",
                                               "\x1b",
                                               "\x7f",
                                               "é",
                                               "🌬",
                                               "\u0085",
                                               "\u2028",
                                               "\uFEFF",
                                               "\uFFFD",
                                               "10.0.0.1",
                                               "/var/tmp/a.img",
                                               "52:54:00:01:00:00",
                                               "running",
                                               "class",
                                               "default",
                                               "undef"};
  const auto chosen = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces));
  std::string text;
  for (const std::string& piece : chosen) text += piece;
  return text;
}

// Titles and keys have a limit; cutting must not cut a character in two.
std::string nasty_name() {
  std::string text = nasty_string();
  while (text.size() > name_max ||
         (!text.empty() && (text.back() & 0xc0) == 0x80 && text.size() == name_max)) {
    text.pop_back();
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80)
      text.pop_back();
    if (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80) != 0) text.pop_back();
  }
  return text;
}

Value any_value(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 8 : 6)) {
    case 0:
      return Value{};
    case 1:
      return Value{*rc::gen::arbitrary<bool>()};
    case 2:
      return Value{*rc::gen::arbitrary<std::int64_t>()};
    case 3: {
      const double number = *rc::gen::arbitrary<double>();
      return Value{std::isfinite(number) ? number : 0.5};
    }
    case 6: {
      Array array(*rc::gen::inRange<std::size_t>(0, 4));
      for (Value& item : array) item = any_value(depth - 1);
      return Value{std::move(array)};
    }
    case 7: {
      Hash hash;
      const int size = *rc::gen::inRange(0, 4);
      for (int i = 0; i < size; ++i) {
        const std::string key = nasty_name();
        if (find(hash, key) == nullptr) hash.push_back(Entry{key, any_value(depth - 1), {}});
      }
      return Value{std::move(hash)};
    }
    default:
      return Value{nasty_string()};
  }
}

std::string name() {
  return *rc::gen::elementOf(std::vector<std::string>{"ensure", "pool", "vm_mem", "x", "class",
                                                      "true", "type", "on_isolation", "aB9_"});
}

std::vector<Declaration> any_declarations() {
  std::vector<Declaration> declarations;
  // Types in order: YAML has each type once.
  for (const std::string type : {"appscale", "a::b", "torque", "web"}) {
    const int size = *rc::gen::inRange(0, 3);
    std::vector<std::string> titles;
    for (int i = 0; i < size; ++i) {
      std::string title = nasty_name();
      if (title.empty()) title = "empty";
      if (std::find(titles.begin(), titles.end(), title) != titles.end()) continue;
      titles.push_back(title);
      Declaration declaration{type, title, {}, {}};
      const int attributes = *rc::gen::inRange(0, 4);
      for (int k = 0; k < attributes; ++k) {
        const std::string key = name();
        if (find(declaration.attributes, key) != nullptr) continue;
        declaration.attributes.push_back(Entry{key, any_value(3), {}});
      }
      declarations.push_back(std::move(declaration));
    }
  }
  return declarations;
}

void expect_same(const Parsed& parsed, const std::vector<Declaration>& expected,
                 const std::string& text) {
  RC_LOG() << text;
  for (const Diagnostic& diagnostic : parsed.diagnostics) RC_LOG() << to_string(diagnostic) << "\n";
  RC_ASSERT(parsed.diagnostics.empty());
  RC_ASSERT(parsed.declarations == expected);
}

RC_GTEST_PROP(Roundtrip, PuppetGivesTheSameDeclarations, ()) {
  const std::vector<Declaration> declarations = any_declarations();
  const std::string text = print_puppet(declarations);
  expect_same(parse_puppet(text, "x.pp"), declarations, text);
}

RC_GTEST_PROP(Roundtrip, YamlGivesTheSameDeclarations, ()) {
  const std::vector<Declaration> declarations = any_declarations();
  const std::string text = print_yaml(declarations);
  expect_same(parse_yaml(text, "x.yaml"), declarations, text);
}

RC_GTEST_PROP(Roundtrip, AnyValueIsAYamlDocument, ()) {
  const Value value = any_value(4);
  const std::string text = to_yaml(value);
  const YamlTree tree = parse_yaml_tree(text, "x.yaml");
  std::vector<Diagnostic> diagnostics = tree.diagnostics;
  RC_LOG() << text;
  RC_ASSERT(yaml_value(tree.root, diagnostics) == value);
  RC_ASSERT(diagnostics.empty());
}

// No text, however cut or mixed, makes a reader throw, hang or answer nothing: what is not read
// without a word is refused with one.
RC_GTEST_PROP(Roundtrip, PiecesOfTextNeverBreakTheReaders, ()) {
  static const std::vector<std::string> pieces{
      "web", " ", "{",  "'a'", ":", "x",  "=>", "[",   "]", "}",  "\n", ",", ";", "$v", "=",
      "\"",  "'", "/*", "*/",  "#", "  ", "- ", "Web", "@", "if", "1",  "-", "&", "\\", "${"};
  std::string text;
  for (const auto& piece :
       *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces))) {
    text += piece;
  }
  for (const Parsed& parsed : {parse_puppet(text, "x.pp"), parse_yaml(text, "x.yaml")}) {
    RC_LOG() << text;
    RC_ASSERT(parsed.diagnostics.size() <= diagnostics_max + 1);
    if (!parsed.ok()) continue;
    RC_ASSERT(parse_puppet(print_puppet(parsed.declarations), "x.pp").declarations ==
              parsed.declarations);
  }
}

}  // namespace
}  // namespace cierzo::manifests
