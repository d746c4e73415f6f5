// The value of a role in a manifest: which addresses, with which images. All the forms that the
// original had, and those of YAML, end in slots. Used by resource.cpp alone.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "manifests/diagnostic.hpp"
#include "resources/resource.hpp"

namespace cierzo {

struct RoleValues {
  std::vector<Slot> slots;                            // positions from 1, in the order written
  std::map<std::string, manifests::Position> places;  // of each address, where it is written
  std::optional<int> count;
  std::map<std::string, std::string> attributes;  // of the role itself
};

// The forms:
//   [ip, image]                     one VM; also [range, image]
//   [file of ips, file of images]   absolute paths; one a line, matched by position; blank lines
//                                   and lines that begin with # do not count
//   [form, form, ...]               all of them, one after the other
//   {ip: , image: }                 one VM
//   {ips: , image: | images: , count: }   ips: a range, a list of addresses and ranges, or a file;
//                                   images: a list or a file; count: how many of them are wanted
// A file is text of at most text_max bytes; a mistake in one is reported with its own name and
// line. `where` names the role in messages: "web.myweb.server".
[[nodiscard]] RoleValues read_role_values(const manifests::Value& value, const RoleType& role,
                                          const std::string& where, const FileReader& read_file,
                                          std::vector<manifests::Diagnostic>& diagnostics);

// An absolute path, or the name of a file in the host's folder of images.
[[nodiscard]] bool is_image(const std::string& text);

}  // namespace cierzo
