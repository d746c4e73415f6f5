// How much the log says, as the configuration names it. Apart from log.hpp, so that who reads a
// configuration needs no logging.
#pragma once

namespace cierzo::log {

enum class Level { debug, info, warning, error };

}  // namespace cierzo::log
