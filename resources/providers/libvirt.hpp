// The provider of a real host: libvirt with QEMU (and libvirt's test driver, for tests).
//
// Nothing of libvirt is in this header. Around it: libvirt_event_loop (the one thread that libvirt
// wants), libvirt_link (a connection that comes back), libvirt_domains (what runs, cheaply),
// libvirt_guest (the guest agent), disks (images and overlays), process_watch (hypervisor
// processes, by pidfd).
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resources/network.hpp"
#include "resources/provider.hpp"

namespace cierzo {

struct Capacity {  // Replaces what the host says it has; what really runs still counts.
  std::optional<std::uint64_t> memory_kib;
  std::optional<int> cpus;
};

struct LibvirtConfig {
  std::string uri = "qemu:///system";
  std::string images_folder;
  std::string state_folder;  // Overlays are under it in disks/, serial consoles in console/.
  std::vector<NetworkConfig> networks;
  Capacity capacity;
  // auto, kvm or qemu. `auto` takes KVM where /dev/kvm opens and the processor says vmx or svm. The
  // device alone proves nothing: under some hypervisors (PVM) it opens, makes a VM, and no ordinary
  // kernel boots in it. Whoever knows better (a test bed that has tried) says kvm or qemu.
  std::string virtualization = "auto";
  std::string process_folder = "/run/libvirt/qemu";  // Where libvirt keeps NAME.pid.
};

// Never fails and does not wait: while libvirtd cannot be reached, every call answers
// `unreachable`, and a thread keeps trying. A daemon that hangs breaks the connection after 8 s
// (keepalive), so a blocked call ends by then; it is never in the way of other instances' calls.
[[nodiscard]] std::unique_ptr<Provider> make_libvirt_provider(LibvirtConfig config);

// What `auto` comes to on this machine: "kvm" or "qemu".
[[nodiscard]] std::string detect_virtualization();

}  // namespace cierzo
