#include "tests/simulation/schedule.hpp"

#include <algorithm>

#include "tests/simulation/world.hpp"

namespace cierzo::simulation {
namespace {

using namespace election;
using namespace std::chrono_literals;

constexpr Duration faults_end = 25s;
constexpr Duration whole = 30s;
constexpr Duration heal_limit =
    3s;  // L1: a lease, rule 7's wait, a few round trips, and rule 15's wait.

Options random_options(std::uint64_t seed, const Mutations& mutations) {
  Random random(seed ^ 0x5eed);
  Options options;
  options.seed = seed;
  options.mutations = mutations;
  options.timing = random.chance(0.15) ? fast_timing() : default_timing();
  const std::uint64_t voters = random.chance(0.5) ? 3 : 1 + random.below(9);
  const std::uint64_t others = random.below(3);
  for (std::uint64_t i = 1; i <= voters + others; ++i) {
    const auto id = static_cast<std::uint32_t>(i);
    options.members.push_back({HostId{id}, "node" + std::to_string(id), true});
  }
  for (std::uint64_t i = 0; i < others; ++i)  // Anywhere in the order of ids.
    for (;;) {
      Member& member = options.members[random.below(options.members.size())];
      if (!member.voter) continue;
      member.voter = false;
      break;
    }
  // Half of the sites change their members, and have machines that are none at first.
  const std::uint64_t spares = random.chance(0.5) ? 1 + random.below(3) : 0;
  for (std::uint64_t i = 0; i < spares; ++i) {
    HostId id{static_cast<std::uint32_t>(options.members.size() + 1)};
    options.members.push_back({id, "node" + std::to_string(id.value), true});
    options.spares.insert(id);
  }
  options.delay_min = 100us;
  options.delay_max = random.chance(0.3) ? Duration{8ms} : Duration{1ms};
  options.sync_max = random.chance(0.3) ? Duration{20ms} : Duration{3ms};
  options.loss = random.chance(0.5) ? 0 : 0.02;
  options.duplication = 0.02;
  options.straggling = 0.01;
  return options;
}

class Schedule {
 public:
  Schedule(std::uint64_t seed, const Mutations& mutations, bool trace)
      : options_(random_options(seed, mutations)),
        world_(with_trace(options_, trace)),
        random_(seed * 31 + 7) {}

  Outcome run() {
    observe();
    start();
    while (world_.now() < faults_end && world_.checker.failures().empty()) {
      world_.run_for(random_.between(5ms, 600ms));
      fault();
      write();
      if (!options_.spares.empty() && random_.chance(0.4)) change_members();
      restart_some();
    }
    if (world_.checker.failures().empty()) heal_and_check();
    outcome_.failures = world_.checker.failures();
    outcome_.events = world_.events;
    outcome_.leaderless = world_.leaderless();
    return outcome_;
  }

 private:
  static Options with_trace(Options options, bool trace) {
    options.trace = trace;
    return options;
  }

  void observe() {
    world_.on_fact = [this](HostId, const Fact& fact) {
      if (std::holds_alternative<WriteCommitted>(fact)) ++outcome_.acknowledged;
      if (std::holds_alternative<HostLost>(fact)) ++outcome_.lost_hosts;
      if (std::holds_alternative<AuthorityBegan>(fact)) ++outcome_.terms;
      if (std::holds_alternative<MembersChanged>(fact)) ++outcome_.members_changed;
    };
  }

  void start() {
    // Two clocks' rates are at most drift apart: both ends of it are the interesting ones.
    for (const Member& member : world_.members())
      world_.set_rate(member.id, random_.chance(0.5) ? 4950 : -4950);
    if (random_.chance(0.3)) world_.set_loss(0.3);  // Until a fault says otherwise.
    for (const Member& member : world_.members()) {
      world_.run_for(random_.between(0ms, 300ms));
      world_.start_agent(member.id);
    }
  }

  HostId anyone() { return world_.members()[random_.below(world_.members().size())].id; }

  // Half of the faults hit whoever leads.
  HostId victim() {
    const auto leader = world_.leader();
    return leader && random_.chance(0.5) ? *leader : anyone();
  }

  void fault() {
    const HostId host = victim();
    switch (random_.below(16)) {
      case 0:
      case 1:
        if (!world_.running(host)) return;
        world_.kill_agent(host);
        world_.run_for(random_.chance(0.5) ? Duration{5ms} : random_.between(5ms, 1500ms));
        return world_.start_agent(host);
      case 2:
        return world_.kill_agent(host);
      case 3:
        return world_.power_off(host);
      case 4:
      case 5:
      case 6:
        return random_.chance(0.5) ? world_.pause_agent(host) : world_.resume_agent(host);
      case 7:
      case 8:
        return world_.cut(host, anyone());
      case 9:
        return world_.cut_both(host, anyone());
      case 10:
        return world_.isolate(host);
      case 11:
      case 12:
        return world_.mend_all();
      case 13:
        return world_.set_loss(random_.chance(0.5) ? 0 : 0.3);
      case 14:
        return random_.chance(0.3) ? lose_disk(host) : stop_and_start(host);
      case 15:
        if (random_.chance(0.5)) return world_.set_straggling(random_.chance(0.5) ? 0.01 : 0.3);
        return world_.stop_cleanly(host);
    }
  }

  void stop_and_start(HostId host) {
    if (!world_.running(host)) return;
    world_.release(host);
    world_.run_for(random_.between(0ms, 50ms));
    world_.kill_agent(host);
    world_.start_agent(host);
  }

  // How many more of these voters keep their disks than a majority needs; negative: too few do.
  int spare_disks(const Members& members) const {
    int spare = 100;
    for (const auto* voters : {&members.present(), &members.before()}) {
      if (voters->empty()) continue;
      const auto with_state = std::count_if(voters->begin(), voters->end(), [&](HostId id) {
        return id != HostId{} && world_.has_disk(id) && world_.key(id) == members.key(id);
      });
      spare = std::min(
          spare, static_cast<int>(with_state) - static_cast<int>(majority_of(voters->size())));
    }
    return spare;
  }

  // Never so many that no majority with state is left, of any members that may be in force: then
  // nothing is promised.
  bool may_lose_disk(HostId host) const {
    const auto known = world_.known_members();
    return world_.has_disk(host) &&
           std::all_of(known.begin(), known.end(),
                       [&](const auto& members) { return spare_disks(members) >= 1; });
  }

  void lose_disk(HostId host) {
    if (!may_lose_disk(host)) return;
    world_.kill_agent(host);
    world_.lose_disk(host);
    if (random_.chance(0.5)) world_.start_agent(host);
  }

  // ---- Membership (rule 23)

  // What an administrator would ask for next: one machine more or less, one vote more or less, one
  // voter for another.
  void change_members() {
    const auto leader = world_.leader();
    if (!leader) return;
    std::vector<Member> to;
    for (const Member& member : world_.node(*leader).members().all())
      if (!member.leaving) to.push_back(member);
    const HostId host = anyone();
    const auto at =
        std::find_if(to.begin(), to.end(), [&](const Member& m) { return m.id == host; });
    if (at == to.end()) {
      const bool votes = random_.chance(0.3);  // At once: let in and added in one change.
      to.push_back({host, "node" + std::to_string(host.value), votes, false, "", world_.key(host)});
    } else if (at->voter) {
      if (random_.chance(0.3) && may_lose_disk(host)) {
        world_.replace_machine(host);
        at->key = world_.key(host);
        if (random_.chance(0.7)) world_.start_agent(host);
      } else if (random_.chance(0.3)) {
        to.erase(at);
      } else {
        at->voter = false;
      }
    } else {
      if (random_.chance(0.4)) someone_else_stops_voting(to);
      at->voter = true;
    }
    const HostId asked = random_.chance(0.9) ? *leader : anyone();
    world_.change_members(asked, std::move(to));
  }

  void someone_else_stops_voting(std::vector<Member>& members) {
    Member& other = members[random_.below(members.size())];
    other.voter = false;
  }

  // Machines that were replaced under faults, and whose key nobody has taken yet.
  bool all_keys_known() {
    const auto leader = world_.leader();
    if (!leader || !world_.ready(*leader)) return false;
    std::vector<Member> to;
    bool known = true;
    for (const Member& member : world_.node(*leader).members().all()) {
      if (!member.leaving) to.push_back(member);
      if (!known || member.key == world_.key(member.id)) continue;
      known = false;
      to.back().key = world_.key(member.id);
    }
    if (!known) world_.change_members(*leader, std::move(to));
    return known && !world_.node(*leader).members().changing();
  }

  void restart_some() {
    for (const Member& member : world_.members()) {
      if (!world_.running(member.id) && random_.chance(0.2)) world_.start_agent(member.id);
      if (world_.is_paused(member.id) && random_.chance(0.2)) world_.resume_agent(member.id);
    }
  }

  void write() {
    const auto leader = world_.leader();
    const std::string key = "k" + std::to_string(random_.below(4));
    world_.write(leader && random_.chance(0.9) ? *leader : anyone(), key);
  }

  // It was away while the machines of all voters that it knows were replaced: it believes nobody
  // any more, and only its administrator can help.
  bool stranded(HostId host, const Members& members) const {
    const auto& voters = members.present();
    return std::none_of(voters.begin(), voters.end(), [&](HostId voter) {
      return world_.node(host).members().key(voter) == world_.key(voter);
    });
  }

  bool all_well(HostId leader) {
    const Members& members = world_.node(leader).members();
    for (const HostStatus& status : world_.node(leader).hosts(world_.clock(leader))) {
      const bool fine =
          status.liveness == Liveness::alive && (!members.is_voter(status.id) || status.has_state);
      if (!fine && !stranded(status.id, members)) return false;
    }
    return !members.changing();
  }

  std::string who_is_not_well() {
    const auto leader = world_.leader();
    if (!leader) return "; nobody leads";
    const Node& node = world_.node(*leader);
    std::string text = node.members().changing() ? "; the members are changing" : "";
    for (const HostStatus& status : node.hosts(world_.clock(*leader)))
      if (status.liveness != Liveness::alive || !status.has_state)
        text += "; " + node.members().name(status.id) +
                (status.liveness == Liveness::alive ? " is alive without a vote" : " is not alive");
    return text;
  }

  void heal_and_check() {
    world_.mend_all();
    world_.cancel_stops();
    world_.set_loss(0);
    world_.set_straggling(0);
    for (const Member& member : world_.members()) {
      // One that still goes by its file may name nobody there who is left.
      if (world_.running(member.id) && world_.node(member.id).members().version() == Stamp{})
        world_.kill_agent(member.id);
      world_.start_agent(member.id);
      world_.resume_agent(member.id);
    }
    const auto led = [this] {
      const auto leader = world_.leader();
      return leader && world_.ready(*leader);
    };
    // Voters that lost their disks while a change made them indispensable: a majority has no state
    // any more. (rule 22)
    const auto hopeless = [this] { return spare_disks(world_.known_members().back()) < 0; };
    if (!world_.run_until(led, heal_limit)) {
      if (hopeless()) return;
      return world_.checker.fail(world_.now(),
                                 "L1: nobody leads " + text(heal_limit) + " after healing");
    }
    for (int i = 0; i < 60 && !all_keys_known(); ++i) world_.run_for(200ms);
    const auto well = [&] { return led() && all_well(*world_.leader()); };
    if (!world_.run_until(well, heal_limit)) {
      if (!led() && hopeless()) return;
      return world_.checker.fail(
          world_.now(), "L1: not every host is alive and has its state" + who_is_not_well());
    }
    // An authority that began before the healing may end while it writes, as when its voter was
    // restarted just before (rule 7); then its successor acknowledges.
    const auto acknowledged_next = [&] {
      return world_.run_until(led, heal_limit) && write_is_acknowledged();
    };
    if (!write_is_acknowledged() && !acknowledged_next())
      return world_.checker.fail(world_.now(), "L1: a write is not acknowledged");
    world_.run_for(500ms);  // An authority that began before the healing may just have ended.
    if (!world_.run_until(led, heal_limit))
      return world_.checker.fail(world_.now(), "L1: nobody leads any more");
    const HostId leader = *world_.leader();
    world_.checker.reads(world_.now(), leader, world_.node(leader).committed());
    const std::vector<HostId> voters = world_.node(leader).members().voters();
    if (world_.now() < whole) world_.run_for(whole - world_.now());
    if (!world_.run_until(led, heal_limit))
      return world_.checker.fail(world_.now(), "L1: nobody leads in the end");
    // A change of voters that was asked for before the healing waits for those it needs, and may
    // remove the leader, which hands over. (rule 23)
    const bool same_voters = world_.node(*world_.leader()).members().voters() == voters;
    if (same_voters && world_.leader() != leader)
      world_.checker.fail(world_.now(), "L1: the leader changed without a fault");
  }

  // False: the leader may just have met a higher promise, and the outcome is unknown.
  bool write_is_acknowledged() {
    const auto leader = world_.leader();
    const std::uint64_t value = leader ? world_.write(*leader, "k0") : 0;
    return world_.run_until([&] { return world_.is_acknowledged(value); }, 500ms);
  }

  Options options_;
  World world_;
  Random random_;
  Outcome outcome_;
};

}  // namespace

Outcome run_schedule(std::uint64_t seed, const Mutations& mutations, bool trace) {
  return Schedule(seed, mutations, trace).run();
}

}  // namespace cierzo::simulation
