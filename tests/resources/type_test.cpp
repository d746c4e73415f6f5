// Types: the built-in ones load, and what is wrong with one is said all at once.
#include "resources/type.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "resources/address.hpp"
#include "resources/digest.hpp"
#include "resources/type_folder.hpp"
#include "tests/resources/read.hpp"

namespace cierzo::test {
namespace {

std::string said(const std::string& yaml, std::map<std::string, std::string> files = {}) {
  files["type.yaml"] = yaml;
  std::string text;
  const TypeRead read = read_type(files, "t");
  for (const auto& diagnostic : read.diagnostics) text += to_string(diagnostic) + "\n";
  EXPECT_EQ(read.type.has_value(), text.empty());
  return text;
}

TEST(Type, BuiltInOnesLoad) {
  for (const char* name : {"web", "torque", "appscale"}) {
    EXPECT_EQ(built_in(name).name, name);
    EXPECT_EQ(built_in(name).digest.size(), 64U);
  }
  const RoleType& balancer = *built_in("web").role(RoleName{"balancer"});
  EXPECT_EQ(balancer.reads.count(RoleName{"server"}), 1U);
  EXPECT_EQ(balancer.check->every, std::chrono::seconds(2));
}

TEST(Type, ChangesItsDigestWithAnyFile) {
  const std::string yaml = "type: t\nroles: {a: {count: 1, start: go}}\n";
  const auto digest = [&](const std::string& script) {
    return read_type({{"type.yaml", yaml}, {"go", script}}, "t").type.value().digest;
  };
  EXPECT_EQ(digest("one"), digest("one"));
  EXPECT_NE(digest("one"), digest("two"));
}

TEST(Type, EveryMistakeIsReportedAtOnce) {
  EXPECT_EQ(
      said("type: t\nrols: {}\nroles:\n  a: {count: many, after: [b], start: go}\n"
           "  c: {chek: x, check: {run: go, every: 5}}\nlayouts: [[a, d]]\n"),
      "t/type.yaml:2:1: rols: unknown field; did you mean 'roles'? (accepted: type, summary, "
      "attributes, roles, layouts, apart, composites, taken_by, shared_machines, "
      "roles_in_manifest)\n"
      "t/type.yaml:4:14: roles.a.count: must be a number, '0..1' or '1..', got 'many'\n"
      "t/type.yaml:4:28: roles.a.after: unknown role 'b'; did you mean 'a'? (accepted: a, c)\n"
      "t/type.yaml:4:39: roles.a.start: there is no script 'go'\n"
      "t/type.yaml:5:7: roles.c.chek: unknown field; did you mean 'check'? (accepted: count, "
      "never_below, after, reads, attributes, start, stop, drain, metrics, check, tries, edges, "
      "outputs, on_host_lost)\n"
      "t/type.yaml:5:23: roles.c.check: there is no script 'go'\n"
      "t/type.yaml:5:40: roles.c.check.every: must be a duration such as 500ms, 5s or 2m, got "
      "'5'\n"
      "t/type.yaml:6:15: layouts: unknown role 'd'; did you mean 'a'? (accepted: a, c)\n");
}

TEST(Type, RolesThatWaitForThemselvesAreRefused) {
  EXPECT_EQ(said("type: t\nroles:\n  a: {after: [b]}\n  b: {after: [c]}\n  c: {after: [a]}\n"),
            "t/type.yaml:3:3: roles.a.after: waits for itself: a after b after c after a\n");
}

TEST(Type, CommonAttributesAreNotFree) {
  EXPECT_EQ(said("type: t\nattributes: {pool: {}}\nroles: {ensure: {}}\n"),
            "t/type.yaml:2:14: attributes.pool: is not a free attribute name\n"
            "t/type.yaml:3:9: roles.ensure: is not a free role name\n");
}

// A type of an administrator's own that is broken is not replaced by the built-in one in silence.
TEST(TypeFolder, SaysWhichTypesCannotBeUsed) {
  namespace fs = std::filesystem;
  const fs::path root = fs::path(testing::TempDir()) / "type-folders";
  fs::remove_all(root);
  const auto file = [&](const std::string& name, const std::string& text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
  };
  file("first/web/type.yaml", "type: web\nroles: {a: {}}\n");
  file("first/good/type.yaml", "type: good\nroles: {a: {}}\n");
  file("second/my-web/type.yaml", "type: web\nroles: {a: {count: many}}\n");
  file("second/large/type.yaml", "type: large\nroles: {a: {}}\n");
  for (std::size_t i = 0; i < type_files_max; ++i) file("second/large/" + std::to_string(i), "");
  const TypesRead read = load_types({(root / "first").string(), (root / "second").string()});
  EXPECT_EQ(read.types.size(), 1U);
  EXPECT_EQ(read.types.count("good"), 1U);
  ASSERT_EQ(read.unusable.size(), 2U);
  EXPECT_EQ(to_string(read.unusable.at("web").front()),
            (root / "second/my-web/type.yaml").string() +
                ":2:20: roles.a.count: must be a number, '0..1' or '1..', got 'many'");
  const std::string large = (root / "second/large").string();
  EXPECT_EQ(to_string(read.unusable.at("large").front()),
            large + ": type: " + large + ": more than 64 files or 256 KiB");
}

TEST(Address, OnlyWhatIsWellFormed) {
  EXPECT_EQ(print_ipv4(parse_ipv4("10.0.200.11").value()), "10.0.200.11");
  for (const char* wrong : {"", "10.0.0", "10.0.0.1.2", "10.0.0.256", "010.0.0.1", "10.0.0.1 ",
                            "10..0.1", "a.b.c.d", "-1.0.0.0"}) {
    EXPECT_FALSE(parse_ipv4(wrong)) << wrong;
  }
  EXPECT_EQ(parse_range("10.0.0.254-10.0.1.1").value().size(), 4U);
  EXPECT_EQ(parse_range("10.0.0.9-11").value().back(), "10.0.0.11");
  for (const char* wrong : {"10.0.0.9-8", "10.0.0.1-", "10.0.0.1-10.1.0.1", "-5", "10.0.0.1-300"}) {
    EXPECT_FALSE(parse_range(wrong)) << wrong;
  }
  EXPECT_TRUE(in_network("10.77.200.1", "10.77.0.0/16"));
  EXPECT_FALSE(in_network("10.78.0.1", "10.77.0.0/16"));
  EXPECT_TRUE(in_network("1.2.3.4", "0.0.0.0/0"));
  EXPECT_FALSE(in_network("1.2.3.4", "1.2.3.4/33"));
}

TEST(Address, MacsAndMemory) {
  EXPECT_EQ(print_mac(parse_mac("52:54:00:Ab:00:01").value()), "52:54:00:ab:00:01");
  for (const char* wrong : {"52:54:00:01:00", "52-54-00-01-00-00", "01:00:00:00:00:00", ""}) {
    EXPECT_FALSE(parse_mac(wrong)) << wrong;
  }
  EXPECT_EQ(parse_memory_kib("1048576"), 1048576U);
  EXPECT_EQ(parse_memory_kib("1 GiB"), 1048576U);
  EXPECT_EQ(parse_memory_kib("160MiB"), 163840U);
  for (const char* wrong : {"", "0", "1 GB", "-1", "65 TiB", "99999999999999999999"}) {
    EXPECT_FALSE(parse_memory_kib(wrong)) << wrong;
  }
}

TEST(Digest, IsTheStandardOne) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_NE(sha256_of({"ab", "c"}), sha256_of({"a", "bc"}));
}

}  // namespace
}  // namespace cierzo::test
