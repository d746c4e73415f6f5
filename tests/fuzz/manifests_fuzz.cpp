// Any bytes, read as Puppet and as YAML: nothing crashes, overflows or escapes as an exception, and
// what is accepted can be printed in either syntax and read back as the same declarations.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "manifests/parse.hpp"
#include "manifests/print.hpp"

namespace {

using cierzo::manifests::Declaration;
using cierzo::manifests::Parsed;

void check(bool holds, const char* what, const std::string& text) {
  if (holds) return;
  std::fprintf(stderr, "%s:\n%s\n", what, text.c_str());
  std::abort();
}

void check_roundtrip(const Parsed& parsed) {
  if (!parsed.ok()) return;
  // Printing may take more room than the text did; what grows too long to be read again is no
  // finding.
  const std::string puppet = cierzo::manifests::print_puppet(parsed.declarations);
  if (puppet.size() <= cierzo::manifests::text_max) {
    const Parsed again = cierzo::manifests::parse_puppet(puppet, "x.pp");
    check(again.diagnostics.empty() && again.declarations == parsed.declarations, "puppet", puppet);
  }
  const std::string yaml = cierzo::manifests::print_yaml(parsed.declarations);
  if (yaml.size() <= cierzo::manifests::text_max) {
    const Parsed again = cierzo::manifests::parse_yaml(yaml, "x.yaml");
    check(again.diagnostics.empty(), "yaml", yaml);
    // YAML gathers the declarations of a type: compare what is printed from then on.
    check(cierzo::manifests::print_yaml(again.declarations) == yaml, "yaml again", yaml);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_roundtrip(cierzo::manifests::parse_puppet(text, "x.pp"));
  check_roundtrip(cierzo::manifests::parse_yaml(text, "x.yaml"));
  return 0;
}
