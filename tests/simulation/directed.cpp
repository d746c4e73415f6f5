// Directed schedules about electing and the catalog (rules 4-9, 20, 22), and the list of all.
#include "tests/simulation/directed.hpp"

#include "tests/simulation/directed_site.hpp"

namespace cierzo::simulation {
namespace {

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
      {M::rule_14_heard_since, "heard after it was confirmed lost",
       heard_after_it_was_confirmed_lost},
      {M::rule_15, "a permit of the former leader", permit_of_the_former_leader},
      {M::rule_15_last_led, "promised but never heard", promised_but_not_heard},
      {M::rule_16, "two copies", two_copies},
      {M::rule_17, "everything arrives twice", everything_twice},
      {M::rule_17_boot, "a command for another state", command_for_another_state},
      {M::rule_17_spell, "a command from before the loss", command_from_before_the_loss},
      {M::rule_20, "a Store below the promise", store_below_the_promise},
      {M::rule_20_follows, "a Store that does not follow", store_does_not_follow},
      {M::rule_22, "a voter loses its disk", voter_loses_its_disk},
      {M::rule_23_both_majorities, "a new voter on the leader's side",
       new_voter_on_the_leaders_side},
      {M::rule_23_one_at_a_time, "the next change before the first is committed",
       next_change_before_the_first_is_committed},
      {M::rule_23_committed_first, "a change finished by a new leader",
       change_finished_by_a_new_leader},
      {M::rule_23_newest_heard, "a candidate missed a change", candidate_missed_a_change},
  };
  return all;
}

}  // namespace cierzo::simulation
