// The one compilation of Boost.Asio: half of what its headers cost, once.
#include "agent/asio.hpp"

#include <boost/asio/impl/src.hpp>
