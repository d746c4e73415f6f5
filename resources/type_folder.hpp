// Types as they lie on a disk: one folder each. The only part of this library that reads files.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "resources/type.hpp"

namespace cierzo {

inline constexpr std::size_t type_files_max = 64;          // of one folder
inline constexpr std::size_t type_bytes_max = 256 * 1024;  // of all of them: they travel

// The files of a folder, by name. Folders within it, hidden files and what is no regular file are
// left out. Empty, with the reason in `error`, where it cannot be read or is too large.
[[nodiscard]] std::map<std::string, std::string> read_type_folder(const std::string& folder,
                                                                  std::string& error);

struct TypesRead {
  std::map<std::string, Type> types;  // By name; only those without mistakes.
  std::vector<manifests::Diagnostic> diagnostics;
  // The mistakes of those that cannot be used, by name: of the type, else of its folder. Such a one
  // hides a type of the same name in an earlier root: it was to be used instead.
  std::map<std::string, std::vector<manifests::Diagnostic>> unusable;
};

// Every folder with a type.yaml below each of `roots`. A type of a later root replaces one of the
// same name of an earlier root (an administrator's own version wins over the built-in one). A root
// that does not exist has no types.
[[nodiscard]] TypesRead load_types(const std::vector<std::string>& roots);

}  // namespace cierzo
