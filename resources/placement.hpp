// On which host a VM can run, and why not on the others. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/ladder.hpp"
#include "resources/world_index.hpp"

namespace cierzo {

// What is left of a host while a plan is made: what it reports as free, less what commands under
// way and the actions planned so far will take.
struct Room {
  const HostView* host = nullptr;
  std::uint64_t memory_free_kib = 0;
  int cpus_free = 0;
  int actions = 0;  // commands under way or planned
  // Of what is free, kept for instances that cannot start yet and that others come after.
  std::uint64_t memory_kept_kib = 0;
  int cpus_kept = 0;
};

// Every host's room, in the order of world.hosts.
class Rooms {
 public:
  Rooms(const World& world, const WorldIndex& index);

  [[nodiscard]] Room* of(HostId id);
  [[nodiscard]] const std::vector<Room>& all() const { return rooms_; }
  void take(HostId id, const Instance& instance);
  // Keeps room for it on that host; forget_kept() ends all that.
  void keep(HostId id, const Instance& instance);
  void forget_kept();

 private:
  std::vector<Room> rooms_;
  std::unordered_map<std::uint32_t, std::size_t> by_id_;
  bool kept_ = false;
};

// What concerns one instance only.
struct Wish {
  const Instance* instance = nullptr;
  const std::map<HostId, int>* siblings = nullptr;      // instances of its first role on each host
  const std::vector<const Observed*>* tried = nullptr;  // failed starts, by host
  std::optional<HostId> avoid;                          // taken only where nothing else can
  bool beside_kept = false;                             // what is kept is not for this one
};

struct Placement {
  const HostView* host = nullptr;  // none: nothing can take it
  std::optional<Time> not_before;  // the host is backing off after failed starts
  std::string reason;              // why this one, or why each of the others not
};

// Hosts where it failed repeatedly come last; then those with the fewest instances of its role (an
// outage takes as few of them as can be); then the pool's order of preference; then the one with
// the most memory free, the most CPUs, and the first name.
[[nodiscard]] Placement place(const Wish& wish, const Rooms& rooms);

// The one host on which room is worth keeping for an instance that cannot start now: of those that
// could take it if they were empty and had its image, one that has the image, then one that has the
// room beside what is kept already, then as place() prefers. Nullptr: none ever could.
[[nodiscard]] const HostView* place_later(const Wish& wish, const Rooms& rooms);

// Could this host take the instance if nothing ran there and it had the image?
[[nodiscard]] bool could_ever_take(const HostView& host, const Instance& instance);

// Why this host cannot take the instance now; empty: it can. Its pool is not looked at.
[[nodiscard]] std::string cannot_take(const Room& room, const Instance& instance,
                                      bool beside_kept = false);

// The host's place in the instance's pool, by name or address; none: it is not in it.
[[nodiscard]] std::optional<std::size_t> pool_rank(const Instance& instance, const HostView& host);

// Hosts of its pool that would take the instance but have not said yet whether they have its image.
[[nodiscard]] std::vector<std::string> awaited(const Instance& instance, const Rooms& rooms);

// Failed starts of this instance on that host, or nullptr.
[[nodiscard]] const Failure* failed_start(const std::vector<const Observed*>& tried, HostId host);

}  // namespace cierzo
