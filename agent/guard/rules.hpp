// What the guard does, as a pure state machine: rules 13 and 14 of LEADERSHIP.md. The guard process
// (main.cpp) drives it with the shared page and real signals, the simulated site
// (tests/simulation/site) with virtual ones.
//
// The guard lets this host's hypervisor processes run until a deadline, and stops them there. It
// trusts nobody for that: neither the agent nor libvirtd has to answer. It continues one only on a
// command that names the pause it is about. It reads no clock, allocates nothing and keeps
// everything it must remember in `Memory` and `Process`, which lie in the page: a guard that was
// killed goes on where it was.
#pragma once
#include <bitset>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

#include "resources/ids.hpp"

namespace cierzo::guard {

// Numbers the pauses of a host; rises with each. 0: none.
using Generation = std::uint64_t;

// As a deadline: the guard stands down, and lets everything run. (A clean stop, after the host was
// marked held.)
inline constexpr Time stood_down = Time{std::numeric_limits<std::int64_t>::max()};

// Two processes of a host read the clock of LEADERSHIP.md up to this far apart: after a suspend
// each finds out by itself how long it was. (agent/clock.hpp)
inline constexpr Duration clocks_apart = std::chrono::milliseconds(5);

// What the agent wants, in its part of the page.
struct Wishes {
  Time deadline{};         // Of the permit; `stood_down`; zero: there never was a permit.
  std::uint64_t late = 0;  // How many extensions were written after the deadline had passed.
  Duration permit{};       // The longest length of a permit. No deadline lies further ahead.
  Duration destroy_after{};
};

struct Process {
  // What it is: fixed while it is managed.
  bool ignore = false;  // `on_isolation: ignore`: it runs on, whatever happens.
  bool shared = false;  // Its disk is shared: killed `destroy_after` its permit's end.
  bool dma = false;     // Its devices write to memory by themselves: killed, never paused.

  Generation stopped_under = 0;   // The pause that holds it; 0: it may run.
  Generation continue_under = 0;  // The agent asks that this pause end for it; 0: it does not.

  // What is to be done now; done by the caller, in the order of the list.
  enum class Order { none, stop, go_on, kill } order = Order::none;
};

struct Memory {
  Generation generation = 0;
  std::uint64_t late_seen = 0;
  Time paused_at{};      // The deadline that passed last.
  bool pausing = false;  // It still is in the past.
};

struct Look {
  Time next = Time::max();  // When time alone asks for another look.
  bool again = false;       // Look again at once, with a fresh clock, after what was ordered. (13)
  bool paused = false;      // A pause has begun.
};

// For tests only: rules that they switch off, to see that somebody notices.
enum class Mutation {
  pause,       // nothing is stopped when the deadline passes
  thaw,        // an extension after the deadline had passed is one like any other
  generation,  // any request to continue is granted
  beyond,      // a deadline may lie as far ahead as it likes
  starting,    // what is offered while the deadline is over is let run
  destroy,     // shared disks are not let go
  count
};
using Mutations = std::bitset<static_cast<std::size_t>(Mutation::count)>;
// "13-pause", "13-thaw", "13-generation", "13-beyond", "17-starting", "14-destroy".
[[nodiscard]] std::optional<Mutation> mutation_named(std::string_view name);

// Is the permit over?
[[nodiscard]] bool is_over(const Wishes& wishes, Time now, const Mutations& mutations = {});

// Looks once. Sets the order of every process, and what follows from it in `memory` and in the
// processes: these changes must be where the next guard finds them before the orders are carried
// out, so that a guard that dies in between leaves nothing running that is thought stopped.
[[nodiscard]] Look look(const Wishes& wishes, Time now, Memory& memory,
                        std::span<Process> processes, const Mutations& mutations = {});

// The guard is about to end for good (its unit is stopped, the host shuts down): others may
// continue what is stopped then, so it is killed first, unless the guard stands down. (rule 13)
void end(const Wishes& wishes, std::span<Process> processes);

}  // namespace cierzo::guard
