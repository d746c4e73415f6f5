// Directed schedules about changing the members. (rule 23)
//
// Hosts 1 to 3 vote at first, host 1 leads. In each of them two halves of the site end up with a
// majority of their own when the rule is off: two leaders at once.
#include "tests/simulation/directed_site.hpp"

namespace cierzo::simulation {
namespace {

// Everybody whom host 1 knows, with these as voters.
std::vector<Member> voting(Site& site, const std::set<HostId>& voters) {
  std::vector<Member> members = site.world.node(n1).members().all();
  for (Member& member : members) member.voter = voters.count(member.id) > 0;
  return members;
}

void change(Site& site, const std::set<HostId>& voters) {
  const std::uint64_t write = site.world.change_members(n1, voting(site, voters));
  site.await([&] { return site.world.is_acknowledged(write); }, 2s, "the members changed");
}

// They vote no more afterwards, but have the catalog and grant heartbeats.
void let_in(Site& site, const std::set<HostId>& hosts) {
  for (const HostId host : hosts) {
    change(site, {n1, n2, n3, host});
    change(site, {n1, n2, n3});
  }
  site.world.run_for(1s);
}

void cut_between(Site& site, const std::set<HostId>& these, const std::set<HostId>& those) {
  for (const HostId a : these)
    for (const HostId b : those) site.world.cut_both(a, b);
}

}  // namespace

// Host 1 is cut off with host 4, which it makes a voter in the place of host 3.
Failures new_voter_on_the_leaders_side(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  let_in(site, {n4});
  site.heartbeat_time(n1);
  cut_between(site, {n1, n4}, {n2, n3});
  site.world.run_for(5ms);
  site.world.change_members(n1, voting(site, {n1, n2, n4}));
  site.world.run_for(3s);
  return site.done();
}

// The same with two such changes, one right after the other: the second no longer asks the voters
// that the first has replaced.
Failures next_change_before_the_first_is_committed(const Mutations& mutations) {
  Site site(mutations, 3, 2);
  let_in(site, {n4, n5});
  site.heartbeat_time(n1);
  cut_between(site, {n1, n4, n5}, {n2, n3});
  site.world.run_for(5ms);
  site.world.change_members(n1, voting(site, {n1, n2, n4}));
  site.world.run_for(1ms);
  site.world.change_members(n1, voting(site, {n1, n4, n5}));
  site.world.run_for(3s);
  return site.done();
}

// A change reached hosts 1 and 4 only, when host 1 lost its authority. It is elected again, with
// host 2, which never gets what it stores; then host 2 is with host 3.
Failures change_finished_by_a_new_leader(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  let_in(site, {n4});
  site.world.power_off(n3);
  site.heartbeat_time(n1);
  cut_between(site, {n1, n4}, {n2});
  site.world.run_for(5ms);
  site.world.change_members(n1, voting(site, {n1, n2, n4}));
  site.await([&] { return site.world.leader() != n1; }, 1s, "host 1 has lost its authority");
  site.world.meddle = [](HostId from, HostId to, const Message& message) {
    return Fate{from == n1 && to == n2 && is<Store>(message), {}};
  };
  site.world.mend_all();
  site.await([&] { return site.world.has_authority(n1); }, 3s, "host 1 is elected again");
  site.world.run_for(5ms);
  cut_between(site, {n1, n4}, {n2, n3});
  site.world.boot(n3);
  site.world.run_for(4s);
  return site.done();
}

// Host 2 missed the change by which host 4 votes in the place of host 3, and meets host 3, which
// knows of it, away from the others.
Failures candidate_missed_a_change(const Mutations& mutations) {
  Site site(mutations, 3, 1);
  let_in(site, {n4});
  site.world.isolate(n2);
  site.world.meddle = [](HostId, HostId to, const Message& message) {
    const bool news =
        (to == n3 && is<MembersNews>(message)) || (to == n2 && is<StateAnswer>(message));
    return Fate{news, {}};
  };
  change(site, {n1, n2, n4});
  site.world.mend_all();
  cut_between(site, {n1, n4}, {n2, n3});
  site.world.run_for(3s);
  return site.done();
}

}  // namespace cierzo::simulation
