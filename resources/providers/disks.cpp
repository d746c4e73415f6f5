#include "resources/providers/disks.hpp"

#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "manifests/yaml_tree.hpp"
#include "resources/providers/program.hpp"
#include "resources/providers/refused.hpp"

namespace cierzo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto overlay_limit = 20s;  // qemu-img needs 5 ms; a slow network disk much more.
constexpr std::string_view overlay_suffix = ".qcow2";
constexpr std::string_view owner_suffix = ".owner";
constexpr std::string_view fresh_line = "in place of another one";  // In the owner.
constexpr std::string_view unfinished_suffix = ".new";
constexpr std::string_view previous_suffix = ".previous";
constexpr std::string_view qcow2_magic{"QFI\xfb", 4};

[[noreturn]] void refuse(FailureKind kind, std::string text) {
  throw Refused{{kind, std::move(text)}};
}

std::string first_bytes(const std::string& path, std::size_t count) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(count, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return bytes;
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string resolved(const fs::path& folder, const std::string& path) {
  return path.empty() ? path : (folder / path).lexically_normal().string();
}

std::optional<DirectKernel> read_sidecar(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) refuse(FailureKind::other, path + ": cannot be read");
  auto tree = manifests::parse_yaml_tree(text, path);
  std::map<std::string, std::string> fields{{"kernel", ""}, {"initrd", ""}, {"cmdline", ""}};
  for (const auto& entry : tree.root.entries) {
    const auto field = fields.find(entry.key);
    if (field == fields.end()) {
      tree.diagnostics.push_back(manifests::unknown_name(
          entry.at, entry.key, entry.key, {"kernel", "initrd", "cmdline"}, "unknown key"));
    } else {
      field->second = entry.value.text;
    }
  }
  if (fields["kernel"].empty() && tree.ok()) {
    tree.diagnostics.push_back(
        manifests::mistake({path, 1, 1}, "kernel", "the path of a kernel is required"));
  }
  if (!tree.ok()) refuse(FailureKind::other, to_string(tree.diagnostics.front()));
  const auto folder = fs::path(path).parent_path();
  return DirectKernel{resolved(folder, fields["kernel"]), resolved(folder, fields["initrd"]),
                      fields["cmdline"]};
}

// What cannot be looked at is not "not there": a disk that was taken for missing is made anew.
bool there(const std::string& path) {
  std::error_code error;
  const bool found = fs::exists(path, error);
  if (error) refuse(FailureKind::other, path + ": " + error.message());
  return found;
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);  // The store, or the unit, has made what is above it.
  // QEMU may run as a user of its own: it must reach the files that libvirt gives it, not list
  // them.
  if (!error) fs::permissions(path, fs::perms(0711), error);
  if (error) refuse(FailureKind::other, path + ": " + error.message());
}

}  // namespace

std::string backing_file(const std::string& path) {
  // docs/interop/qcow2.txt: magic, version (4), offset (8) and length (4) of the backing file's
  // name, which lies in the first cluster; the name is at most 1023 bytes.
  const std::string header = first_bytes(path, 64 * 1024);
  const std::string_view bytes = header;
  if (bytes.size() < 20 || bytes.substr(0, 4) != qcow2_magic) return {};
  const auto offset = big_endian(bytes.substr(8, 8));
  const auto length = big_endian(bytes.substr(16, 4));
  if (offset == 0 || length > 1023 || offset > bytes.size() - length) return {};
  return std::string(bytes.substr(offset, length));
}

Disks::Disks(std::string images_folder, std::string state_folder)
    : images_folder_(std::move(images_folder)),
      disks_folder_(state_folder + "/disks"),
      console_folder_(state_folder + "/console") {
  make_folder(disks_folder_);
  make_folder(console_folder_);
  clear_unfinished();
}

// An owner without its overlay: whoever made it was killed before the one was there, after it was
// removed, or between the two renames of prepare(): then the disk is the previous one.
void Disks::clear_unfinished() const {
  for (const InstanceName& name : owned()) {
    const std::string path = overlay_path(name);
    std::error_code error;
    fs::remove(path + std::string(unfinished_suffix), error);
    if (there(path)) continue;
    const std::string previous = path + std::string(previous_suffix);
    if (!there(previous)) {
      remove(name);
      continue;
    }
    fs::rename(previous, path, error);
    if (error) refuse(FailureKind::other, previous + ": " + error.message());
  }
}

std::vector<InstanceName> Disks::owned() const {
  std::vector<InstanceName> names;
  std::error_code error;
  for (fs::directory_iterator at(disks_folder_, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() == owner_suffix) names.push_back({at->path().stem().string()});
  }
  if (error) refuse(FailureKind::other, disks_folder_ + ": " + error.message());
  return names;
}

std::map<std::string, std::string> Disks::images() const {
  std::map<std::string, std::string> images;
  std::error_code error;  // A folder that is missing has no images.
  for (fs::directory_iterator at(images_folder_, error), end; at != end; at.increment(error)) {
    if (error) break;
    const auto extension = at->path().extension();
    if (extension != ".qcow2" && extension != ".raw" && extension != ".img") continue;
    struct stat status {};
    if (stat(at->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const std::string digest =
        std::to_string(status.st_size) + "-" + std::to_string(status.st_mtim.tv_sec) + "." +
        std::to_string(status.st_mtim.tv_nsec) + "-" + std::to_string(status.st_ino);
    images[at->path().filename().string()] = digest;
    images[fs::absolute(at->path()).lexically_normal().string()] = digest;
  }
  return images;
}

Image Disks::find(const std::string& name) const {
  const bool absolute = !name.empty() && name.front() == '/';
  if (!absolute && (name.empty() || name.find('/') != std::string::npos)) {
    refuse(FailureKind::other, "image '" + name + "' is neither a file's name nor a whole path");
  }
  const std::string path = absolute ? name : images_folder_ + "/" + name;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    refuse(FailureKind::not_found,
           "there is no image " + name + (absolute ? "" : " in " + images_folder_));
  }
  Image image;
  image.path = fs::absolute(path).lexically_normal().string();
  image.format = first_bytes(path, 4) == qcow2_magic ? "qcow2" : "raw";
  image.kernel = read_sidecar(path + ".yaml");
  return image;
}

std::vector<InstanceName> Disks::overlays() const {
  std::vector<InstanceName> names = owned();
  std::erase_if(names, [this](const InstanceName& name) { return !there(overlay_path(name)); });
  return names;
}

std::string Disks::owner_path(const InstanceName& name) const {
  return disks_folder_ + "/" + name.value + std::string(owner_suffix);
}

std::string Disks::overlay_path(const InstanceName& name) const {
  return disks_folder_ + "/" + name.value + std::string(overlay_suffix);
}

std::string Disks::console_path(const InstanceName& name) const {
  return console_folder_ + "/" + name.value + ".log";
}

bool Disks::prepare(const InstanceName& name, const Image& image, bool fresh) const {
  const std::string path = overlay_path(name);
  const bool present = there(path);
  if (present && !there(owner_path(name))) {
    refuse(FailureKind::already_exists,
           path + " was not made by this agent: move it away, or name the resource otherwise");
  }
  if (!fresh && present && backing_file(path) == image.path) return false;
  std::ofstream owner(owner_path(name));
  owner << "the disk of " << name.value << ", made by cierzo\n";
  if (fresh || present) owner << fresh_line << "\n";
  owner.close();
  if (!owner) refuse(FailureKind::other, owner_path(name) + ": cannot be written");
  const std::string made = path + std::string(unfinished_suffix);
  std::error_code error;
  fs::remove(made, error);
  const auto ended = run_program(
      {"qemu-img", "create", "-q", "-f", "qcow2", "-F", image.format, "-b", image.path, made},
      overlay_limit);
  if (!ended.ok)
    refuse(ended.timed_out ? FailureKind::timeout : FailureKind::other,
           "qemu-img could not make the disk: " + ended.output);
  // What a guest writes is no business of others, and the folder lets them pass. libvirt gives the
  // file to the user that QEMU runs as (`dynamic_ownership`, its default).
  fs::permissions(made, fs::perms(0600), error);
  if (error) refuse(FailureKind::other, made + ": " + error.message());
  // Nobody asked for a fresh disk, so what the old one holds is kept until the instance is deleted.
  const std::string previous = path + std::string(previous_suffix);
  const bool keep = !fresh && present;
  if (keep) fs::rename(path, previous, error);
  if (error) refuse(FailureKind::other, path + ": " + error.message());
  fs::rename(made, path, error);
  if (error) {
    const std::string why = error.message();
    if (keep) fs::rename(previous, path, error);
    refuse(FailureKind::other, path + ": " + why);
  }
  return true;
}

bool Disks::is_fresh(const InstanceName& name) const {
  std::ifstream owner(owner_path(name));
  for (std::string line; std::getline(owner, line);) {
    if (line == fresh_line) return true;
  }
  return false;
}

void Disks::remove(const InstanceName& name) const {
  const std::string overlay = overlay_path(name);
  // A shared disk has a console, but no overlay and no owner. The previous disk goes first and the
  // owner last: what is cut short is not taken for a disk to be brought back, and is gone on with.
  std::vector<std::string> paths = {console_path(name)};
  if (there(owner_path(name))) {
    paths.insert(paths.end(),
                 {overlay + std::string(previous_suffix), overlay + std::string(unfinished_suffix),
                  overlay, owner_path(name)});
  }
  for (const auto& path : paths) {
    std::error_code error;
    fs::remove(path, error);
    if (error) refuse(FailureKind::other, path + ": " + error.message());
  }
}

}  // namespace cierzo
