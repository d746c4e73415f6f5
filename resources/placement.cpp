#include "resources/placement.hpp"

#include <algorithm>
#include <tuple>

#include "resources/address.hpp"

namespace cierzo {
namespace {

constexpr std::size_t reasons_max = 32;  // hosts that one reason names; the rest is counted

std::string mebibytes(std::uint64_t kib) { return std::to_string(kib / 1024) + " MiB"; }

std::string state_problem(const HostView& host) {
  switch (host.state) {
    case HostState::lost:
      return "is lost";
    case HostState::suspect:
      return "is suspect";
    case HostState::held:
      return "is held";
    case HostState::alive:
      break;
  }
  if (!host.inventory_known) return "has not reported yet";
  if (!host.hypervisor_answers) return "has a hypervisor that does not answer";
  if (!host.guard_error.empty()) return "is not guarded: " + host.guard_error;
  return {};
}

// A host lists all images of its folder, but of absolute paths only those it was asked about.
bool has_answered(const HostView& host, const std::string& image) {
  const auto& asked = host.images_asked;
  return !image.starts_with('/') || host.images.contains(image) ||
         std::binary_search(asked.begin(), asked.end(), image);
}

std::string image_problem(const HostView& host, const std::string& image) {
  if (host.images.contains(image)) return {};
  if (!has_answered(host, image)) return "has not said yet whether it has " + image;
  return "has no image " + image;
}

std::string network_problem(const HostView& host, const Instance& instance) {
  const auto holds = [&](const std::string& cidr) { return in_network(instance.address, cidr); };
  if (host.networks.empty() || std::any_of(host.networks.begin(), host.networks.end(), holds)) {
    return {};
  }
  return "has no network that holds " + instance.address;
}

std::string room_problem(const Room& room, const Instance& instance, bool beside_kept) {
  const std::uint64_t memory_kept = beside_kept ? room.memory_kept_kib : 0;
  const std::uint64_t memory = room.memory_free_kib - std::min(room.memory_free_kib, memory_kept);
  if (memory < instance.memory_kib) {
    return "has " + mebibytes(memory) + " of memory free, not " + mebibytes(instance.memory_kib);
  }
  const int cpus = std::max(room.cpus_free - (beside_kept ? room.cpus_kept : 0), 0);
  if (cpus < instance.vcpus) {
    return "has " + std::to_string(cpus) + " CPUs free, not " + std::to_string(instance.vcpus);
  }
  return {};
}

// The smallest is the best of the hosts that can take it.
using Preference = std::tuple<bool, int, int, std::size_t, std::uint64_t, int, std::string_view>;

Preference preference(const Wish& wish, const Room& room, std::size_t rank) {
  const HostId id = room.host->id;
  const Failure* failure = failed_start(*wish.tried, id);
  const int failures = failure ? failure->count : 0;
  const auto siblings = wish.siblings->find(id);
  return {wish.avoid == id,
          failures < starts_before_other_host ? 0 : failures,
          siblings == wish.siblings->end() ? 0 : siblings->second,
          rank,
          ~room.memory_free_kib,
          -room.cpus_free,
          room.host->name};
}

// One sentence that names every host and what it lacks.
class Refusals {
 public:
  void add(const std::string& host, const std::string& why) {
    if (++count_ > reasons_max) return;
    text_ += (text_.empty() ? "" : "; ") + host + " " + why;
  }
  [[nodiscard]] std::string text() const {
    if (count_ == 0) return "no host can take it: the site has none";
    std::string text = "no host can take it: " + text_;
    if (count_ > reasons_max) text += "; and " + std::to_string(count_ - reasons_max) + " more";
    return text;
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

bool is_of_site(const std::string& name, const Rooms& rooms) {
  return std::any_of(rooms.all().begin(), rooms.all().end(), [&](const Room& room) {
    return room.host->name == name || room.host->address == name;
  });
}

}  // namespace

Rooms::Rooms(const World& world, const WorldIndex& index) {
  rooms_.reserve(world.hosts.size());
  for (const HostView& host : world.hosts) {
    by_id_.emplace(host.id.value, rooms_.size());
    rooms_.push_back({&host, host.memory_free_kib, host.cpus_free, 0});
  }
  for (const InFlight& command : world.in_flight) {
    if (!index.host(command.action.on)) continue;
    Room* room = of(command.action.on);
    if (loads_host(command.action.work)) ++room->actions;
    if (const auto* start = std::get_if<StartVm>(&command.action.work)) {
      take(command.action.on, start->instance);
    }
  }
}

Room* Rooms::of(HostId id) {
  const auto found = by_id_.find(id.value);
  return found == by_id_.end() ? nullptr : &rooms_[found->second];
}

void Rooms::take(HostId id, const Instance& instance) {
  Room* room = of(id);
  if (!room) return;
  room->memory_free_kib -= std::min(room->memory_free_kib, instance.memory_kib);
  room->cpus_free -= instance.vcpus;
}

void Rooms::keep(HostId id, const Instance& instance) {
  Room* room = of(id);
  if (!room) return;
  kept_ = true;
  room->memory_kept_kib += instance.memory_kib;
  room->cpus_kept += instance.vcpus;
}

void Rooms::forget_kept() {
  if (!kept_) return;
  kept_ = false;
  for (Room& room : rooms_) {
    room.memory_kept_kib = 0;
    room.cpus_kept = 0;
  }
}

std::string cannot_take(const Room& room, const Instance& instance, bool beside_kept) {
  const HostView& host = *room.host;
  if (const std::string problem = state_problem(host); !problem.empty()) return problem;
  if (const std::string problem = image_problem(host, instance.image); !problem.empty()) {
    return problem;
  }
  if (const std::string problem = network_problem(host, instance); !problem.empty()) {
    return problem;
  }
  return room_problem(room, instance, beside_kept);
}

bool could_ever_take(const HostView& host, const Instance& instance) {
  return state_problem(host).empty() && network_problem(host, instance).empty() &&
         instance.memory_kib <= host.memory_total_kib && instance.vcpus <= host.cpus_total;
}

std::optional<std::size_t> pool_rank(const Instance& instance, const HostView& host) {
  if (instance.pool.empty()) return 0;
  for (std::size_t rank = 0; rank < instance.pool.size(); ++rank) {
    if (instance.pool[rank] == host.name || instance.pool[rank] == host.address) return rank;
  }
  return std::nullopt;
}

std::vector<std::string> awaited(const Instance& instance, const Rooms& rooms) {
  std::vector<std::string> names;
  for (const Room& room : rooms.all()) {
    if (!pool_rank(instance, *room.host) || !state_problem(*room.host).empty()) continue;
    if (!has_answered(*room.host, instance.image)) names.push_back(room.host->name);
  }
  return names;
}

const Failure* failed_start(const std::vector<const Observed*>& tried, HostId host) {
  for (const Observed* seen : tried) {
    if (seen->host == host && seen->start.count > 0) return &seen->start;
  }
  return nullptr;
}

Placement place(const Wish& wish, const Rooms& rooms) {
  const Instance& instance = *wish.instance;
  Refusals refusals;
  for (const std::string& name : instance.pool) {
    if (!is_of_site(name, rooms)) refusals.add(name, "is in its pool but no host of this site");
  }
  const Room* best = nullptr;
  Preference best_preference;
  for (const Room& room : rooms.all()) {
    const auto rank = pool_rank(instance, *room.host);
    if (!rank) continue;
    if (const std::string why = cannot_take(room, instance, wish.beside_kept); !why.empty()) {
      refusals.add(room.host->name, why);
      continue;
    }
    const Preference this_one = preference(wish, room, *rank);
    if (best && !(this_one < best_preference)) continue;
    best = &room;
    best_preference = this_one;
  }
  Placement placement;
  if (!best) {
    placement.reason = refusals.text();
    return placement;
  }
  placement.host = best->host;
  if (const Failure* failure = failed_start(*wish.tried, best->host->id)) {
    placement.not_before = due(*failure);
    placement.reason = failure->error;
  }
  return placement;
}

const HostView* place_later(const Wish& wish, const Rooms& rooms) {
  const Instance& instance = *wish.instance;
  const HostView* best = nullptr;
  std::tuple<bool, bool, Preference> best_preference;
  for (const Room& room : rooms.all()) {
    const auto rank = pool_rank(instance, *room.host);
    if (!rank || !could_ever_take(*room.host, instance)) continue;
    const std::tuple<bool, bool, Preference> this_one{!room.host->images.contains(instance.image),
                                                      !room_problem(room, instance, true).empty(),
                                                      preference(wish, room, *rank)};
    if (best && !(this_one < best_preference)) continue;
    best = room.host;
    best_preference = this_one;
  }
  return best;
}

}  // namespace cierzo
