#include "election/catalog.hpp"

namespace cierzo::election {

void apply(Catalog& catalog, const CatalogDelta& delta) {
  if (delta.whole) catalog.entries.clear();
  for (const CatalogChange& change : delta.changes) {
    if (change.value)
      catalog.entries[change.key] = *change.value;
    else
      catalog.entries.erase(change.key);
  }
  catalog.stamp = delta.stamp;
}

CatalogDelta whole_of(const Catalog& catalog) {
  CatalogDelta delta{true, {}, catalog.stamp, {}};
  for (const auto& [key, value] : catalog.entries) delta.changes.push_back({key, value});
  return delta;
}

std::string held_key(HostId host) { return "held/" + std::to_string(host.value); }

}  // namespace cierzo::election
