#include "tests/support/transcript.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace cierzo::test {
namespace {

struct Block {
  std::vector<std::string> head;  // Comments and commands, as they stand.
  std::vector<std::string> commands;
  std::string expected;
  bool compares = false;  // It has a "----".
  std::size_t line = 0;   // Of its first line, from 1.
};

std::vector<Block> read_blocks(std::istream& in) {
  std::vector<Block> blocks;
  Block block;
  const auto finish = [&] {
    if (!block.head.empty()) blocks.push_back(block);
    block = Block{};
  };
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    if (text.empty()) {
      finish();
      continue;
    }
    if (block.compares) {
      block.expected += text + "\n";
      continue;
    }
    if (block.head.empty()) block.line = number;
    if (text == "----") {
      block.compares = true;
      continue;
    }
    block.head.push_back(text);
    if (text.front() != '#') block.commands.push_back(text);
  }
  finish();
  return blocks;
}

void rewrite(const std::filesystem::path& file, const std::vector<Block>& blocks,
             const std::vector<std::string>& printed) {
  std::ofstream out(file);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i != 0) out << "\n";
    for (const std::string& line : blocks[i].head) out << line << "\n";
    if (blocks[i].compares || !printed[i].empty()) out << "----\n" << printed[i];
  }
}

}  // namespace

std::string Command::option(const std::string& name, const std::string& otherwise) const {
  const auto found = std::find_if(options.begin(), options.end(),
                                  [&](const auto& option) { return option.first == name; });
  return found == options.end() ? otherwise : found->second;
}

Command parse_command(const std::string& line) {
  Command command{line, "", {}, {}};
  std::istringstream words(line);
  words >> command.verb;
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos)
      command.words.push_back(word);
    else
      command.options.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return command;
}

void run_transcript(const std::filesystem::path& file, const CommandHandler& handler) {
  std::ifstream in(file);
  ASSERT_TRUE(in) << "cannot read " << file;
  const std::vector<Block> blocks = read_blocks(in);
  ASSERT_FALSE(blocks.empty()) << file << " has no commands";
  const char* asked = std::getenv("CIERZO_REWRITE");
  const bool rewriting = asked != nullptr && std::string(asked) == "1";

  std::vector<std::string> printed;
  for (const Block& block : blocks) {
    std::string output;
    for (const std::string& line : block.commands) output += handler(parse_command(line));
    if (!rewriting) {
      EXPECT_EQ(output, block.expected)
          << file.string() << ":" << block.line << ": (CIERZO_REWRITE=1 accepts what is printed)";
    }
    printed.push_back(output);
  }
  if (rewriting) rewrite(file, blocks, printed);
}

std::vector<std::filesystem::path> transcripts_in(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  const auto root = std::filesystem::path(CIERZO_SOURCE_DIR) / folder;
  for (const auto& entry : std::filesystem::directory_iterator(root))
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string transcript_name(const std::filesystem::path& file) {
  std::string name = file.stem().string();
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  return name;
}

}  // namespace cierzo::test
