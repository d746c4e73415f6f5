// A calm site to begin a directed schedule with. For the directed_*.cpp files only.
#pragma once
#include "tests/simulation/world.hpp"

namespace cierzo::simulation {

using namespace election;
using namespace std::chrono_literals;
using Failures = std::vector<std::string>;

inline constexpr HostId n1{1}, n2{2}, n3{3}, n4{4}, n5{5};

inline Options calm(const Mutations& mutations, std::uint32_t voters, std::uint32_t others) {
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

// directed_permits.cpp: rules 12 to 17.
Failures heartbeat_is_late(const Mutations& mutations);
Failures echo_of_another_boot(const Mutations& mutations);
Failures host_falls_silent(const Mutations& mutations);
Failures host_is_held(const Mutations& mutations);
Failures permit_of_the_former_leader(const Mutations& mutations);
Failures promised_but_not_heard(const Mutations& mutations);
Failures two_copies(const Mutations& mutations);
Failures heard_after_it_was_confirmed_lost(const Mutations& mutations);
Failures everything_twice(const Mutations& mutations);
Failures command_for_another_state(const Mutations& mutations);
Failures command_from_before_the_loss(const Mutations& mutations);

// directed_members.cpp: rule 23.
Failures new_voter_on_the_leaders_side(const Mutations& mutations);
Failures next_change_before_the_first_is_committed(const Mutations& mutations);
Failures change_finished_by_a_new_leader(const Mutations& mutations);
Failures candidate_missed_a_change(const Mutations& mutations);

}  // namespace cierzo::simulation
