#include "tests/simulation/world.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/host.hpp"

namespace cierzo::simulation {

World::World(Options options) : random(options.seed), options_(std::move(options)) {
  for (const Member& member : options_.members) {
    index_[member.id] = hosts_.size();
    hosts_.push_back(std::make_unique<Host>());
    hosts_.back()->id = member.id;
    hosts_.back()->key = member.key;
  }
}

World::~World() = default;

Time World::true_time(const Host& host, Time local) const {
  if (local >= Time{std::int64_t{1} << 60}) return Time::max();
  // The first true instant at which the host's clock shows `local`, or a little later.
  const double length =
      static_cast<double>(local.count()) / (1.0 + static_cast<double>(host.ppm) / 1e6);
  Time at = host.booted + Time{static_cast<std::int64_t>(length)};
  while (host.clock(at) < local) at += Duration{1};
  return at;
}

void World::run_for(Duration length) {
  const Time end = now_ + length;
  while (step_once(end)) {
  }
  now_ = end;
}

bool World::run_until(const std::function<bool()>& condition, Duration limit) {
  const Time end = now_ + limit;
  while (!condition()) {
    if (!step_once(end)) {
      now_ = end;
      return condition();
    }
  }
  return true;
}

// The next thing that happens: a message, a timer of a Node, or the end of a disk's write.
bool World::step_once(Time until) {
  Time at = events_.empty() ? Time::max() : events_.top().at;
  Host* due = nullptr;
  bool flushing = false;
  for (const auto& candidate : hosts_) {
    if (!candidate->node || candidate->paused) continue;
    if (!candidate->unflushed.empty() && candidate->unflushed.front().synced < at) {
      at = candidate->unflushed.front().synced;
      due = candidate.get();
      flushing = true;
    }
    const Time tick = true_time(*candidate, candidate->node->next_tick());
    if (tick < at) {
      at = tick;
      due = candidate.get();
      flushing = false;
    }
  }
  if (at > until || at == Time::max()) return false;
  now_ = std::max(now_, at);
  ++events;
  if (due == nullptr) {
    const std::size_t slot = events_.top().slot;
    events_.pop();
    Parcel parcel = std::move(parcels_[slot]);
    free_slots_.push_back(slot);
    deliver(std::move(parcel));
  } else if (flushing) {
    flush(*due);
  } else {
    handle(*due, due->node->tick(due->clock(now_)));
  }
  return true;
}

void World::deliver(Parcel parcel) {
  Host& to = host(parcel.to);
  if (!to.node) return;
  if (to.paused) {
    to.waiting.push_back(std::move(parcel));
    return;
  }
  if (!believes(to, parcel)) return;
  if (const auto* command = std::get_if<VmCommand>(&parcel.payload)) return obey(to, *command);
  const Message& message = std::get<Message>(parcel.payload);
  if (const auto* heartbeat = std::get_if<Heartbeat>(&message.body))
    if (heartbeat->term.counter > to.released[parcel.from])  // Dead terms are not heard. (rule 8)
      to.heard = std::max(to.heard, heartbeat->term);
  if (const auto* release = std::get_if<Release>(&message.body))
    to.released[parcel.from] = std::max(to.released[parcel.from], release->term.counter);
  if (options_.trace)
    trace(to, "<- " + std::to_string(parcel.from.value) + " " + describe(message));
  handle(to, to.node->step(to.clock(now_), parcel.from, message));
}

// What the transport does: under another key than that of the list nobody speaks for a host. Of
// hosts that are on no list the simulation lets everything through.
bool World::believes(const Host& to, const Parcel& parcel) const {
  return !to.node->members().is_member(parcel.from) ||
         to.node->members().key(parcel.from) == parcel.key;
}

void World::post(HostId from, HostId to, Payload payload, Duration delay) {
  std::size_t slot = parcels_.size();
  if (free_slots_.empty()) {
    parcels_.push_back({from, to, std::move(payload), host(from).key});
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
    parcels_[slot] = {from, to, std::move(payload), host(from).key};
  }
  events_.push({now_ + delay, order_++, slot});
}

void World::inject(HostId from, HostId to, Message message, Duration delay) {
  post(from, to, std::move(message), delay);
}

void World::transmit(HostId from, HostId to, const Payload& payload) {
  Fate fate;
  if (const auto* message = std::get_if<Message>(&payload)) {
    if (meddle) fate = meddle(from, to, *message);
  } else if (meddle_command) {
    fate = meddle_command(to, std::get<VmCommand>(payload));
  }
  if (fate.dropped || (!cut_.empty() && cut_.count({from, to}) > 0)) return;
  const int copies = options_.duplication > 0 && random.chance(options_.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (options_.loss > 0 && random.chance(options_.loss)) continue;
    Duration delay = random.between(options_.delay_min, options_.delay_max);
    if (options_.straggling > 0 && random.chance(options_.straggling))
      delay = random.between(options_.delay_min, options_.straggle_max);
    post(from, to, payload, fate.delay.value_or(delay));
  }
}

void World::start_agent(HostId id) {
  Host& h = host(id);
  if (h.node) return;
  if (!h.up) return boot(id);
  h.run = "r" + std::to_string(++ids_);
  Config config;
  config.self = id;
  config.members = members_of_file(id);
  config.key = h.key;
  config.timing = options_.timing;
  config.boot = h.boot;
  config.fresh_site_id = "s" + std::to_string(++ids_);
  config.fresh_state_id = "d" + std::to_string(++ids_);
  config.run = h.run;
  config.guard_deadline = h.stood_down ? Time{} : h.page;
  config.mutations = options_.mutations;
  h.node = std::make_unique<Node>(std::move(config), h.disk, h.clock(now_));
  h.releasing = false;
  if (options_.trace) trace(h, "agent starts");
  after_step(h);
  handle(h, h.node->tick(h.clock(now_)));
}

// As its administrator has just written it: with the keys of today, and once there is a site with
// all its machines as voters, so that none starts a site of its own.
std::vector<Member> World::members_of_file(HostId id) const {
  const bool site_exists =
      std::any_of(hosts_.begin(), hosts_.end(), [](const auto& h) { return h->disk.record.votes; });
  std::vector<Member> members;
  for (const Member& member : options_.members) {
    const bool spare = options_.spares.count(member.id) > 0;
    if (member.id != id && spare && !site_exists) continue;
    members.push_back(member);
    if (spare || (site_exists && !has_disk(id))) members.back().voter = true;
    members.back().key = host(member.id).key;
  }
  return members;
}

void World::kill_agent(HostId id) {
  Host& h = host(id);
  if (options_.trace && h.node) trace(h, "agent is killed");
  checker.heard(h.id, h.disk.record.last_led);
  h.node.reset();
  h.heard = Term{};
  h.released.clear();
  h.unflushed.clear();
  h.waiting.clear();
  h.commands.reset();
  h.paused = false;
  h.releasing = false;
}

void World::pause_agent(HostId id) {
  if (options_.trace) trace(host(id), "is paused");
  if (host(id).node) host(id).paused = true;
}

void World::resume_agent(HostId id) {
  Host& h = host(id);
  if (!h.paused) return;
  if (options_.trace) trace(h, "is resumed");
  h.paused = false;
  std::vector<Parcel> waiting;
  waiting.swap(h.waiting);
  for (Parcel& parcel : waiting)
    post(parcel.from, parcel.to, std::move(parcel.payload), Duration{0});
}

void World::power_off(HostId id) {
  kill_agent(id);
  Host& h = host(id);
  h.up = false;
  h.vm = false;
  h.stood_down = false;
}

void World::boot(HostId id) {
  Host& h = host(id);
  if (h.up) return;
  h.up = true;
  h.booted = now_;
  h.boot = "b" + std::to_string(++ids_);
  h.page = Time{};
  h.stood_down = false;
  h.vm = false;
  h.vm_paused = false;
  start_agent(id);
}

void World::lose_disk(HostId id) {
  Host& h = host(id);
  if (h.node) std::abort();
  h.disk = Durable{};
  h.high_water = Stamp{};
  if (options_.trace) trace(h, "loses its disk");
}

void World::replace_machine(HostId id) {
  power_off(id);
  lose_disk(id);
  host(id).key = "key" + std::to_string(++ids_);
}

void World::release(HostId id) {
  Host& h = host(id);
  if (h.node && !h.paused) handle(h, h.node->release(h.clock(now_)));
}

void World::stop_cleanly(HostId id) {
  const auto asked = leader();
  Host& h = host(id);
  if (!h.node || h.paused || !asked || host(*asked).paused) return;
  Host& asking = host(*asked);
  holding_[++writes_] = id;
  handle(asking, asking.node->propose(asking.clock(now_), WriteId{writes_},
                                      {{held_key(id), h.run}, {lost_key(id), {}}}));
}

void World::set_rate(HostId id, std::int64_t ppm) { host(id).ppm = ppm; }

void World::isolate(HostId id) {
  for (const Member& member : options_.members)
    if (member.id != id) cut_both(member.id, id);
}

std::uint64_t World::write(HostId at, const std::string& key) {
  Host& h = host(at);
  if (!h.node || h.paused) return 0;
  const std::uint64_t value = ++writes_;
  keys_[value] = key;
  handle(h, h.node->propose(h.clock(now_), WriteId{value}, {{key, std::to_string(value)}}));
  return value;
}

std::uint64_t World::change_members(HostId at, std::vector<Member> members) {
  Host& h = host(at);
  if (!h.node || h.paused) return 0;
  member_writes_.insert(++writes_);
  const std::uint64_t write = writes_;
  handle(h, h.node->change_members(h.clock(now_), WriteId{write}, std::move(members)));
  return write;
}

bool World::running(HostId id) const { return host(id).node != nullptr; }
bool World::is_up(HostId id) const { return host(id).up; }
bool World::is_paused(HostId id) const { return host(id).paused; }
bool World::has_disk(HostId id) const { return host(id).disk.record.votes; }
std::string World::key(HostId id) const { return host(id).key; }

std::vector<Members> World::known_members() const {
  std::map<Stamp, Members> known;
  for (const auto& h : hosts_) {
    const auto entry = h->disk.catalog.entries.find(members_key);
    for (const std::string& text :
         {entry == h->disk.catalog.entries.end() ? "" : entry->second, h->disk.record.members.text})
      if (const auto members = decode_members(text)) known.emplace(members->version(), *members);
  }
  std::vector<Members> all;
  for (const auto& [version, members] : known) all.push_back(members);
  if (all.empty()) all.emplace_back(members_of_file(options_.members.front().id));
  return all;
}
const Node& World::node(HostId id) const { return *host(id).node; }
Time World::clock(HostId id) const { return host(id).clock(now_); }
bool World::has_authority(HostId id) const {
  const Host& h = host(id);
  return h.node && h.node->has_authority(h.clock(now_));
}
bool World::ready(HostId id) const {
  const Host& h = host(id);
  return h.node && h.node->ready(h.clock(now_));
}

std::optional<HostId> World::leader() const {
  for (const auto& h : hosts_)
    if (has_authority(h->id)) return h->id;
  return std::nullopt;
}

// Unpaused: the guard pauses within guard_delay of the deadline.
bool World::vm_runs(HostId id) const {
  const Host& h = host(id);
  if (!h.up || !h.vm || h.vm_paused) return false;
  return h.stood_down || h.clock(now_) < h.page + options_.timing.guard_delay;
}

void World::trace(const Host& h, const std::string& what) const {
  std::fprintf(stderr, "%s host %u %s\n", text(now_).c_str(), h.id.value, what.c_str());
}

}  // namespace cierzo::simulation
