// Images, and the overlays that instances write to. Files only: no hypervisor, no state in memory.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/domain_xml.hpp"

namespace cierzo {

struct Image {
  std::string path, format;  // "qcow2", or "raw" for anything else.
  std::optional<DirectKernel> kernel;
};

// Throw Refused where a file cannot be looked at, read or made. May be called from several threads,
// but for one instance by one only.
//
// Beside each overlay NAME.qcow2 that is made here stands NAME.owner, made before it and removed
// after it. A file of the folder without one is somebody else's, whatever its name: it is not
// listed, not used and never removed.
class Disks {
 public:
  // Makes state_folder/disks and /console where they are missing, 0711: QEMU runs as a user of its
  // own (Debian: libvirt-qemu) and must pass through. Clears away what an earlier process was
  // making when it ended. Precondition: no other process uses the folder.
  Disks(std::string images_folder, std::string state_folder);

  // Every image of the folder (*.qcow2, *.raw, *.img), by name and by absolute path. The digest is
  // of size, time of change and inode.
  [[nodiscard]] std::map<std::string, std::string> images() const;

  // A name in the folder or an absolute path, with its sidecar: beside `web.qcow2` the file
  // `web.qcow2.yaml` may name `kernel`, `initrd` (paths relative to it) and `cmdline`.
  // Refuses with not_found where there is no such image.
  [[nodiscard]] Image find(const std::string& name) const;

  // Whole, or Refused: a disk that is not listed counts as not there.
  [[nodiscard]] std::vector<InstanceName> overlays() const;
  [[nodiscard]] std::string overlay_path(const InstanceName& name) const;
  [[nodiscard]] std::string console_path(const InstanceName& name) const;

  // The instance's overlay of the image is there afterwards. True: it was made anew, because there
  // was none, it was asked for, or the one there was of another image: such a disk cannot be used
  // with this one, and is kept as NAME.qcow2.previous. Whole or not at all: it is made under
  // another name and renamed. Its mode is 0600. Refuses where somebody else's file has its name.
  bool prepare(const InstanceName& name, const Image& image, bool fresh) const;

  // Was the overlay made in place of another one, on this host or a lost one? Its owner says so, as
  // long as it is there: also of the next domain that is made on it.
  [[nodiscard]] bool is_fresh(const InstanceName& name) const;

  // Overlays and console. Success where there are none of ours.
  void remove(const InstanceName& name) const;

 private:
  [[nodiscard]] std::string owner_path(const InstanceName& name) const;
  [[nodiscard]] std::vector<InstanceName> owned() const;  // With an owner, with or without a disk.
  void clear_unfinished() const;

  std::string images_folder_, disks_folder_, console_folder_;
};

// What a qcow2 file says it is an overlay of; empty: nothing, or it is no qcow2 file.
[[nodiscard]] std::string backing_file(const std::string& path);

}  // namespace cierzo
