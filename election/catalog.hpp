// The catalog: the site's desired state as opaque bytes by key, with the stamp of its last write.
//
// election/ knows two kinds of keys: timing_key (members.hpp) and the held marks of rule 14.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/ids.hpp"

namespace cierzo::election {

struct CatalogChange {
  std::string key;
  std::optional<std::string> value;  // None deletes the key.
  bool operator==(const CatalogChange&) const = default;
};

struct Catalog {
  Stamp stamp;  // Of the last write; all zero: never written.
  std::map<std::string, std::string> entries;
  bool operator==(const Catalog&) const = default;
};

// From one catalog to the next. `whole` replaces all entries, otherwise it applies only to exactly
// the catalog stamped `follows`. (rule 20)
struct CatalogDelta {
  bool whole = false;
  Stamp follows;  // Not used when whole.
  Stamp stamp;    // Of the result.
  std::vector<CatalogChange> changes;
  bool operator==(const CatalogDelta&) const = default;
};

void apply(Catalog& catalog, const CatalogDelta& delta);
CatalogDelta whole_of(const Catalog& catalog);

// The held mark of rule 14: the host was stopped cleanly with its VMs running; it is never lost by
// time. The value is the `run` of the agent that stopped (Config::run), see Node::may_unhold.
std::string held_key(HostId host);

}  // namespace cierzo::election
