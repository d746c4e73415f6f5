// The world arranged for planning: by instance and by host, with the one question answered on which
// everything hangs: may a copy of this instance exist somewhere that we do not see? (rules 14, 15,
// 18)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "resources/world.hpp"

namespace cierzo {

// All that is known of one instance's copies.
struct Copies {
  std::vector<const Observed*> live;  // Seen on a host that answers, newest incarnation first.
  std::vector<const Observed*>
      disks;  // No domain, but its disk, on a host that answers; newest first.
  std::vector<const Observed*> tried;  // Everything such hosts say: failed starts are in it.
  const HostView* lost = nullptr;  // A lost host that ran it, or may have; nothing runs there now.
  bool lost_seen = false;          // It was seen there: no guess.
  bool lost_unconfirmed = false;   // One of those lost hosts was not confirmed by anybody.
  // The host whose loss would have to be proved first, where that is what it waits for: a lost one,
  // or a silent one without a guard.
  const HostView* unproven = nullptr;
  std::string unknown;          // Why it may run where we cannot see it; empty: it does not.
  bool newest_is_live = false;  // live.front() is newer than every copy that is unknown.

  [[nodiscard]] const Observed* right() const { return newest_is_live ? live.front() : nullptr; }
};

// Which is the first Observed of a name. One array without pointers: what a plan for a large site
// waits for is memory.
class ObservedByName {
 public:
  explicit ObservedByName(const std::vector<Observed>& observed);

  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
  // The first of that name; npos: there is none.
  [[nodiscard]] std::size_t first(std::string_view name) const;
  // The one of the same name after it; npos: it is the last.
  [[nodiscard]] std::size_t next(std::size_t seen) const { return next_[seen]; }
  [[nodiscard]] bool has_next(std::size_t seen) const { return next_[seen] != npos; }
  // Calls with the first one of every name.
  template <class Call>
  void for_each(Call call) const {
    for (const Slot& slot : slots_) {
      if (slot.first != empty) call(std::size_t{slot.first});
    }
  }

 private:
  static constexpr std::uint32_t empty = static_cast<std::uint32_t>(-1);
  struct Slot {
    std::uint32_t hash = 0, first = empty;
  };
  [[nodiscard]] std::size_t find(std::string_view name, std::size_t hash) const;

  const std::vector<Observed>& observed_;
  std::vector<Slot> slots_;  // Open addressing; a power of two, at most half full.
  std::vector<std::size_t> next_;
};

// May a copy with this isolation and disk still run on a lost host? (rule 14)
[[nodiscard]] bool may_run_on(const HostView& lost, OnIsolation on_isolation, Disk disk);

// Pointers into the world, which must outlive it.
class WorldIndex {
 public:
  explicit WorldIndex(const World& world);

  // Of world.desired[resource].instances[which].
  [[nodiscard]] Copies copies(std::size_t resource, std::size_t which) const;
  // What is seen of instances that nothing declares, by name and host.
  [[nodiscard]] std::vector<const Observed*> undeclared() const;
  // A copy of that name that runs or may run on a host that is not lost, whether it is declared or
  // not; nullptr: there is none.
  [[nodiscard]] const Observed* may_run(const InstanceName& name) const;
  // The command that blocks others for this instance, or nullptr. One on a lost host does not.
  [[nodiscard]] const InFlight* in_flight(const InstanceName& name) const;
  [[nodiscard]] const HostView* host(HostId id) const;
  [[nodiscard]] std::string host_name(HostId id) const;  // "host 7" where it is not one of the site

  // Alive, its hypervisor answers and it has reported: what it does not report is not there, and it
  // can be given commands.
  [[nodiscard]] static bool answers(const HostView& host);

 private:
  void add_copy(const Observed& seen, const Instance& instance, Copies& copies) const;
  void look_at_silent_hosts(const Instance& instance, Copies& copies) const;

  const World& world_;
  std::unordered_map<std::uint32_t, const HostView*> hosts_;
  ObservedByName by_name_;
  std::vector<bool> declared_;         // of the first ones
  std::vector<std::size_t> first_of_;  // the first Observed of every desired instance, or npos,
  std::vector<std::size_t> offsets_;   // those of each desired resource from here
  std::unordered_map<std::string_view, const InFlight*> in_flight_;
  std::unordered_map<std::string_view, const HostView*> held_;
  std::vector<const HostView*> silent_;  // not lost, not held, and never heard under this leader
  std::vector<const HostView*> silent_lost_;  // lost, and never heard under this leader
};

}  // namespace cierzo
