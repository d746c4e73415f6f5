// Secrets that nobody has to think of: a type says `generate: secret` of an attribute, and each of
// its resources gets one of its own when it is first applied. From then on it is stored with the
// resource like any other secret. Pure: whoever applies brings the randomness.
#pragma once

#include <functional>
#include <string>

#include "resources/resource.hpp"

namespace cierzo {

// Fills in those that `declared` does not have: as the catalog has them where it knows the resource
// (`before`, or nullptr), made by `make` otherwise.
void fill_secrets(Resource& declared, const Type& type, const Resource* before,
                  const std::function<std::string()>& make);

}  // namespace cierzo
