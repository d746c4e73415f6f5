#include "agent/ctl/declared.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>
#include <map>
#include <ostream>
#include <set>

#include "agent/config.hpp"
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"
#include "manifests/parse.hpp"
#include "resources/type_folder.hpp"

namespace cierzo::ctl {
namespace {

namespace fs = std::filesystem;
using manifests::Declaration;
using manifests::Diagnostic;

void sort_into(const std::vector<Diagnostic>& diagnostics, Declared& out) {
  for (const Diagnostic& diagnostic : diagnostics) {
    const bool warns = diagnostic.severity == manifests::Severity::warning;
    (warns ? out.warnings : out.mistakes).push_back(to_string(diagnostic));
  }
}

// A folder stands for the manifests in it, by name; folders within it do not count.
std::vector<std::string> manifests_of(const std::string& argument, Declared& out) {
  std::error_code error;
  if (argument == "-" || !fs::is_directory(argument, error)) return {argument};
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(argument, error)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".pp" && extension != ".yaml" && extension != ".yml") continue;
    if (entry.is_regular_file(error)) found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  if (found.empty())
    out.mistakes.push_back(argument + ": no manifests in this folder (.pp, .yaml)");
  return found;
}

// A path in a manifest is meant from where the manifest is.
FileReader reader_beside(const std::string& manifest) {
  const fs::path folder = manifest == "-" ? fs::path() : fs::path(manifest).parent_path();
  return [folder](const std::string& path, std::string& error) -> std::optional<std::string> {
    std::ifstream none;
    const std::string file = (folder / path).string();  // An absolute `path` stays as it is.
    return read_text(file == "-" ? "./-" : file, none, manifests::text_max, error);
  };
}

// What the resources of one apply are compared by.
struct Compared {
  Resource resource;
  Places places;
};

void read_one(const Declaration& declaration, const TypesRead& types, const FileReader& reader,
              Declared& out, std::vector<Compared>& compared) {
  const auto type = types.types.find(declaration.type);
  if (type == types.types.end()) {
    if (types.unusable.contains(declaration.type)) {
      sort_into({manifests::mistake(declaration.at, declaration.type,
                                    "this type cannot be used: see its own mistakes")},
                out);
      return;
    }
    std::vector<std::string> known;
    for (const auto& [name, value] : types.types) known.push_back(name);
    sort_into({manifests::unknown_name(declaration.at, declaration.type, declaration.type,
                                       std::move(known), "unknown type")},
              out);
    return;
  }
  ResourceRead read = read_resource(declaration, type->second, reader);
  manifests::put_in_order(read.diagnostics);
  sort_into(read.diagnostics, out);
  if (read.draft.ensure != Ensure::absent) {
    compared.push_back({std::move(read.draft), read.places});
  }
  if (!read.resource) return;
  out.request.places[read.resource->name.value] = std::move(read.places);
  if (read.own_type) {
    out.request.types[declaration.type + " " + declaration.title] = read.own_type->files;
  } else {
    out.request.types[declaration.type] = type->second.files;
  }
  out.request.resources.push_back(std::move(*read.resource));
}

}  // namespace

std::vector<std::string> type_roots(const Options& options) {
  std::vector<std::string> roots = {builtin_types_folder(), "/etc/cierzo/types"};
  roots.insert(roots.end(), options.types.begin(), options.types.end());
  return roots;
}

std::optional<std::string> read_text(const std::string& file, std::istream& in, std::size_t most,
                                     std::string& error) {
  std::ifstream opened;
  if (file != "-") {
    std::error_code ignored;
    if (fs::is_directory(file, ignored)) {
      error = "is a folder";
      return std::nullopt;
    }
    opened.open(file, std::ios::binary);
    if (!opened) {
      error = std::strerror(errno);
      return std::nullopt;
    }
  }
  std::istream& from = file == "-" ? in : opened;
  std::string text(most + 1, '\0');
  from.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(from.gcount()));
  if (text.size() <= most) return text;
  error = "is larger than " + std::to_string(most / 1024) + " KiB";
  return std::nullopt;
}

std::string named(const std::vector<std::string>& files) {
  return files.size() == 1 ? files.front() : counted(files.size(), "file");
}

Declared read_declared(const Options& options, std::istream& in) {
  Declared out;
  const TypesRead types = load_types(type_roots(options));
  std::vector<Compared> compared;
  std::set<std::string> used;  // types
  for (const std::string& argument : options.files) {
    for (const std::string& file : manifests_of(argument, out)) {
      out.files.push_back(file);
      std::string error;
      const auto text = read_text(file, in, manifests::text_max, error);
      if (!text) {
        out.mistakes.push_back(file + ": cannot be read: " + error);
        continue;
      }
      const manifests::Parsed parsed = manifests::parse(*text, file);
      sort_into(parsed.diagnostics, out);
      for (const Declaration& declaration : parsed.declarations) {
        used.insert(declaration.type);
        read_one(declaration, types, reader_beside(file), out, compared);
      }
    }
  }
  std::vector<Claimant> claimants;
  for (const Compared& each : compared) claimants.push_back({&each.resource, &each.places});
  for (std::string& conflict : conflicts(claimants)) out.mistakes.push_back(std::move(conflict));
  // A type that nothing here uses may be broken; that is said, and stops nobody.
  for (const auto& [name, mistakes] : types.unusable) {
    for (Diagnostic diagnostic : mistakes) {
      if (!used.contains(name)) diagnostic.severity = manifests::Severity::warning;
      sort_into({diagnostic}, out);
    }
  }
  if (out.mistakes.empty() && out.request.resources.empty()) {
    out.mistakes.push_back(named(out.files) + ": no resource is declared");
  }
  return out;
}

int report(const Options& options, Terminal& terminal, const Declared& declared) {
  for (const std::string& warning : declared.warnings) terminal.err << warning << "\n";
  if (declared.mistakes.empty()) return exit_done;
  return fail(options, terminal,
              {exit_failed,
               {counted(declared.mistakes.size(), "mistake") + " in " + named(declared.files) +
                    "; nothing was changed",
                declared.mistakes,
                {}}});
}

}  // namespace cierzo::ctl
