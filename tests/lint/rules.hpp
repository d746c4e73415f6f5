// What the repository promises about itself, as functions over the text of one file. Each returns
// sentences, one for each breach; lint_test.cpp runs them over the tree, and over samples that must
// be caught.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cierzo::lint {

struct File {
  std::string path;  // From the repository's root: "agent/main.cpp".
  std::string text;
};

// The dependency table: manifests <- resources <- monitor <- agent, election <- agent, and
// resources/ids.hpp is the only thing that election shares. Ours are included by their path from
// the root.
[[nodiscard]] std::vector<std::string> dependencies(const File& file);

// Each library is included by its gate files only, so that its types cannot leave them.
[[nodiscard]] std::vector<std::string> gates(const File& file);

// Decisions have no clock, thread or chance of their own: time and chance are arguments.
[[nodiscard]] std::vector<std::string> purity(const File& file);

// Known to go wrong on this toolchain: zmq::buffer of a literal sends its NUL (TRAPS Z8); g++ 12
// destroys a lambda inside a co_await expression twice (T1); asio::detached swallows exceptions
// (T6).
[[nodiscard]] std::vector<std::string> traps(const File& file);

// Lengths, headers, and notes of what is still to be done.
[[nodiscard]] std::vector<std::string> form(const File& file);

[[nodiscard]] bool is_cpp(std::string_view path);
[[nodiscard]] bool is_shell(const File& file);  // By its first line.

}  // namespace cierzo::lint
