// Recovering a site from one voter: when it is refused, what it leaves in the catalog, and what a
// host does that is called into it. (rule 22) Whole sites:
// tests/simulation/site/directed_sites.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "election/node.hpp"

namespace cierzo::election {
namespace {

using namespace std::chrono_literals;

constexpr HostId n1{1}, n2{2}, n3{3}, n4{4};
constexpr Time started = 100s, later = 105s;

std::vector<Member> voters(const std::set<std::uint32_t>& ids) {
  std::vector<Member> members;
  for (const std::uint32_t id : ids)
    members.push_back({HostId{id}, "node" + std::to_string(id), true, false,
                       "10.0.0." + std::to_string(id), "key" + std::to_string(id)});
  return members;
}

// With its state, of the site "former".
std::unique_ptr<Node> node(HostId self, const Members& members,
                           const std::map<std::string, std::string>& entries = {}) {
  Config config;
  config.self = self;
  config.members = members.all();
  config.key = "key" + std::to_string(self.value);
  config.timing = default_timing();
  config.boot = "boot";
  config.run = "run";
  Durable durable;
  durable.record.site = "former";
  durable.record.votes = true;
  durable.record.state_id = "state";
  durable.record.promised = {7, n1};
  durable.catalog.stamp = {{7, n1}, 3};
  durable.catalog.entries = entries;
  durable.catalog.entries[members_key] = encode(members);
  return std::make_unique<Node>(std::move(config), std::move(durable), started);
}

std::optional<RecoveryRefusal> refused(const Members& members, const std::set<HostId>& lost) {
  return node(n1, members)->recovery_refused(later, lost);
}

TEST(RecoveryTest, IsRefusedWhereTheOthersCouldElectALeader) {
  const Members members(voters({1, 2, 3}));
  EXPECT_EQ(refused(members, {}), RecoveryRefusal::others_suffice);
  EXPECT_EQ(refused(members, {n3}), std::nullopt);
  EXPECT_EQ(node(n1, members)->recovery_refused(started + 1s, {n2, n3}),
            RecoveryRefusal::led_lately);
}

// Host 4 is about to vote in the place of host 3. Nobody knows which of the others know that.
TEST(RecoveryTest, IsRefusedWhereTheySufficeBeforeOrAfterAChangeOfVoters) {
  std::vector<Member> to = voters({1, 2, 4});
  to.push_back(voters({3}).front());
  to.back().voter = false;
  const Members both = joint(Members(voters({1, 2, 3})), to, Stamp{{7, n1}, 2});
  ASSERT_TRUE(both.changing());
  EXPECT_EQ(refused(both, {}), RecoveryRefusal::others_suffice);
  EXPECT_EQ(refused(both, {n3}), RecoveryRefusal::others_suffice) << "2 and 4 of the present ones";
  EXPECT_EQ(refused(both, {n4}), RecoveryRefusal::others_suffice) << "2 and 3 of those before";
  EXPECT_EQ(refused(both, {n2}), std::nullopt);
}

TEST(RecoveryTest, KeepsWitnessesAsSuchAndForgetsWhatWasSettledBefore) {
  std::vector<Member> members = voters({1, 2, 3});
  members[2].witness = true;
  const auto one = node(n1, Members(members), {{settled_key("shop"), ""}, {held_key(n2), "run"}});
  ASSERT_EQ(one->recovery_refused(later, {n2}), std::nullopt);
  (void)one->recover(later, Recovery{"new", members, {n2}});
  EXPECT_TRUE(one->has_authority(later)) << "it votes alone";
  const Members now = one->members();
  EXPECT_EQ(now.voters(), std::vector<HostId>{n1});
  ASSERT_NE(now.find(n3), nullptr);
  EXPECT_TRUE(now.find(n3)->witness) << "it must not get VMs";
  const auto& entries = one->local_view().entries;
  EXPECT_EQ(entries.count(settled_key("shop")), 0U);
  EXPECT_EQ(entries.count(held_key(n2)), 0U);
  EXPECT_EQ(entries.count(lost_key(n2)), 1U);
  EXPECT_EQ(entries.count(unjoined_key(n3)), 1U);
  ASSERT_TRUE(first_term(one->local_view()));
  EXPECT_GT(first_term(one->local_view())->counter, 1'000'000U);
  EXPECT_LE(*first_term(one->local_view()), one->term());
}

// What is not in the recovered catalog may have been a host of the former site, and run anything;
// elsewhere nothing can be on a host that is new. (rules 14, 22)
TEST(RecoveryTest, AHostThatIsAddedAfterwardsIsUnknownAndElsewhereEmpty) {
  const auto marks_of_added = [](Node& leads, Time now, std::vector<Member> members) {
    members.push_back(voters({4}).front());
    members.back().voter = false;
    (void)leads.change_members(now, WriteId{1}, members);
    for (int i = 0; i < 100; ++i) (void)leads.tick(now += 10ms);
    EXPECT_TRUE(leads.committed().entries.contains(members_key));
    EXPECT_TRUE(leads.members().is_member(n4));
    const auto& entries = leads.committed().entries;
    return std::pair{entries.contains(unjoined_key(n4)), entries.contains(lost_key(n4))};
  };
  const std::vector<Member> members = voters({1, 2});
  const auto recovered = node(n1, Members(members));
  (void)recovered->recover(later, Recovery{"new", members, {n2}});
  Time now = later;
  for (int i = 0; i < 100 && !recovered->ready(now); ++i) (void)recovered->tick(now += 10ms);
  ASSERT_TRUE(recovered->ready(now));
  const std::vector<Member> alone = recovered->members().all();
  EXPECT_EQ(marks_of_added(*recovered, now, alone), (std::pair{true, false}));

  const auto never = node(n1, Members(voters({1})));
  now = later;
  for (int i = 0; i < 100 && !never->ready(now); ++i) (void)never->tick(now += 100ms);
  ASSERT_TRUE(never->ready(now));
  EXPECT_EQ(marks_of_added(*never, now, voters({1})), (std::pair{false, true}));
}

// A voter that has just started waits for a lease: it must have heard a call by then. And it may
// know this host under a wrong address, so it must be told the members, too.
TEST(RecoveryTest, TheOthersAreCalledOftenAndToldTheMembers) {
  const std::vector<Member> members = voters({1, 2, 3});
  const auto one = node(n1, Members(members));
  ASSERT_EQ(one->recovery_refused(later, {n2}), std::nullopt);
  int calls = 0, texts = 0;
  const auto count = [&](const Output& output) {
    for (const Send& sent : output.messages) {
      const auto* news = std::get_if<MembersNews>(&sent.message.body);
      if (sent.to != n3 || news == nullptr) continue;
      EXPECT_EQ(news->former, std::vector<std::string>{"former"});
      ++calls;
      texts += news->members.text.empty() ? 0 : 1;
    }
  };
  count(one->recover(later, Recovery{"new", members, {n2}}));
  Time now = later;
  for (; now < later + default_timing().lease; now += 10ms) count(one->tick(now));
  EXPECT_GE(calls, 2);
  for (; now < later + 4s; now += 10ms) count(one->tick(now));
  EXPECT_GE(texts, 2);
}

// Host 2 votes alone in the former site, of which host 1 was a host.
TEST(RecoveryTest, WhoIsCalledStaysStillAndItsTermsStayBelow) {
  std::vector<Member> members = voters({2});
  members.push_back(voters({1}).front());
  members.back().voter = false;
  const auto called = node(n2, Members(members));
  const MembersNews call{{1'000'003, n1}, {}, {"former"}};
  (void)called->tick(started);
  Time now = started;
  for (; now < started + 1900ms; now += 100ms) {
    (void)called->step(now, n1, {"new", call});
    (void)called->tick(now);
    EXPECT_FALSE(called->leader()) << "it would have led after a lease";
  }
  for (; now < started + 6s; now += 10ms) (void)called->tick(now);
  ASSERT_TRUE(called->leader()) << "nobody calls any more";
  EXPECT_LT(called->leader()->counter, 1'000'000U);
  (void)called->step(now, n1, {"new", call});
  EXPECT_EQ(called->record().site, "former") << "no working leader is called away";
  EXPECT_TRUE(called->leader());
}

TEST(RecoveryTest, WhoIsCalledJoinsWhenNobodyHasLedItForAPermit) {
  const auto called = node(n2, Members(voters({1, 2, 3})));
  const MembersNews call{{1'000'003, n1}, {}, {"older", "former"}};
  (void)called->step(started + 1s, n1, {"new", call});
  EXPECT_EQ(called->record().site, "former");
  (void)called->step(started + 3s, n1, {"other", MembersNews{{1'000'003, n1}, {}, {"others"}}});
  EXPECT_EQ(called->record().site, "former") << "that one was not made out of its site";
  (void)called->step(started + 3s, n1, {"new", call});
  EXPECT_EQ(called->record().site, "new");
  EXPECT_FALSE(called->record().votes);
}

// Rule 10: by a leader's heartbeat it is known how old at most is what was forwarded to it.
TEST(BeatTest, TheNewestOfTheLeaderIsKnownAndItsAgeToTheLeaderAlone) {
  const Members members(voters({1, 2, 3}));
  auto led = node(n2, members);
  const Term term{9, n1};
  EXPECT_FALSE(led->newest_beat());
  (void)led->step(later, n1, {"former", Coordinator{term, default_timing(), {}}});
  const auto hear = [&](std::uint64_t seq, Time at) {
    (void)led->step(later, n1, {"former", Heartbeat{term, seq, {}, {}, default_timing(), at}});
    return led->newest_beat()->at;
  };
  EXPECT_EQ(hear(2, 7s), Time(7s)) << "of another clock";
  EXPECT_EQ(hear(1, 6s), Time(7s)) << "an older one that comes later";
  EXPECT_EQ(led->newest_beat()->term, term);
  EXPECT_FALSE(led->age_of(*led->newest_beat(), later)) << "it does not lead";
  (void)led->tick(later + 1min);
  EXPECT_FALSE(led->newest_beat()) << "nobody leads that it knows of";

  auto leads = node(n1, Members(voters({1})));
  Time now = later;
  for (int i = 0; i < 100 && !leads->has_authority(now); ++i) (void)leads->tick(now += 100ms);
  ASSERT_TRUE(leads->has_authority(now));
  const Term own = *leads->leader();
  EXPECT_FALSE(leads->newest_beat());
  EXPECT_EQ(leads->age_of({own, now - 3s}, now), Duration(3s));
  EXPECT_FALSE(leads->age_of({own, now + 1ns}, now)) << "never sent";
  EXPECT_FALSE(leads->age_of({own, Time{}}, now)) << "by a version that names none";
  EXPECT_FALSE(leads->age_of({{own.counter - 1, n1}, now - 3s}, now)) << "of an earlier term";
}

// Its leader, node 1, has restarted when the other site calls again; so has it itself.
TEST(RecoveryTest, WhoIsCalledWhileLedIgnoresThatSiteForGood) {
  const Members members(voters({1, 2, 3}));
  auto led = node(n2, members);
  Time now = later;
  (void)led->step(now, n1, {"former", Coordinator{{9, n1}, default_timing(), {}}});
  (void)led->step(now, n1, {"former", Heartbeat{{9, n1}, 1, {}, {}, default_timing()}});
  ASSERT_TRUE(led->leader());
  const MembersNews call{{1'000'003, n3}, {}, {"former"}};
  const Output told = led->step(now, n3, {"new", call});
  ASSERT_TRUE(told.persist.record) << "before anything else happens";
  EXPECT_EQ(told.persist.record->rivals, std::vector<std::string>{"new"});
  EXPECT_TRUE(std::any_of(told.facts.begin(), told.facts.end(), [](const Fact& fact) {
    return std::holds_alternative<RivalSite>(fact);
  }));
  EXPECT_TRUE(led->is_rival(n3, now));
  EXPECT_FALSE(led->is_rival(n1, now));

  Durable durable{*told.persist.record, led->local_view()};
  Config config;
  config.self = n2;
  config.members = members.all();
  config.key = "key2";
  config.timing = default_timing();
  led = std::make_unique<Node>(std::move(config), std::move(durable), now);
  bool stood = false;
  for (const Time end = now + 10s; now < end; now += 100ms) {
    EXPECT_TRUE(led->step(now, n3, {"new", call}).facts.empty()) << "it was told";
    (void)led->tick(now);
    stood = stood || led->role() == Role::candidate;
  }
  EXPECT_EQ(led->record().site, "former");
  EXPECT_TRUE(stood) << "nor does it stay still";
  (void)led->step(now, n3, {"newer", MembersNews{{2'000'003, n3}, {}, {"former", "new"}}});
  EXPECT_EQ(led->record().site, "newer") << "that one it did not hear while it was led";
}

}  // namespace
}  // namespace cierzo::election
