// Directed schedules about permits, lost hosts and commands. (rules 12-17)
#include <utility>

#include "tests/simulation/directed_site.hpp"

namespace cierzo::simulation {

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

// An administrator confirms that host 4 is off; it acknowledges a heartbeat all the same, and falls
// silent again before its mark is removed.
Failures heard_after_it_was_confirmed_lost(const Mutations& mutations) {
  const Timing timing = default_timing();
  const Term term{1, n1};
  PermitLedger ledger;
  ledger.begin(n4, 1s);
  HostStatus status;
  status.id = n4;
  if (!ledger.hear(1s, 10, status)) return {"setup: not heard"};
  const LostMark mark{false, term, 10, "boot", "state"};
  if (!ledger.hear(2s, 11, status)) return {"setup: not heard again"};
  const Marks marks{term, false, encode(mark)};
  if (ledger.status(n4, 60s, timing, marks, mutations).lost_mark)
    return {"S2: a host that lived on after it was confirmed lost counts as proven off"};
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

}  // namespace cierzo::simulation
