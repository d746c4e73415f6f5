#include "election/durable.hpp"

namespace cierzo::election {

void apply(Durable& durable, const Persist& persist) {
  if (persist.record) durable.record = *persist.record;
  if (persist.catalog) apply(durable.catalog, *persist.catalog);
}

}  // namespace cierzo::election
