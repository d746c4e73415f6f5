// Any bytes, taken for the metadata that libvirt returns of a domain: nothing crashes, a domain
// that is taken for ours has a name, and what is read of it can be written and read again.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "resources/domain_xml.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string xml(reinterpret_cast<const char*>(data), size);
  const auto read = cierzo::read_metadata(xml);
  if (!read) return 0;
  const std::string written = cierzo::metadata_xml(*read);
  const auto again = cierzo::read_metadata(written);
  const bool sound = !read->instance.value.empty() && again && again->instance == read->instance &&
                     again->resource == read->resource && again->roles == read->roles &&
                     again->incarnation == read->incarnation && again->disk == read->disk &&
                     again->on_isolation == read->on_isolation;
  if (sound) return 0;
  std::fprintf(stderr, "another domain:\n%s\n%s\n", xml.c_str(), written.c_str());
  std::abort();
}
