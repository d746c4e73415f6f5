// Members, timing, catalog and durable state: the small values.
#include <gtest/gtest.h>

#include "election/durable.hpp"
#include "election/members.hpp"

namespace cierzo::election {
namespace {

using namespace std::chrono_literals;

TEST(MembersTest, AMajorityIsMoreThanHalfOfTheVoters) {
  std::vector<Member> members;
  const std::vector<std::size_t> majority{1, 2, 2, 3, 3, 4, 4, 5, 5};
  for (std::uint32_t id = 1; id <= 9; ++id) {
    members.push_back({HostId{id}, "node", true});
    EXPECT_EQ(majority_of(Members(members).voters().size()), majority[id - 1]) << id << " voters";
  }
  members.push_back({HostId{10}, "other", false});
  EXPECT_EQ(majority_of(Members(members).voters().size()), 5U)
      << "a host without a vote does not count";
}

TEST(MembersTest, AllMistakesAreNamedAtOnce) {
  const auto found =
      mistakes({{HostId{0}, "a", false}, {HostId{2}, "b", false}, {HostId{2}, "c", false}});
  EXPECT_EQ(found, (std::vector<std::string>{"a: id must be at least 1, got 0", "c: id 2 is b's",
                                             "no host is a voter: at least 1 must be"}));
}

TEST(TimingTest, TheProfilesHaveNoMistakes) {
  EXPECT_TRUE(mistakes(default_timing()).empty());
  EXPECT_TRUE(mistakes(fast_timing()).empty());
}

TEST(TimingTest, APermitIsAtLeastThreeLeases) {
  Timing timing = default_timing();
  timing.permit = 3 * timing.lease - 1ns;
  EXPECT_EQ(mistakes(timing).size(), 1U);
}

TEST(TimingTest, RoundsTheBoundsToTheSafeSide) {
  const Timing timing = default_timing();
  EXPECT_EQ(timing.at_most(101ns), 103ns);
  EXPECT_EQ(timing.at_least(101ns), 99ns);
}

TEST(TimingTest, DecodesWhatItEncodes) {
  EXPECT_EQ(decode_timing(encode(fast_timing())), fast_timing());
}

TEST(TimingTest, DecodesNothingElse) {
  EXPECT_EQ(decode_timing(""), std::nullopt);
  EXPECT_EQ(decode_timing("lease"), std::nullopt);
  EXPECT_EQ(decode_timing(encode(fast_timing()) + " more=1"), std::nullopt);
  EXPECT_EQ(decode_timing(encode(fast_timing()) + " lease=x"), std::nullopt);
}

TEST(LongestTest, KeepsPermitMinusLeaseAsOneValue) {
  Longest longest;
  EXPECT_TRUE(longest.include(fast_timing()));
  EXPECT_TRUE(longest.include(default_timing()));
  EXPECT_FALSE(longest.include(fast_timing()));
  Timing other = default_timing();
  other.lease = 100ms;
  EXPECT_TRUE(longest.include(other));
  EXPECT_EQ(longest, (Longest{500ms, 2s, 1900ms}));  // 1900 is not 2000 - 500. (rule 15)
}

TEST(CatalogTest, AWholeDeltaReplacesAndAnotherChanges) {
  Catalog catalog{{{1, HostId{1}}, 0}, {{"a", "1"}, {"b", "2"}}};
  const Stamp next{{1, HostId{1}}, 1};
  apply(catalog, {false, catalog.stamp, next, {{"a", std::nullopt}, {"c", "3"}}});
  EXPECT_EQ(catalog, (Catalog{next, {{"b", "2"}, {"c", "3"}}}));
  Catalog copy{{}, {{"z", "9"}}};
  apply(copy, whole_of(catalog));
  EXPECT_EQ(copy, catalog);
}

TEST(DurableTest, WhatIsNotPersistedStays) {
  Durable durable;
  durable.record.site = "s";
  durable.catalog.entries["a"] = "1";
  Persist persist;
  EXPECT_TRUE(persist.empty());
  persist.record = Record{};
  persist.record->site = "t";
  apply(durable, persist);
  EXPECT_EQ(durable.record.site, "t");
  EXPECT_EQ(durable.catalog.entries.at("a"), "1");
}

}  // namespace
}  // namespace cierzo::election
