// agentctl: the command. What it does is in command_line.cpp and one file per verb.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "agent/ctl/command_line.hpp"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // An agent that goes away is an error to report, not to die of.
  const bool out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty.
  const bool plain = no_color != nullptr && *no_color != '\0';
  cierzo::ctl::Terminal terminal{std::cin, std::cout, std::cerr};
  terminal.asks = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  terminal.live = out_is_terminal;
  terminal.colour = out_is_terminal && !plain;
  const int code = cierzo::ctl::run(argc, argv, terminal);
  std::cout.flush();
  return code;
}
