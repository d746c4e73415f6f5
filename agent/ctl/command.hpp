// agentctl: what the command line said, where words go, and the verbs. Every verb is a function in
// a file of its own, from Options to an exit code; it prints through Terminal and throws nothing.
//
// Rules for what is printed: a message says the thing, the state and the next step; a failure
// begins `VERB failed: `; stdout has the answer (with --output json: one object, or for events one
// per line), stderr all the rest; nothing is asked where nobody can answer.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/views.hpp"

namespace cierzo::ctl {

enum Exit : int {
  exit_done = 0,
  exit_usage = 1,
  exit_failed = 2,       // Refused, failed, or not reached in time.
  exit_unreachable = 3,  // No agent behind the socket.
  exit_no_leader = 4,    // Try again later; also where a local view was shown.
};

enum class Output { table, json, yaml };

// The whole command line, checked. Each verb looks at what concerns it.
struct Options {
  std::string verb;
  std::string socket;
  Output output = Output::table;
  std::vector<std::string> types;  // --types: folders of type folders, after the built-in ones.

  std::vector<std::string> files;  // apply, plan, validate, convert; "-" is stdin
  std::string name;                // status, stop, start, delete; of keygen the file
  std::vector<std::string> hosts;  // confirm-lost
  bool dry_run = false, no_wait = false, yes = false, force = false, follow = false;
  std::uint64_t after = 0;
  std::chrono::seconds timeout{};   // Of waiting; 0: for ever.
  api::HostChange host;             // host: what to change
  api::RecoverRequest recover;      // site recover
  std::vector<std::string> counts;  // scale: ROLE=N
  std::string to;                   // convert: puppet or yaml; empty: the other one
};

struct Terminal {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool asks = false;                    // Both ends are a terminal: a question finds somebody.
  bool live = false;                    // stdout is a terminal: a line may be overwritten.
  bool colour = false;                  // stdout is a terminal, and NO_COLOR is not set.
  std::chrono::milliseconds poll{500};  // Between two looks while waiting.
};

int apply(const Options& options, Terminal& terminal);
int plan(const Options& options, Terminal& terminal);
int validate(const Options& options, Terminal& terminal);
int status(const Options& options, Terminal& terminal);
int hosts(const Options& options, Terminal& terminal);
int host(const Options& options, Terminal& terminal);
int site(const Options& options, Terminal& terminal);
int stop(const Options& options, Terminal& terminal);
int start(const Options& options, Terminal& terminal);
int scale(const Options& options, Terminal& terminal);
int reset(const Options& options, Terminal& terminal);
int outputs(const Options& options, Terminal& terminal);
int remove(const Options& options, Terminal& terminal);  // delete
int confirm_lost(const Options& options, Terminal& terminal);
int events(const Options& options, Terminal& terminal);
int types(const Options& options, Terminal& terminal);
int keygen(const Options& options, Terminal& terminal);
int convert(const Options& options, Terminal& terminal);
int version(const Options& options, Terminal& terminal);

}  // namespace cierzo::ctl
