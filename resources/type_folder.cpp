#include "resources/type_folder.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace cierzo {
namespace fs = std::filesystem;

std::map<std::string, std::string> read_type_folder(const std::string& folder, std::string& error) {
  std::map<std::string, std::string> files;
  std::size_t bytes = 0;
  std::error_code failed;
  fs::directory_iterator entries(folder, failed);
  for (; !failed && entries != fs::directory_iterator{}; entries.increment(failed)) {
    const std::string name = entries->path().filename().string();
    if (name.starts_with('.') || !entries->is_regular_file(failed)) continue;
    bytes += static_cast<std::size_t>(entries->file_size(failed));
    if (failed) break;
    if (files.size() == type_files_max || bytes > type_bytes_max) {
      error = folder + ": more than " + std::to_string(type_files_max) + " files or " +
              std::to_string(type_bytes_max / 1024) + " KiB";
      return {};
    }
    std::ifstream file(entries->path(), std::ios::binary);
    files[name] = std::string(std::istreambuf_iterator<char>(file), {});
    if (!file) {
      error = entries->path().string() + ": cannot be read";
      return {};
    }
  }
  if (failed) {
    error = folder + ": " + failed.message();
    return {};
  }
  return files;
}

TypesRead load_types(const std::vector<std::string>& roots) {
  TypesRead read;
  for (const std::string& root : roots) {
    std::set<std::string> folders;  // in the order of their names, whatever the disk's order is
    std::error_code failed;
    fs::directory_iterator entries(root, failed);
    for (; !failed && entries != fs::directory_iterator{}; entries.increment(failed)) {
      if (fs::exists(entries->path() / "type.yaml")) folders.insert(entries->path().string());
    }
    for (const std::string& folder : folders) {
      std::string error;
      const auto files = read_type_folder(folder, error);
      if (!error.empty()) {
        read.diagnostics.push_back(manifests::mistake({folder, 0, 0}, "type", error));
        const std::string name = fs::path(folder).filename().string();
        read.unusable[name] = {read.diagnostics.back()};
        read.types.erase(name);
        continue;
      }
      TypeRead one = read_type(files, folder);
      read.diagnostics.insert(read.diagnostics.end(), one.diagnostics.begin(),
                              one.diagnostics.end());
      if (one.type) {
        read.unusable.erase(one.name);
        read.types[one.name] = std::move(*one.type);
        continue;
      }
      const std::string name = one.name.empty() ? fs::path(folder).filename().string() : one.name;
      read.unusable[name] = std::move(one.diagnostics);
      read.types.erase(name);
    }
  }
  return read;
}

}  // namespace cierzo
