// Any bytes, read as a manifest of the built-in types, whose files (addresses, images, templates)
// are made of the same bytes: nothing crashes, and what is accepted expands to machines of which no
// two have one name, address or MAC, and whose domains can be written.
//
// The first line of an input that begins with a file's path ("== /ips") ends the manifest and
// begins that file.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "manifests/parse.hpp"
#include "resources/domain_xml.hpp"
#include "resources/instance.hpp"
#include "resources/resource.hpp"
#include "resources/type_folder.hpp"

namespace {

using namespace cierzo;

constexpr std::size_t domains_max = 3;  // of one resource: the others differ in figures only

void check(bool holds, const char* what, const std::string& text) {
  if (holds) return;
  std::fprintf(stderr, "%s: %s\n", what, text.c_str());
  std::abort();
}

const std::map<std::string, Type>& types() {
  static const TypesRead read = load_types({CIERZO_SOURCE_DIR "/resources/types"});
  check(read.types.size() >= 3, "built-in types", CIERZO_SOURCE_DIR);
  return read.types;
}

struct Input {
  std::string manifest;
  std::map<std::string, std::string> files;
};

Input split(std::string_view text) {
  Input input;
  std::string* part = &input.manifest;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    const std::string_view line = text.substr(0, end);
    if (line.substr(0, 4) == "== /") {
      part = &input.files[std::string(line.substr(3, line.find_last_not_of("\r\n") - 2))];
    } else {
      *part += line;
    }
    text.remove_prefix(end);
  }
  return input;
}

void check_machines(const Resource& resource, const Type& type) {
  std::set<std::string> seen;
  std::size_t domains = 0;
  for (const Instance& instance : expand(resource, type)) {
    check(seen.insert(instance.name.value).second, "two machines of one name", instance.name.value);
    check(seen.insert(instance.address).second, "two machines of one address", instance.address);
    check(!instance.roles.empty(), "a machine without a role", instance.name.value);
    if (++domains > domains_max) continue;
    DomainInput input;
    input.instance = instance;
    input.disk_path = "/disk";
    input.disk_format = "qcow2";
    input.bridge = "br0";
    input.virtualization = "kvm";
    check(domain_xml(input).find(instance.name.value) != std::string::npos, "a domain's name",
          instance.name.value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input input = split({reinterpret_cast<const char*>(data), size});
  const FileReader reader = [&](const std::string& path, std::string& error) {
    const auto found = input.files.find(path);
    if (found != input.files.end()) return std::optional<std::string>(found->second);
    error = "no such file";
    return std::optional<std::string>{};
  };
  std::vector<ResourceRead> all;
  for (const auto& declaration : manifests::parse(input.manifest, "-").declarations) {
    const auto type = types().find(declaration.type);
    if (type == types().end()) continue;
    all.push_back(read_resource(declaration, type->second, reader));
    const ResourceRead& read = all.back();
    if (read.resource)
      check_machines(*read.resource, read.own_type ? *read.own_type : type->second);
  }
  std::vector<Claimant> claimants;
  for (const ResourceRead& each : all) claimants.push_back({&each.draft, &each.places});
  for (const std::string& text : conflicts(claimants)) check(!text.empty(), "a conflict", text);
  return 0;
}
