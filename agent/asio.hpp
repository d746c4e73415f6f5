// The only door to Boost.Asio: everybody includes this one. Boost 1.74's awaitable.hpp forgets
// <utility> and does not compile alone (TRAPS T3). Compiled once, in asio.cpp
// (BOOST_ASIO_SEPARATE_COMPILATION): declarations only here.
//
// This toolchain: no lambda literal and no `Type{...}` inside a co_await expression, g++ 12.2
// destroys it twice (T1); a coroutine's captures live in its lambda, so coroutines are named
// functions with arguments by value (T2); never asio::detached, which swallows exceptions (T6).
// Plain handlers where they are as clear.
#pragma once
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace cierzo {
namespace asio = boost::asio;
}  // namespace cierzo
