#include "manifests/parse.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "manifests/print.hpp"
#include "manifests/yaml_tree.hpp"

namespace cierzo::manifests {
namespace {

std::string example(const std::string& name) {
  std::ifstream file(std::string(CIERZO_SOURCE_DIR) + "/manifests/examples/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class ThesisManifest : public testing::TestWithParam<const char*> {};

TEST_P(ThesisManifest, IsReadAsItStandsAndEqualsItsYaml) {
  const std::string name = GetParam();
  const Parsed puppet = parse(example(name + ".pp"), name + ".pp");
  const Parsed yaml = parse(example(name + ".yaml"), name + ".yaml");
  EXPECT_TRUE(puppet.diagnostics.empty());
  EXPECT_TRUE(yaml.diagnostics.empty());
  ASSERT_EQ(puppet.declarations.size(), 1u);
  EXPECT_EQ(puppet.declarations, yaml.declarations);
}

INSTANTIATE_TEST_SUITE_P(Examples, ThesisManifest,
                         testing::Values("torque", "web-thesis", "appscale"));

TEST(Parse, TheThesisManifestMeansWhatItSays) {
  const Parsed parsed = parse(example("torque.pp"), "torque.pp");
  ASSERT_EQ(parsed.declarations.size(), 1u);
  const Declaration& torque = parsed.declarations[0];
  EXPECT_EQ(torque.type, "torque");
  EXPECT_EQ(torque.title, "mytorque");
  EXPECT_EQ(torque.at.line, 1);
  EXPECT_EQ(torque.at.column, 9);
  ASSERT_EQ(torque.attributes.size(), 5u);
  const Array pair{Value{"155.210.155.73"}, Value{"/var/tmp/lucid-tor1.img"}};
  ASSERT_NE(find(torque.attributes, "head"), nullptr);
  EXPECT_EQ(*find(torque.attributes, "head"), Value{pair}) << "a pair stays an array";
  EXPECT_EQ(*find(torque.attributes, "ensure"), Value{"running"});
  EXPECT_EQ(find_entry(torque.attributes, "vm_domain")->at.line, 5);
  EXPECT_EQ(find(torque.attributes, "nothing"), nullptr);
}

TEST(Parse, ColumnsCountCharacters) {
  const Parsed puppet = parse("web { 'é🌬': a => 'ñ', b => $x }", "a.pp");
  ASSERT_EQ(puppet.diagnostics.size(), 1u);
  EXPECT_EQ(puppet.diagnostics[0].at.column, 28);
  const Parsed yaml = parse("web: {'é🌬': {a: 'ñ', b: 010}}", "a.yaml");
  ASSERT_EQ(yaml.diagnostics.size(), 1u);
  EXPECT_EQ(yaml.diagnostics[0].at.column, 25);
}

TEST(Parse, ChoosesTheSyntaxByNameThenByLook) {
  EXPECT_EQ(syntax_of("web:", "a.pp"), Syntax::puppet);
  EXPECT_EQ(syntax_of("web {", "a.yaml"), Syntax::yaml);
  EXPECT_EQ(syntax_of("web {", "a.yml"), Syntax::yaml);
  for (const char* text :
       {"web: {}", "# c\n\nweb:\n  a:", "---\nweb:", "{web: {}}", "\"web\": {}", ""}) {
    EXPECT_EQ(syntax_of(text, "-"), Syntax::yaml) << text;
  }
  for (const char* text : {"web { 'a': }", "# web:\n$x = 1", "Web { a => 1 }", "a::b { 'x': }",
                           "/* web: */ web {'a': }", "class x { }", "web {'x': a => 'b: c' }"}) {
    EXPECT_EQ(syntax_of(text, "-"), Syntax::puppet) << text;
  }
}

TEST(Parse, TooLongATextIsRefusedUnread) {
  const std::string text(text_max + 1, '#');
  EXPECT_EQ(to_string(parse(text, "a.pp").diagnostics.at(0)),
            "a.pp: too long: at most 1048576 bytes, got 1048577");
  EXPECT_FALSE(parse(text, "a.yaml").ok());
  EXPECT_TRUE(parse(text.substr(1), "a.pp").ok());
}

// Texts made to cost: each must be answered soon. The bound is generous, for sanitizers and slow
// machines; a reader with quadratic cost takes minutes.
TEST(Parse, CostlyTextsAreAnsweredSoon) {
  const auto times = [](const std::string& piece) {
    std::string text;
    while (text.size() + piece.size() <= text_max) text += piece;
    return text;
  };
  const auto begun = std::chrono::steady_clock::now();
  for (const char* piece :
       {"[",           "{",   "(",   "'\\", "\"\\", "/*",           "a",      "a=>", "a/**/",
        "web{'a':a=>", "$x",  "$x=", "}",   "x ",   "\n",           "a => [", "'",   "\"$",
        "a::",         "1.",  "- ",  "? ",  "a: ",  "a: {",         "&a ",    "!a ", "#\n",
        "\"",          "|\n", "*a ", "\t",  "{[",   "web{'a':a=>1}"}) {
    EXPECT_LE(parse(times(piece), "a.pp").diagnostics.size(), diagnostics_max + 1) << piece;
    EXPECT_LE(parse(times(piece), "a.yaml").diagnostics.size(), diagnostics_max + 1) << piece;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(120));
}

TEST(Parse, ALargeManifestIsReadWhole) {
  std::string puppet = "$pool = ['node1', 'node2']\n";
  for (int i = 0; i < 5000; ++i) {
    puppet += "web { 'site" + std::to_string(i) + "': ensure => running, pool => $pool }\n";
  }
  const Parsed parsed = parse(puppet, "a.pp");
  EXPECT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.declarations.size(), 5000u);
  EXPECT_EQ(parse(print_yaml(parsed.declarations), "a.yaml").declarations, parsed.declarations);
}

TEST(Value, IsShownOnOneShortLine) {
  EXPECT_EQ(shown(Value{}), "undef");
  EXPECT_EQ(shown(Value{"a\nb"}), "'a b'");
  EXPECT_EQ(shown(Value{Array{Value{std::int64_t{1}}, Value{true}}}), "[1, true]");
  EXPECT_LE(shown(Value{std::string(1000, 'x')}).size(), 70u);
  EXPECT_EQ(kind_name(Value{Hash{}}), "a hash");
}

TEST(Value, EqualityIgnoresPlacesAndNothingElse) {
  EXPECT_EQ((Value{"a", {"f", 1, 2}}), (Value{"a", {"g", 3, 4}}));
  EXPECT_NE(Value{"3"}, Value{std::int64_t{3}});
  EXPECT_NE(Value{3.0}, Value{std::int64_t{3}});
}

TEST(YamlTree, HasKindsQuotesAndPlaces) {
  const YamlTree tree = parse_yaml_tree("a: 'x'\nb:\n  - y\n  - ~\n", "f.yaml");
  ASSERT_TRUE(tree.ok());
  ASSERT_EQ(tree.root.kind, YamlNode::Kind::mapping);
  const YamlNode* a = tree.root.find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_TRUE(a->quoted);
  EXPECT_EQ(a->text, "x");
  EXPECT_EQ(a->at.column, 4);
  const YamlNode* b = tree.root.find("b");
  ASSERT_EQ(b->children.size(), 2u);
  EXPECT_FALSE(b->children[0].quoted);
  EXPECT_EQ(b->children[0].at.line, 3);
  EXPECT_EQ(b->children[0].at.column, 5);
  EXPECT_EQ(b->children[1].kind, YamlNode::Kind::null);
  EXPECT_EQ(tree.root.entries[1].at.line, 2);
  EXPECT_EQ(tree.root.find("c"), nullptr);
}

}  // namespace
}  // namespace cierzo::manifests
