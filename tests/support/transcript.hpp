// Stories in text: commands and what they print, in a file that reads like a specification.
//
//   # Why this matters.
//   run 5s
//   ----
//     1.0s node1 leads
//
// A block is comment lines, one or more command lines, "----", the expected lines, a blank line.
// The output of a block is that of its commands, one after the other; it has no blank lines. A
// block without
// "----" prints nothing. With CIERZO_REWRITE=1 in the environment the file is written anew from
// what the commands print: review the diff.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace cierzo::test {

struct Command {
  std::string text;                // The line as it stands.
  std::string verb;                // Its first word.
  std::vector<std::string> words;  // The others without "=".

  // The value of the word "name=value"; `otherwise` where there is none.
  std::string option(const std::string& name, const std::string& otherwise = "") const;
  std::vector<std::pair<std::string, std::string>> options;
};

Command parse_command(const std::string& line);

// Gives back what the command prints: lines that end in "\n", or nothing.
using CommandHandler = std::function<std::string(const Command&)>;

// Runs the file's commands and compares block by block, with file and line in each failure.
void run_transcript(const std::filesystem::path& file, const CommandHandler& handler);

// The *.txt of a folder under the source tree ("tests/election/stories"), sorted.
std::vector<std::filesystem::path> transcripts_in(const std::string& folder);

// For INSTANTIATE_TEST_SUITE_P: the file's name, as a test may be called.
std::string transcript_name(const std::filesystem::path& file);

}  // namespace cierzo::test
