// Members: their text, what a majority is while voters change, and which changes are allowed.
// (rule 23)
#include "election/members.hpp"

#include <gtest/gtest.h>

#include <set>

namespace cierzo::election {
namespace {

using namespace std::chrono_literals;

constexpr HostId n1{1}, n2{2}, n3{3}, n4{4};
const Stamp version{{7, n1}, 3};

std::vector<Member> voters(const std::set<std::uint32_t>& ids) {
  std::vector<Member> members;
  for (const std::uint32_t id : ids)
    members.push_back({HostId{id}, "node" + std::to_string(id), true, false,
                       "10.0.0." + std::to_string(id), "key" + std::to_string(id)});
  return members;
}

bool majority(const Members& members, const std::set<HostId>& has) {
  return members.majority([&](HostId id) { return has.count(id) > 0; });
}

TEST(MembersTextTest, DecodesWhatItEncodes) {
  std::vector<Member> all = voters({1, 2, 3});
  all[1].witness = true;
  all.push_back({n4, "node4", false, false, "", ""});
  all.push_back({HostId{5}, "node5", false, true, "", "key5"});  // Waits for its vote. (rule 22)
  const Members members = joint(Members(voters({1, 2})), all, version);
  const auto back = decode_members(encode(members));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->all(), members.all());
  EXPECT_EQ(back->before(), members.before());
  EXPECT_EQ(back->version(), version);
}

TEST(MembersTextTest, DecodesNothingElse) {
  const std::string text = encode(Members(voters({1, 2}), {}, version));
  EXPECT_TRUE(decode_members(text));
  EXPECT_FALSE(decode_members(""));
  EXPECT_FALSE(decode_members(text + "more\n"));
  EXPECT_FALSE(decode_members(text + "host 2 voter other - -\n")) << "an id twice";
  EXPECT_FALSE(decode_members(text + "host 3 king other - -\n"));
  EXPECT_FALSE(decode_members(text + "host 3 voter other - - -\n"));
  EXPECT_FALSE(decode_members("before x\n" + text));
}

// A majority of each: two of the three before, and two of the three present ones.
TEST(MembersChangeTest, BothMajoritiesAreNeededUntilItIsFinished) {
  const Members before(voters({1, 2, 3}));
  std::vector<Member> to = voters({1, 2, 4});
  to.push_back(before.all()[2]);
  to.back().voter = false;
  const Members both = joint(before, to, version);
  EXPECT_TRUE(both.changing());
  EXPECT_FALSE(majority(both, {n1, n4})) << "one of the three before";
  EXPECT_FALSE(majority(both, {n1, n3})) << "one of the three present ones";
  EXPECT_TRUE(majority(both, {n1, n2}));
  EXPECT_TRUE(majority(both, {n1, n3, n4}));
  EXPECT_EQ(both.reached([](HostId id) { return id == n4 ? 9s : id == n1 ? 8s : 1s; }), 1s);
  const Members after = finished(both, version);
  EXPECT_TRUE(majority(after, {n1, n4}));
  EXPECT_TRUE(after.is_member(n3)) << "it only stopped voting";
}

TEST(MembersChangeTest, OneThatIsRemovedVotesUntilItIsFinished) {
  const Members both = joint(Members(voters({1, 2, 3})), voters({1, 2}), version);
  EXPECT_TRUE(both.is_voter(n3));
  EXPECT_FALSE(both.stays_voter(n3));
  EXPECT_FALSE(finished(both, version).is_member(n3));
}

TEST(MembersChangeTest, AnotherMachineDoesNotSpeakForTheOneBefore) {
  std::vector<Member> to = voters({1, 2, 3});
  to[2].key = "other";
  const Members both = joint(Members(voters({1, 2, 3})), to, version);
  EXPECT_FALSE(majority(both, {n1, n3}));
  EXPECT_TRUE(majority(both, {n1, n2}));
}

TEST(MembersChangeTest, OneVoterChangesAtATime) {
  const Members three(voters({1, 2, 3}));
  EXPECT_TRUE(mistakes_of_change(three, voters({1, 2, 3, 4})).empty());
  EXPECT_TRUE(mistakes_of_change(three, voters({1, 2})).empty());
  EXPECT_TRUE(mistakes_of_change(three, voters({1, 2, 4})).empty()) << "one for another";
  EXPECT_FALSE(mistakes_of_change(three, voters({1, 2, 3, 4, 5})).empty());
  EXPECT_FALSE(mistakes_of_change(three, voters({1, 4, 5})).empty());
  EXPECT_FALSE(mistakes_of_change(Members(voters({1})), {}).empty()) << "the last one";
}

TEST(MembersChangeTest, HostsWithoutAVoteComeAndGoAtOnce) {
  std::vector<Member> to = voters({1, 2, 3});
  to.push_back({n4, "node4", false});
  const Members more = joint(Members(voters({1, 2, 3})), to, version);
  EXPECT_FALSE(more.changing());
  EXPECT_FALSE(joint(more, voters({1, 2, 3}), version).is_member(n4));
}

}  // namespace
}  // namespace cierzo::election
