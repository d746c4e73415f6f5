// Every message that reading a manifest, a type or a template can answer with is in a golden file:
// each string of the reading code that looks like words must occur in what the corpora expect, or
// in a test of the few things that no text can provoke.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace cierzo::test {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The string literals of C++, neighbours joined, comments and #include left out.
std::vector<std::string> literals_of(std::string_view code) {
  std::vector<std::string> found;
  bool joins = false;  // nothing but blanks since the last literal
  for (std::size_t i = 0; i < code.size(); ++i) {
    const std::string_view rest = code.substr(i);
    if (rest.starts_with("//") || rest.starts_with("#include")) {
      i = std::min(code.find('\n', i), code.size());
    } else if (rest[0] == '\'' && rest.size() > 2 && (rest[2] == '\'' || rest[1] == '\\')) {
      i += rest[1] == '\\' ? 3 : 2;
      joins = false;
    } else if (rest[0] == '"') {
      std::string text;
      for (++i; i < code.size() && code[i] != '"'; ++i) {
        const std::size_t blank = std::string_view("tnrvf").find(code[i + 1]);
        if (code[i] == '\\') ++i;
        text += code[i - 1] == '\\' && blank != std::string_view::npos ? ' ' : code[i];
      }
      if (joins) {
        found.back() += text;
      } else {
        found.push_back(text);
      }
      joins = true;
    } else if (rest[0] != ' ' && rest[0] != '\n') {
      joins = false;
    }
  }
  return found;
}

bool looks_like_words(std::string_view text) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos || text.size() < 6) return false;
  return text.find_first_of("abcdefghijklmnopqrstuvwxyz") != std::string_view::npos;
}

std::string all_golden() {
  std::string text;
  for (const char* folder : {"tests/manifests/corpus", "tests/resources/corpus"}) {
    for (const auto& entry :
         fs::recursive_directory_iterator(fs::path(CIERZO_SOURCE_DIR) / folder)) {
      if (entry.path().extension() == ".expected") text += text_of(entry.path());
    }
  }
  // What needs a site, a folder or a text of a megabyte.
  for (const char* test :
       {"tests/resources/resource_test.cpp", "tests/resources/type_test.cpp",
        "tests/manifests/parse_test.cpp", "tests/manifests/diagnostic_test.cpp"}) {
    for (const std::string& literal : literals_of(text_of(fs::path(CIERZO_SOURCE_DIR) / test))) {
      text += literal + "\n";
    }
  }
  return text;
}

TEST(Messages, OfReadingAreAllInGoldenFiles) {
  const std::string golden = all_golden();
  std::size_t messages = 0;
  for (const char* file : {"manifests/diagnostic.cpp",
                           "manifests/parse.cpp",
                           "manifests/puppet.cpp",
                           "manifests/puppet_advice.cpp",
                           "manifests/puppet_grammar.hpp",
                           "manifests/puppet_model.cpp",
                           "manifests/puppet_scalar.cpp",
                           "manifests/source.cpp",
                           "manifests/value.cpp",
                           "manifests/yaml.cpp",
                           "manifests/yaml_tree.cpp",
                           "resources/address.cpp",
                           "resources/attribute.cpp",
                           "resources/conflicts.cpp",
                           "resources/domain_xml_template.cpp",
                           "resources/network.cpp",
                           "resources/open_roles.cpp",
                           "resources/resource.cpp",
                           "resources/role_values.cpp",
                           "resources/type.cpp",
                           "resources/type_fields.cpp",
                           "resources/type_folder.cpp"}) {
    const std::string code = text_of(fs::path(CIERZO_SOURCE_DIR) / file);
    ASSERT_FALSE(code.empty()) << file;
    for (const std::string& literal : literals_of(code)) {
      // A file that root cannot read is not to be had in a test.
      if (!looks_like_words(literal) || literal == ": cannot be read") continue;
      ++messages;
      EXPECT_NE(golden.find(literal), std::string::npos)
          << file << ": no golden file has: " << literal;
    }
  }
  EXPECT_GT(messages, 150U) << "the search finds less than there is";
}

}  // namespace
}  // namespace cierzo::test
