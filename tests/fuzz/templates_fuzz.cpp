// Any bytes, taken for a domain template: what is not refused can be filled in, whatever the values
// are, and the result says whose domain it is.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "resources/domain_xml.hpp"
#include "resources/domain_xml_template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cierzo;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.empty() || !template_mistakes(text, "t", "vm_domain").empty()) return 0;
  DomainInput input;
  input.instance.name.value = "a-server-1";
  input.instance.mac = "52:54:00:00:00:01";
  input.instance.domain_template = text;
  input.disk_path = "/disks/<&\"'>.qcow2";
  input.disk_format = "qcow2";
  input.bridge = "br0";
  input.virtualization = "qemu";
  const std::string xml = domain_xml(input);
  const bool named = xml.find("<name>a-server-1</name>") != std::string::npos;
  // Our metadata is what says that a domain is ours: it must be there, once.
  const std::size_t ours = xml.find("<cierzo:instance");
  if (named && ours != std::string::npos) return 0;
  std::fprintf(stderr, "not the domain it should be:\n%s\n", xml.c_str());
  std::abort();
}
