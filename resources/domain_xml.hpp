// The libvirt XML of an instance. Set structurally, never by formatting strings: names and paths
// are data, and XML by string formatting is an injection. (RESOURCES.md, `vm_domain`; TRAPS L11)
#pragma once
#include <optional>
#include <string>

#include "resources/action.hpp"

namespace cierzo {

struct DirectKernel {  // Of an image's sidecar `NAME.yaml`.
  std::string kernel, initrd, cmdline;
};

struct DomainInput {
  Instance instance;
  Incarnation incarnation;
  bool fresh_disk = false;
  std::string disk_path,
      disk_format;     // The overlay (qcow2), or the image itself on shared storage (qcow2 or raw).
  std::string bridge;  // Where the template has no interface of its own.
  std::string virtualization;  // "kvm" or "qemu": what this host really can.
  std::string console_log;     // File for the serial console; empty: as the template says.
  std::optional<DirectKernel> kernel;
};

// Our element in the domain's metadata; only domains that carry it are ever touched.
struct DomainMetadata {
  InstanceName instance;
  ResourceName resource;
  std::vector<RoleName> roles;
  Incarnation incarnation;
  std::string spec_digest;
  OnIsolation on_isolation = OnIsolation::pause;
  Disk disk = Disk::local;
  bool fresh_disk = false;
};
inline constexpr const char* metadata_uri = "https://cierzo.org/xmlns/instance/1";
inline constexpr const char* metadata_prefix = "cierzo";

// Text of the domain. Throws std::invalid_argument where the template cannot be used, which
// template_mistakes() found when it was applied.
[[nodiscard]] std::string domain_xml(const DomainInput& input);

// The metadata element as text (no namespace prefix of its own, as virDomainSetMetadata wants it)
// and back; reading accepts it with or without a prefix.
[[nodiscard]] std::string metadata_xml(const DomainMetadata& metadata);
[[nodiscard]] std::optional<DomainMetadata> read_metadata(const std::string& xml);

}  // namespace cierzo
