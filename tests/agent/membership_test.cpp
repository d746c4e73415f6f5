// What an administrator may change about the members, and what is said where he may not.
#include "agent/membership.hpp"

#include <gtest/gtest.h>

#include <map>

#include "agent/net/keys.hpp"

namespace cierzo {
namespace {

using election::Member;
using election::Members;

class MembershipTest : public ::testing::Test {
 protected:
  MembershipTest() {
    std::vector<Member> all;
    for (std::uint32_t id = 1; id <= 3; ++id)
      all.push_back({HostId{id}, "node" + std::to_string(id), true, false,
                     "10.0.0." + std::to_string(id), generate_keys().public_key});
    members_ = Members(all, {}, Stamp{});
  }

  MembersJudged judge(const api::HostChange& change) const {
    return judge_change(change, members_, [this](HostId host) {
      const auto found = ties_.find(host);
      return found == ties_.end() ? HostTies{true, false, {}} : found->second;
    });
  }

  static api::HostChange add(const std::string& name, std::uint32_t id) {
    api::HostChange change;
    change.action = "add";
    change.name = name;
    change.id = id;
    change.address = "10.0.0.9";
    change.key = generate_keys().public_key;
    return change;
  }

  static api::HostChange on(const std::string& action, const std::string& name) {
    api::HostChange change;
    change.action = action;
    change.name = name;
    return change;
  }

  Members members_;
  std::map<HostId, HostTies> ties_;
};

TEST_F(MembershipTest, AHostIsAddedWithoutAVote) {
  const MembersJudged judged = judge(add("node4", 4));
  EXPECT_TRUE(judged.mistakes.empty());
  ASSERT_EQ(judged.members.size(), 4U);
  EXPECT_FALSE(judged.members.back().voter);
  EXPECT_TRUE(judged.warnings.empty());
}

// Who votes must answer, and a host that is not let in yet cannot.
TEST_F(MembershipTest, AHostIsNotAddedWithAVote) {
  api::HostChange change = add("node4", 4);
  change.voter = "yes";
  const MembersJudged judged = judge(change);
  EXPECT_EQ(judged.mistakes.size(), 1U);
  EXPECT_NE(judged.next.find("host set node4 --voter yes"), std::string::npos);
}

TEST_F(MembershipTest, AHostBecomesAWitness) {
  api::HostChange change = on("set", "node3");
  change.witness = true;
  const MembersJudged judged = judge(change);
  EXPECT_TRUE(judged.mistakes.empty());
  EXPECT_TRUE(judged.members.back().witness);
  EXPECT_TRUE(judged.members.back().voter);
}

TEST_F(MembershipTest, WhatIsTakenIsRefusedAllAtOnce) {
  api::HostChange change = add("node1", 2);
  change.address = "10.0.0.3";
  change.key = members_.key(HostId{3});
  EXPECT_EQ(judge(change).mistakes.size(), 4U) << "id, address, key, name";
  change.key = "short";
  EXPECT_FALSE(judge(change).mistakes.empty());
}

TEST_F(MembershipTest, TheLastVoterStays) {
  members_ = Members({{HostId{1}, "node1", true}, {HostId{2}, "node2", false}});
  api::HostChange change = on("set", "node1");
  change.voter = "no";
  EXPECT_EQ(judge(change).mistakes,
            (std::vector<std::string>{"no host is a voter: at least 1 must be"}));
}

TEST_F(MembershipTest, AHostThatRunsSomethingIsNotRemoved) {
  ties_[HostId{2}] = {true, false, {"web-server-1"}};
  const MembersJudged judged = judge(on("remove", "node2"));
  ASSERT_EQ(judged.mistakes.size(), 1U);
  EXPECT_EQ(judged.mistakes[0], "it still has web-server-1");
  EXPECT_FALSE(judged.next.empty());
  api::HostChange forced = on("remove", "node2");
  forced.force = true;
  EXPECT_FALSE(judge(forced).mistakes.empty()) << "it is not off: it answers";
}

TEST_F(MembershipTest, ASilentHostIsRemovedWhenItIsLostOrSaidToBeOff) {
  ties_[HostId{2}] = {false, false, {}};
  EXPECT_FALSE(judge(on("remove", "node2")).mistakes.empty()) << "unknown is not down";
  api::HostChange forced = on("remove", "node2");
  forced.force = true;
  EXPECT_FALSE(judge(forced).mistakes.empty()) << "no word shortens the wait for its permit's end";
  // What is left runs on when isolated, or has a shared disk: being lost proves nothing of it.
  ties_[HostId{2}] = {false, true, {"web-server-1"}};
  EXPECT_FALSE(judge(on("remove", "node2")).mistakes.empty());
  EXPECT_TRUE(judge(forced).mistakes.empty());
  ties_[HostId{2}] = {false, true, {}};
  const MembersJudged judged = judge(on("remove", "node2"));
  EXPECT_TRUE(judged.mistakes.empty());
  EXPECT_EQ(judged.leaves, HostId{2});
  EXPECT_EQ(judged.members.size(), 2U);
}

TEST_F(MembershipTest, AnotherMachineTakesTheNumberOfALostOne) {
  ties_[HostId{3}] = {false, true, {}};
  api::HostChange change = on("replace", "node3");
  change.key = members_.key(HostId{3});
  EXPECT_FALSE(judge(change).mistakes.empty()) << "the same key";
  change.key = generate_keys().public_key;
  const MembersJudged judged = judge(change);
  EXPECT_TRUE(judged.mistakes.empty());
  EXPECT_EQ(judged.members.back().key, change.key);
  EXPECT_TRUE(judged.members.back().voter);
}

TEST_F(MembershipTest, ARecoveryNamesHostsOfTheSiteAndNotItself) {
  api::RecoverRequest request{{"node2", "node9", "node1"}, {"node3=10.0.0.33", "x", "node8=a"}};
  RecoveryJudged judged = judge_recovery(request, members_, "node1");
  EXPECT_EQ(judged.mistakes.size(), 4U);
  request = {{"node2"}, {"node3=10.0.0.2"}};
  judged = judge_recovery(request, members_, "node1");
  ASSERT_EQ(judged.mistakes.size(), 1U) << "node2's";
  request = {{"node2"}, {"node3=10.0.0.33:7401"}};
  judged = judge_recovery(request, members_, "node1");
  EXPECT_EQ(judged.mistakes, std::vector<std::string>{});
  EXPECT_EQ(judged.members[2].address, "10.0.0.33:7401");
  EXPECT_EQ(judged.lost, std::set<HostId>{HostId{2}});
  EXPECT_EQ(judged.names_lost, std::vector<std::string>{"node2"});
  EXPECT_EQ(judged.names_others, std::vector<std::string>{"node3"});
}

TEST_F(MembershipTest, OneChangeAtATime) {
  members_ = election::joint(members_, {members_.all()[0], members_.all()[1]}, Stamp{{1, {}}, 1});
  ASSERT_TRUE(members_.changing());
  EXPECT_FALSE(judge(add("node4", 4)).mistakes.empty());
}

TEST_F(MembershipTest, ANameThatIsNoneIsAnsweredByThoseThatAre) {
  EXPECT_EQ(judge(on("remove", "nodex")).next, "the site has: node1, node2, node3");
  EXPECT_EQ(judge(on("set", "node1")).done, "unchanged");
}

}  // namespace
}  // namespace cierzo
