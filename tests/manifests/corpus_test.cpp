// The corpus: every file of corpus/good must be read without a word and give what stands beside it,
// printed as YAML; every file of corpus/bad must give exactly the diagnostics beside it.
// CIERZO_REWRITE=1 writes what stands beside them; the diff is what a reviewer reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "manifests/parse.hpp"
#include "manifests/print.hpp"

namespace cierzo::manifests {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

fs::path corpus(const std::string& folder) {
  return fs::path(CIERZO_SOURCE_DIR) / "tests/manifests/corpus" / folder;
}

std::vector<std::string> manifests_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(corpus(folder))) {
    const fs::path extension = entry.path().extension();
    if (extension == ".pp" || extension == ".yaml") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void compare(const fs::path& golden, const std::string& actual) {
  if (std::getenv("CIERZO_REWRITE") != nullptr) {
    std::ofstream(golden, std::ios::binary) << actual;
  }
  ASSERT_TRUE(fs::exists(golden)) << golden << " is missing; CIERZO_REWRITE=1 writes it";
  EXPECT_EQ(actual, read(golden));
}

std::string lines(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += to_string(diagnostic) + "\n";
  return text;
}

class Good : public testing::TestWithParam<std::string> {};
class Bad : public testing::TestWithParam<std::string> {};

TEST_P(Good, IsReadWithoutAWord) {
  const fs::path path = corpus("good") / GetParam();
  const Parsed parsed = parse(read(path), GetParam());
  EXPECT_EQ(lines(parsed.diagnostics), "");
  compare(path.string() + ".expected", print_yaml(parsed.declarations));
}

TEST_P(Bad, IsRefusedWithTheseWords) {
  const fs::path path = corpus("bad") / GetParam();
  const Parsed parsed = parse(read(path), GetParam());
  EXPECT_FALSE(parsed.diagnostics.empty());
  compare(path.string() + ".expected", lines(parsed.diagnostics));
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Corpus, Good, testing::ValuesIn(manifests_in("good")), test_name);
INSTANTIATE_TEST_SUITE_P(Corpus, Bad, testing::ValuesIn(manifests_in("bad")), test_name);

}  // namespace
}  // namespace cierzo::manifests
