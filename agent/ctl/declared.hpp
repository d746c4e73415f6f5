// Manifests as agentctl reads them: everything that FILE... names, with the files that these name,
// read and checked here, so that what goes to the agent needs nothing of this machine any more.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/views.hpp"
#include "agent/ctl/command.hpp"
#include "manifests/diagnostic.hpp"
#include "manifests/value.hpp"

namespace cierzo::ctl {

struct Declared {
  api::ApplyRequest request;  // Of use only where there are no mistakes.
  // All of all files, in the order of the files; `mistakes` is empty where there is nothing wrong.
  std::vector<std::string> mistakes, warnings;
  std::vector<std::string> files;  // Those that were read.
};

// The folders that types are read from, a later one's types replacing an earlier one's of the same
// name: the built-in ones, /etc/cierzo/types, and each of --types.
[[nodiscard]] std::vector<std::string> type_roots(const Options& options);

// "web.yaml", "3 files"
[[nodiscard]] std::string named(const std::vector<std::string>& files);

[[nodiscard]] Declared read_declared(const Options& options, std::istream& in);

// Prints mistakes and warnings to stderr; `VERB failed: 3 mistakes in web.yaml; nothing was
// changed` and exit_failed where there are mistakes, else exit_done.
[[nodiscard]] int report(const Options& options, Terminal& terminal, const Declared& declared);

// Text of a file, "-" being `in`. None: `error` says why.
[[nodiscard]] std::optional<std::string> read_text(const std::string& file, std::istream& in,
                                                   std::size_t most, std::string& error);

}  // namespace cierzo::ctl
