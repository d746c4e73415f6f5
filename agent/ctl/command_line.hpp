// From argv to Options, and on to the verb. The only file that knows CLI11.
#pragma once

#include "agent/ctl/command.hpp"

namespace cierzo::ctl {

// Everything main() does but finding out about the terminal; the exit code.
[[nodiscard]] int run(int argc, const char* const* argv, Terminal& terminal);

}  // namespace cierzo::ctl
