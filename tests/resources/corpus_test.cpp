// The corpora: manifests against the built-in types (corpus/good, corpus/bad), with the files they
// name behind them in the same text ("== /path" begins one), and types (corpus/types). What is said
// of each, and what a good one means, must be exactly what stands beside it. CIERZO_REWRITE=1
// writes that; the diff is what a reviewer reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "manifests/parse.hpp"
#include "resources/instance.hpp"
#include "tests/resources/read.hpp"

namespace cierzo::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

fs::path corpus(const std::string& folder) {
  return fs::path(CIERZO_SOURCE_DIR) / "tests/resources/corpus" / folder;
}

std::vector<std::string> inputs_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(corpus(folder))) {
    if (entry.path().extension() != ".expected") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void compare(const fs::path& golden, const std::string& actual) {
  if (std::getenv("CIERZO_REWRITE")) std::ofstream(golden, std::ios::binary) << actual;
  ASSERT_TRUE(fs::exists(golden)) << golden << " is missing; CIERZO_REWRITE=1 writes it";
  EXPECT_EQ(actual, text_of(golden));
}

// The manifest, and the files behind it.
std::map<std::string, std::string> split(const std::string& text) {
  std::map<std::string, std::string> parts;
  std::string* part = &parts[""];
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string line = text.substr(begin, end - begin);
    if (line.starts_with("== /")) {
      part = &parts[line.substr(3, line.find_last_not_of("\r\n") - 2)];
    } else {
      *part += line;
    }
    begin = end;
  }
  return parts;
}

// What is said of a corpus file, then what its good resources are: one line for each machine.
struct Outcome {
  std::string said, means;
};

Outcome outcome_of(const std::string& text, const std::string& name) {
  const auto parts = split(text);
  const FileReader reader = [&](const std::string& path, std::string& error) {
    const auto found = parts.find(path);
    if (found != parts.end()) return std::optional<std::string>(found->second);
    error = "No such file or directory";
    return std::optional<std::string>{};
  };
  Outcome outcome;
  const manifests::Parsed parsed = manifests::parse(parts.at(""), name);
  for (const auto& diagnostic : parsed.diagnostics) outcome.said += to_string(diagnostic) + "\n";
  std::vector<ResourceRead> all;
  for (const auto& declaration : parsed.declarations) {
    const Type& type = built_in(declaration.type);
    all.push_back(read_resource(declaration, type, reader));
    for (const auto& each : all.back().diagnostics) outcome.said += to_string(each) + "\n";
    if (!all.back().resource) continue;
    const Type& own = all.back().own_type ? *all.back().own_type : type;
    for (const Instance& i : expand(*all.back().resource, own)) {
      outcome.means += i.name.value + " " + i.address + " " + i.mac + " " + i.image + " " +
                       std::to_string(i.memory_kib) + " KiB\n";
    }
  }
  std::vector<Claimant> claimants;
  for (const ResourceRead& each : all) {
    if (each.draft.ensure != Ensure::absent) claimants.push_back({&each.draft, &each.places});
  }
  for (const std::string& conflict : conflicts(claimants)) outcome.said += conflict + "\n";
  return outcome;
}

class Good : public testing::TestWithParam<std::string> {};
class Bad : public testing::TestWithParam<std::string> {};
class TypeFile : public testing::TestWithParam<std::string> {};

TEST_P(Good, MeansThis) {
  const fs::path path = corpus("good") / GetParam();
  const Outcome outcome = outcome_of(text_of(path), GetParam());
  EXPECT_EQ(outcome.said, "");
  compare(path.string() + ".expected", outcome.means);
}

TEST_P(Bad, IsAnsweredWithTheseWords) {
  const fs::path path = corpus("bad") / GetParam();
  const Outcome outcome = outcome_of(text_of(path), GetParam());
  EXPECT_NE(outcome.said, "");
  EXPECT_EQ(outcome.said.find("hunter2"), std::string::npos) << "a password is repeated";
  compare(path.string() + ".expected", outcome.said);
}

TEST_P(TypeFile, IsAnsweredWithTheseWords) {
  const fs::path path = corpus("types") / GetParam();
  const TypeRead read = read_type({{"type.yaml", text_of(path)}, {"go", "#!/bin/sh\n"}}, "t");
  std::string said;
  for (const auto& diagnostic : read.diagnostics) said += to_string(diagnostic) + "\n";
  EXPECT_EQ(read.type.has_value(), GetParam() == "good.yaml");
  compare(path.string() + ".expected", said);
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Corpus, Good, testing::ValuesIn(inputs_in("good")), test_name);
INSTANTIATE_TEST_SUITE_P(Corpus, Bad, testing::ValuesIn(inputs_in("bad")), test_name);
INSTANTIATE_TEST_SUITE_P(Corpus, TypeFile, testing::ValuesIn(inputs_in("types")), test_name);

}  // namespace
}  // namespace cierzo::test
