// The exception inside a provider: the world said no. It leaves the provider as an Outcome.
#pragma once
#include "resources/provider.hpp"

namespace cierzo {

struct Refused {
  Outcome outcome;
};

}  // namespace cierzo
