// What the agent says while it runs: one line for each thing that happened, with fields for
// machines.
//
//     log::info("myweb-server-2: booting => running", {{"instance", "myweb-server-2"}});
//
// Goes to the journal with its fields (CIERZO_INSTANCE=myweb-server-2) where systemd started the
// program, else to stderr as text with the fields behind. From any thread. Never waits: the main
// loop writes here, and an agent must not lose its leadership because nobody reads its log. What
// cannot be written now is left out, and counted in the next line that can. A place in the code
// that says too much is cut short (lines_burst, lines_per_second) and says later how many lines
// were left out. What comes from outside is made one printable line, so a guest's output cannot
// fake a line.
//
// Secrets are never given to this: nothing here takes a Resource, a request's body or a script's
// input, and no caller prints them.
#pragma once

#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "agent/log_level.hpp"

namespace cierzo::log {

struct Field {
  std::string_view name;  // [a-z_]+
  std::string value;
};
using Fields = std::vector<Field>;

// For each place in the code: so many lines at once, and so many per second after that.
inline constexpr double lines_burst = 100;
inline constexpr double lines_per_second = 10;

// Of one line on stderr, in bytes: what a pipe takes as a whole (PIPE_BUF); the rest is cut off.
inline constexpr std::size_t line_max = 4096;

inline constexpr const char* journal_socket = "/run/systemd/journal/socket";

// Chooses where lines go, from the environment (JOURNAL_STREAM), and the least level that is said.
// Before this call lines of level info and above go to stderr. `journal`: for tests.
void start(Level least = Level::info, const char* journal = journal_socket);

void write(Level level, std::string_view message, const Fields& fields,
           const std::source_location& at);

inline void debug(std::string_view message, const Fields& fields = {},
                  const std::source_location& at = std::source_location::current()) {
  write(Level::debug, message, fields, at);
}
inline void info(std::string_view message, const Fields& fields = {},
                 const std::source_location& at = std::source_location::current()) {
  write(Level::info, message, fields, at);
}
inline void warning(std::string_view message, const Fields& fields = {},
                    const std::source_location& at = std::source_location::current()) {
  write(Level::warning, message, fields, at);
}
inline void error(std::string_view message, const Fields& fields = {},
                  const std::source_location& at = std::source_location::current()) {
  write(Level::error, message, fields, at);
}

}  // namespace cierzo::log
