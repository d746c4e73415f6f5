#include "tests/simulation/directed.hpp"

#include <utility>

#include "tests/simulation/world.hpp"

namespace cierzo::simulation {
namespace {

using namespace election;
using namespace std::chrono_literals;
using Failures = std::vector<std::string>;

constexpr HostId n1{1}, n2{2}, n3{3}, n4{4}, n5{5};

Options calm(const Mutations& mutations, std::uint32_t voters, std::uint32_t others) {
  Options options;
  options.mutations = mutations;
  options.timing = default_timing();
  for (std::uint32_t id = 1; id <= voters + others; ++id)
    options.members.push_back({HostId{id}, "node" + std::to_string(id), id <= voters});
  return options;
}

// Voters 1.. and then other hosts on a network that takes 0.2 ms; after 3 s host 1 leads.
struct Site {
  explicit Site(const Mutations& mutations, std::uint32_t voters, std::uint32_t others = 0,
                double duplication = 0)
      : world([&] {
          Options options = calm(mutations, voters, others);
          options.duplication = duplication;
          return options;
        }()) {
    for (const Member& member : world.members()) world.start_agent(member.id);
    world.run_for(3s);
    if (world.leader() != n1) world.checker.fail(world.now(), "setup: host 1 does not lead");
  }

  Failures done() { return world.checker.failures(); }
  void await(const std::function<bool()>& condition, Duration limit, const std::string& what) {
    if (!world.run_until(condition, limit)) world.checker.fail(world.now(), "setup: not " + what);
  }
  bool leads(HostId host) { return world.ready(host); }
  // Right after the leader has sent its heartbeats: when they were.
  Time heartbeat_time(HostId leader) {
    bool sent = false;
    const auto before = world.meddle;
    world.meddle = [&, leader](HostId from, HostId, const Message& message) {
      if (from == leader && std::holds_alternative<Heartbeat>(message.body)) sent = true;
      return Fate{};
    };
    await([&] { return sent; }, 1s, "a heartbeat");
    world.meddle = before;
    return world.now();
  }

  World world;
};

template <class Kind>
bool is(const Message& message) {
  return std::holds_alternative<Kind>(message.body);
}

// After a restart of all, host 1 is accepted by host 3; then host 2's Coordinator reaches host 3.
Failures two_candidates(const Mutations& mutations) {
  Site site(mutations, 3);
  for (const HostId id : {n1, n2, n3}) site.world.kill_agent(id);
  site.world.cut_both(n1, n2);
  site.world.run_for(1s);
  for (const HostId id : {n1, n2, n3}) site.world.start_agent(id);
  site.world.run_for(1s);
  return site.done();
}

// A heartbeat of the leader lands at host 2 after it has begun to ask, before it has its majority.
Failures heartbeat_lands_in_the_round(const Mutations& mutations) {
  Site site(mutations, 5);
  site.heartbeat_time(n1);
  site.world.cut(n1, n2);
  site.world.cut(n1, n3);
  site.world.run_for(350ms);
  site.world.cut(n1, n4);
  site.await([&] { return site.world.node(n2).role() == Role::candidate; }, 1s, "host 2 asks");
  site.world.mend(n1, n2);
  site.world.run_for(1s);
  return site.done();
}

// Host 2 missed a write that hosts 1 and 3 have; then it leads with host 3.
Failures next_leader_missed_a_write(const Mutations& mutations) {
  Site site(mutations, 3);
  site.world.isolate(n2);
  site.world.write(n1, "k");
  site.world.run_for(100ms);
  site.world.power_off(n1);
  site.world.mend_all();
  site.await([&] { return site.leads(n2); }, 3s, "host 2 leads");
  return site.done();
}

// Host 2, on whose grant host 1's authority rests, restarts within 5 ms and is asked by host 3.
Failures voter_restarts_within_a_lease(const Mutations& mutations) {
  Site site(mutations, 3);
  site.world.cut_both(n1, n3);
  site.world.run_for(1s);
  site.world.kill_agent(n2);
  site.world.run_for(5ms);
  site.world.start_agent(n2);
  site.world.run_for(1s);
  return site.done();
}

// A Release of host 1's first term arrives when it leads a later one.
Failures old_release_arrives(const Mutations& mutations) {
  Site site(mutations, 3);
  const Term first = site.world.node(n1).term();
  const std::string name = site.world.node(n1).record().site;
  site.world.kill_agent(n1);
  site.await([&] { return site.leads(n2); }, 2s, "host 2 leads");
  site.world.start_agent(n1);
  site.world.run_for(1s);
  site.world.kill_agent(n2);
  site.await([&] { return site.leads(n1); }, 2s, "host 1 leads again");
  site.world.start_agent(n2);
  site.world.run_for(1s);
  site.world.kill_agent(n2);  // So that it knows of no dead term.
  site.world.start_agent(n2);
  site.world.run_for(1s);
  site.world.cut_both(n1, n3);
  site.world.run_for(1s);
  site.world.inject(n1, n2, {name, Release{first}}, 1ms);
  site.world.run_for(300ms);
  return site.done();
}

// The leader's agent restarts and releases; its host falls silent with its VM's deadline in the
// guard's page.
Failures released_and_silent(const Mutations& mutations) {
  Site site(mutations, 3);
  site.heartbeat_time(n1);
  site.world.run_for(1ms);
  site.world.kill_agent(n1);
  site.world.run_for(5ms);
  site.world.start_agent(n1);
  site.world.isolate(n1);  // The Release is on its way.
  site.world.kill_agent(n1);
  site.world.run_for(3s);
  return site.done();
}

// Host 1 leads, meets a higher promise and stands again; that fails, and host 2, which had
// accepted, is let go by its Release while host 1's older authority rests on host 2's grant.
Failures candidacy_of_a_leader_fails(const Mutations& mutations) {
  Site site(mutations, 5);
  const std::string name = site.world.node(n1).record().site;
  const Term first = site.world.node(n1).term();
  site.world.cut_both(n1, n4);
  site.world.cut_both(n1, n5);
  site.world.run_for(1s);
  site.heartbeat_time(n1);
  site.world.run_for(5ms);
  site.world.meddle = [](HostId from, HostId to, const Message& message) {
    const bool lost =
        (from == n1 && to == n3 && is<Coordinator>(message)) || (to == n1 && is<Accept>(message));
    return Fate{lost, {}};
  };
  const Term higher{first.counter + 9, n4};
  site.world.inject(n3, n1, {name, Refuse{first, higher, HostId{}, Duration{0}}}, 1ms);
  site.world.run_for(3ms);
  const Term again = site.world.node(n1).record().promised;
  for (const HostId id : {n3, n4, n5})
    site.world.inject(id, n1, {name, Refuse{again, higher, HostId{}, Duration{0}}}, 1ms);
  site.world.run_for(400ms);
  return site.done();
}

// Host 2 hears host 1's heartbeats but never its Coordinator: it acknowledges as a host, grants
// nothing, and stands itself when host 3's grant has ended.
Failures acknowledged_but_not_granted(const Mutations& mutations) {
  Site site(mutations, 3);
  site.world.kill_agent(n1);
  site.await([&] { return site.leads(n2); }, 2s, "host 2 leads");
  site.world.start_agent(n1);
  site.world.run_for(1s);
  site.world.meddle = [](HostId from, HostId to, const Message& message) {
    return Fate{from == n1 && to == n2 && (is<Coordinator>(message) || is<Store>(message)), {}};
  };
  site.world.kill_agent(n2);
  site.await([&] { return site.leads(n1); }, 2s, "host 1 leads again");
  site.world.start_agent(n2);
  site.world.run_for(1s);
  site.world.cut_both(n1, n3);
  site.world.run_for(2s);
  return site.done();
}

// A heartbeat with an old stamp is under way for 1.5 s, then host 4 hears nothing more.
Failures heartbeat_is_late(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  site.heartbeat_time(n1);
  const Time first = site.world.now();
  site.world.meddle = [&site, first](HostId, HostId to, const Message& message) {
    if (to != n4 || !is<Heartbeat>(message)) return Fate{};
    if (site.world.now() < first + 150ms) return Fate{false, Duration{1500ms}};
    return Fate{true, {}};
  };
  site.world.run_for(200ms);
  site.world.cut(n4, n1);
  site.world.run_for(4s);
  return site.done();
}

// A heartbeat that echoes the stamp of host 4's last boot arrives in the next one.
Failures echo_of_another_boot(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  site.world.power_off(n4);
  site.world.boot(n4);
  site.world.run_for(2100ms);
  site.world.meddle = [](HostId, HostId to, const Message& message) {
    if (to != n4 || !is<Heartbeat>(message)) return Fate{};
    return Fate{false, Duration{2600ms}};
  };
  site.world.run_for(120ms);
  site.world.meddle = nullptr;
  site.world.power_off(n4);
  site.world.boot(n4);
  site.world.run_for(900ms);
  site.world.isolate(n4);
  site.world.run_for(4s);
  return site.done();
}

// Host 4 is cut off: silent, with a valid permit.
Failures host_falls_silent(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  site.world.isolate(n4);
  site.world.run_for(5s);
  return site.done();
}

// Host 4 is stopped cleanly: its VM runs on without a guard.
Failures host_is_held(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  site.world.stop_cleanly(n4);
  site.await([&] { return !site.world.running(n4); }, 1s, "host 4 stopped");
  site.world.run_for(10s);
  site.world.kill_agent(n1);  // Nor by the next leader.
  site.world.run_for(10s);
  return site.done();
}

// The leader dies and host 4 falls silent at the same time, with a permit of the old leader.
Failures permit_of_the_former_leader(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  site.heartbeat_time(n1);
  site.world.run_for(5ms);
  site.world.isolate(n4);
  site.world.power_off(n1);
  site.world.run_for(5s);
  return site.done();
}

// Host 3 once promised to host 2, which was never heard to lead; host 1 leads on, gives host 2 a
// full permit and releases; host 2 falls silent.
Failures promised_but_not_heard(const Mutations& mutations) {
  Site site(mutations, 5);
  const std::string name = site.world.node(n1).record().site;
  const Term first = site.world.node(n1).term();
  const Term failed{first.counter + 1, n2};
  site.world.cut_both(n1, n3);
  site.world.run_for(600ms);
  site.world.inject(n2, n3, {name, Coordinator{failed, default_timing()}}, 1ms);
  site.world.inject(n2, n3, {name, Release{failed}}, 3ms);
  site.world.run_for(20ms);
  site.heartbeat_time(n1);
  site.world.run_for(1ms);
  site.world.isolate(n2);
  site.world.release(n1);
  site.world.isolate(n1);  // The Release is on its way.
  site.world.run_for(3s);
  return site.done();
}

// A host comes back with a copy that was replaced meanwhile, under a newer leader.
Failures two_copies(const Mutations& mutations) {
  struct Copy {
    Incarnation incarnation;
    bool replaced;
  };
  const Copy old_one{{Term{1, n1}, 7}, true};
  const Copy new_one{{Term{2, n2}, 1}, false};
  const Copy& kept =
      compare_copies(old_one.incarnation, new_one.incarnation, mutations) > 0 ? old_one : new_one;
  if (kept.replaced) return {"S2: the copy that was replaced is kept"};
  return {};
}

// Every message arrives twice, commands too.
Failures everything_twice(const Mutations& mutations) {
  Site site(mutations, 3, 1, 1.0);
  site.world.power_off(n4);
  site.world.boot(n4);
  site.world.run_for(3s);
  return site.done();
}

// Host 4 loses its disk while a command for it is under way.
Failures command_for_another_state(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  site.world.power_off(n4);
  bool first = true;
  site.world.meddle_command = [&first](HostId to, const VmCommand&) {
    if (to != n4) return Fate{};
    const bool late = std::exchange(first, false);
    return Fate{!late, Duration{1s}};
  };
  site.world.lose_disk(n4);
  site.world.boot(n4);
  site.await([&] { return !first; }, 1s, "a command is sent");
  site.world.kill_agent(n4);
  site.world.lose_disk(n4);
  site.world.start_agent(n4);
  site.world.run_for(3s);
  return site.done();
}

// Host 4 comes back in the same term after it was regarded as lost; a command from before arrives
// then.
Failures command_from_before_the_loss(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  site.world.power_off(n4);
  bool first = true;
  site.world.meddle_command = [&first](HostId to, const VmCommand&) {
    if (to != n4) return Fate{};
    const bool late = std::exchange(first, false);
    return Fate{!late, Duration{6s}};
  };
  site.world.boot(n4);
  site.await([&] { return !first; }, 1s, "a command is sent");
  site.world.isolate(n4);
  site.world.run_for(4s);
  site.world.mend_all();
  site.world.run_for(5s);
  return site.done();
}

// Host 3 accepts host 2's Coordinator with what it has, then a Store of the older leader arrives,
// which still has authority, and counts host 3; host 2 is elected without that write. Times are
// from a heartbeat of host 1: host 2's grant ends at 450 ms and it asks again at 550, host 4's ends
// at 500 and is renewed at 590 by a late heartbeat, host 3's ends at 600 and host 2's question
// reaches it at 605; host 2's Coordinator reaches host 4 only after that grant too has ended, at
// 1090.
Failures store_below_the_promise(const Mutations& mutations) {
  Site site(mutations, 5);
  World& world = site.world;
  const Time zero = site.heartbeat_time(n1) + 200ms;
  const auto heartbeat_fate = [&](HostId to, Duration at) -> Fate {
    if (to == n2) return at < -50ms ? Fate{false, 50ms} : Fate{true, {}};
    if (to == n3) return Fate{at > 150ms, {}};
    if (to == n4) {
      if (at > 450ms && at < 550ms) return Fate{false, 590ms - at};
      return Fate{at > 50ms, {}};
    }
    return Fate{};
  };
  world.meddle = [&](HostId from, HostId to, const Message& message) -> Fate {
    const Duration at = world.now() - zero;
    if (from == n1 && is<Heartbeat>(message)) return heartbeat_fate(to, at);
    if (to == n2 && is<election::Election>(message)) return Fate{true, {}};
    if (from == n1 && is<Store>(message)) return Fate{to == n2 || to == n4, {}};
    if (from == n2 && to == n3 && is<election::Election>(message) && at < 600ms)
      return Fate{false, 605ms - at};
    if (from == n2 && to == n4 && is<Coordinator>(message)) return Fate{at < 1000ms, 1093ms - at};
    return Fate{};
  };
  world.run_for(zero - world.now() + 607ms);
  world.write(n1, "k");
  world.run_for(50ms);
  world.power_off(n1);
  world.power_off(n5);
  world.run_for(2s);
  return site.done();
}

// Host 2 missed one write, gets the next, and leads.
Failures store_does_not_follow(const Mutations& mutations) {
  Site site(mutations, 3);
  site.heartbeat_time(n1);
  site.world.isolate(n2);
  site.world.write(n1, "k");
  site.world.run_for(20ms);
  site.world.mend_all();
  site.world.write(n1, "l");
  site.world.run_for(1ms);
  site.world.power_off(n1);
  site.await([&] { return site.leads(n2); }, 3s, "host 2 leads");
  return site.done();
}

// Hosts 1 and 3 have a write; host 3 loses its disk, host 1 its power; host 2 never had it.
Failures voter_loses_its_disk(const Mutations& mutations) {
  Site site(mutations, 3);
  site.world.isolate(n2);
  site.world.write(n1, "k");
  site.world.run_for(100ms);
  site.world.power_off(n1);
  site.world.kill_agent(n3);
  site.world.lose_disk(n3);
  site.world.mend_all();
  site.world.start_agent(n3);
  site.world.run_for(3s);
  return site.done();
}

}  // namespace

const std::vector<Directed>& directed_schedules() {
  using M = Mutation;
  static const std::vector<Directed> all = {
      {M::rule_4, "two candidates after a restart of all", two_candidates},
      {M::rule_4_own, "a heartbeat lands while its receiver asks", heartbeat_lands_in_the_round},
      {M::rule_5, "the next leader missed a write", next_leader_missed_a_write},
      {M::rule_7, "a voter restarts within a lease", voter_restarts_within_a_lease},
      {M::rule_8, "an old Release arrives", old_release_arrives},
      {M::rule_8_deadline, "released, then silent", released_and_silent},
      {M::rule_8_every_term, "a leader's candidacy fails", candidacy_of_a_leader_fails},
      {M::rule_9_granted, "acknowledged but not granted", acknowledged_but_not_granted},
      {M::rule_12, "a heartbeat is late", heartbeat_is_late},
      {M::rule_12_boot, "an echo of another boot", echo_of_another_boot},
      {M::rule_14, "a host falls silent", host_falls_silent},
      {M::rule_14_held, "a host is held", host_is_held},
      {M::rule_15, "a permit of the former leader", permit_of_the_former_leader},
      {M::rule_15_last_led, "promised but never heard", promised_but_not_heard},
      {M::rule_16, "two copies", two_copies},
      {M::rule_17, "everything arrives twice", everything_twice},
      {M::rule_17_boot, "a command for another state", command_for_another_state},
      {M::rule_17_spell, "a command from before the loss", command_from_before_the_loss},
      {M::rule_20, "a Store below the promise", store_below_the_promise},
      {M::rule_20_follows, "a Store that does not follow", store_does_not_follow},
      {M::rule_22, "a voter loses its disk", voter_loses_its_disk},
  };
  return all;
}

}  // namespace cierzo::simulation
