// The small values that every folder shares: time, identities, terms and stamps. Plain data, no
// behaviour.
//
// This is the only header of resources/ that election/ includes.
#pragma once
#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace cierzo {

// A reading of the clock that LEADERSHIP.md describes under "Words": it counts suspend and no
// daemon slews it. Only differences on one host and one boot mean anything. Nanoseconds; always an
// argument, never read by a core.
using Time = std::chrono::nanoseconds;
using Duration = std::chrono::nanoseconds;

// A name of one kind cannot be passed for a name of another.
template <class Tag, class T = std::string>
struct Id {
  T value{};
  auto operator<=>(const Id&) const = default;
};

using HostId = Id<struct HostTag,
                  std::uint32_t>;  // Unique in the site, 1 or more; the lowest wins. 0 is nobody.
using ResourceName = Id<struct ResourceTag>;  // The title in the manifest: "myweb".
using RoleName = Id<struct RoleTag>;          // "server"
using InstanceName = Id<struct InstanceTag>;  // "myweb-server-1"

// Terms are owned: two candidates never hold the same one, and only the owner's messages carry it.
struct Term {
  std::uint64_t counter = 0;
  HostId owner;
  auto operator<=>(const Term&) const = default;
};

// When something was written or started: orders catalog entries, commands and incarnations. (rules
// 16, 17, 20)
struct Stamp {
  Term term;
  std::uint64_t sequence = 0;
  auto operator<=>(const Stamp&) const = default;
};

// Numbers one start of an instance's domain; of two copies the higher one is right. (rule 16)
using Incarnation = Stamp;

// A time that leaves its host: after a reboot the old times mean nothing. (LEADERSHIP.md, "Words")
struct BootTime {
  std::string boot;  // /proc/sys/kernel/random/boot_id
  Time at{};
  auto operator<=>(const BootTime&) const = default;
};

}  // namespace cierzo
