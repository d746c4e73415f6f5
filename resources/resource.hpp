// A distributed resource as it is stored in the catalog: a whole infrastructure treated as one
// thing.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "manifests/diagnostic.hpp"
#include "manifests/value.hpp"
#include "resources/ids.hpp"
#include "resources/type.hpp"

namespace cierzo {

enum class Ensure { running, stopped, absent };
enum class OnIsolation { pause, ignore };
enum class Disk { local, shared };

// One declared VM of a role. Positions count from 1, as declared, so names, MACs and placement do
// not shift when a role scales.
struct Slot {
  std::string address;  // IPv4, dotted; canonical.
  std::string image;    // An absolute path, or the name of a file in the host's `images:` folder.
  int position = 1;
  auto operator<=>(const Slot&) const = default;
};

struct Resource {
  ResourceName name;
  std::string type, type_digest;
  Ensure ensure = Ensure::running;
  std::map<RoleName, std::vector<Slot>> slots;  // Files that the manifest names are read already.
  std::map<RoleName, int> count;                // How many of the slots are wanted; absent: all.
  // The same, as an operator has asked for since (agentctl scale): goes before `count`. Never from
  // a manifest; scaling.hpp says what becomes of it when one is applied.
  std::map<RoleName, int> scaled;
  // Which addresses of a role are left out first where it has more than are wanted: those that were
  // scaled away. Without any it is the last ones.
  std::map<RoleName, std::set<std::string>> spared;
  // What an earlier manifest declared and this one does not: what runs of it drains and is let go
  // like what is scaled away; then the leader takes it out of here (scaling.hpp).
  std::map<RoleName, std::vector<Slot>> leaving;
  std::string domain_template;    // Text of the libvirt XML; empty: the built-in one.
  std::vector<std::string> pool;  // Names or addresses in order of preference; empty: all hosts.
  std::uint64_t memory_kib = 1048576;
  int vcpus = 1;
  std::string first_mac;  // Empty: derived from each address.
  OnIsolation on_isolation = OnIsolation::pause;
  Disk disk = Disk::local;
  std::map<std::string, std::string> attributes;  // Of the type, with defaults filled in, as text.
  std::map<std::string, std::string>
      secrets;  // Never in logs, status, events, plans or process arguments.
  bool operator==(const Resource&) const = default;
};

// How many of a role's slots are wanted: as scaled, else as declared, else all.
[[nodiscard]] int wanted_count(const Resource& resource, const RoleName& role);

// The positions of those that are wanted: the first ones that are not spared, and where these are
// too few the first ones of the others.
[[nodiscard]] std::set<int> wanted_positions(const Resource& resource, const RoleName& role);

// Reads a file that a manifest names (addresses, images, a template), where the manifest is
// applied. None: it cannot be read, with the reason in `error`.
using FileReader =
    std::function<std::optional<std::string>(const std::string& path, std::string& error)>;

// Where a manifest writes what may clash with other resources, as messages show it
// ("web.yaml:5:20"). What did not come from a manifest has none.
struct Places {
  std::string title, first_mac;
  std::map<std::string, std::string> addresses;  // by address
};

struct ResourceRead {
  std::optional<Resource> resource;  // Only where there is no error among the diagnostics.
  std::vector<manifests::Diagnostic> diagnostics;
  Resource draft;  // What could be read in any case: to be compared with others, never to be used.
  Places places;
  // The type that it is of, where its roles are written in the manifest (Type::roles_in_manifest):
  // of this resource alone. None: the one that it was read against.
  std::optional<Type> own_type;
};

// Checks a declaration against its type (the one it names), reads its files, fills in defaults.
// Everything that is wrong in the manifest by itself is found here, all at once, with positions.
// What is missing in a declaration that is not complete is no mistake.
[[nodiscard]] ResourceRead read_resource(const manifests::Declaration& declaration,
                                         const Type& type, const FileReader& read_file);

// One of the resources that are to stand side by side. `places` is null for what the catalog has
// already.
struct Claimant {
  const Resource* resource = nullptr;
  const Places* places = nullptr;
};

// Mistakes that only show beside the other resources: an address, MAC or title used twice over all
// of the catalog. One text each, naming both: "web.yaml:5:20: 10.77.1.11: used by myweb-server-1
// (a.yaml:3:12) and by other-server-2". Between two that are in the catalog already nothing is
// found: what is asked for now does not cause it.
[[nodiscard]] std::vector<std::string> conflicts(const std::vector<Claimant>& claimants);

}  // namespace cierzo
