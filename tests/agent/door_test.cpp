// Who may stay connected, and how much of him is read.
#include "agent/net/door.hpp"

#include <gtest/gtest.h>

#include "agent/net/budget.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

const Door::Instant start = Door::Instant() + 1h;
constexpr HostId one{1}, two{2};

TEST(Door, strangers_who_say_nothing_are_hung_up_on_in_time) {
  Door door;
  EXPECT_EQ(door.accepted(5, "192.0.2.9", start), std::nullopt);
  EXPECT_TRUE(door.overdue(start + Door::silent_for_most).empty());
  EXPECT_EQ(door.overdue(start + Door::silent_for_most + 1s), std::vector<int>{5});
  EXPECT_EQ(door.connections(), 0U);
}

TEST(Door, who_has_said_who_he_is_may_be_silent_for_ever) {
  Door door;
  (void)door.accepted(5, "192.0.2.1", start);
  EXPECT_EQ(door.spoke(5, one, start + 1s), std::nullopt);
  EXPECT_TRUE(door.overdue(start + 24h).empty());
}

TEST(Door, of_too_many_strangers_the_oldest_of_the_busiest_address_goes) {
  Door door;
  door.set_hosts(2);
  const std::size_t most = Door::strangers_max + 2;
  (void)door.accepted(1, "192.0.2.1", start);  // A host whose handshake is under way.
  (void)door.accepted(2, "192.0.2.2", start);
  for (std::size_t i = 2; i < most; ++i) {
    EXPECT_EQ(door.accepted(static_cast<int>(i) + 100, "192.0.2.9", start + 1s * i), std::nullopt);
  }
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_TRUE(door.accepted(1000 + i, "192.0.2.9", start + 1h + 1ms * i).has_value());
    EXPECT_LE(door.connections(), most);
  }
  EXPECT_EQ(door.spoke(1, one, start + 2h), std::nullopt);
  EXPECT_EQ(door.spoke(2, two, start + 2h), std::nullopt);
  EXPECT_EQ(door.accepted(20'000, "192.0.2.9", start + 2h), std::nullopt)
      << "hosts that have spoken are no strangers";
}

// Whoever has the address that sorts last must not be the one that always goes, nor the first.
TEST(Door, of_addresses_with_as_many_the_oldest_connection_goes) {
  for (const bool turned : {false, true}) {
    Door door;
    const std::string first = turned ? "192.0.2.9" : "192.0.2.1";
    const std::string second = turned ? "192.0.2.1" : "192.0.2.9";
    for (int i = 0; i < static_cast<int>(Door::strangers_max); ++i) {
      EXPECT_EQ(door.accepted(10 + i, i % 2 == 0 ? first : second, start + 1s * i), std::nullopt);
    }
    EXPECT_EQ(door.accepted(99, "192.0.2.5", start + 1h), 10) << first;
  }
}

TEST(Door, a_host_has_two_connections_and_the_newest_stay) {
  Door door;
  for (int i = 0; i < 3; ++i) (void)door.accepted(10 + i, "192.0.2.1", start);
  EXPECT_EQ(door.spoke(10, one, start), std::nullopt);
  EXPECT_EQ(door.spoke(11, one, start + 1s), std::nullopt);
  EXPECT_EQ(door.spoke(10, one, start + 2s), std::nullopt) << "it said so before";
  EXPECT_EQ(door.spoke(12, one, start + 3s), 10);
  EXPECT_EQ(door.spoke(10, one, start + 4s), std::nullopt) << "what it had sent before";
  EXPECT_EQ(door.connections(), 2U);
}

TEST(Door, of_a_host_that_has_too_many_whoever_floods_goes) {
  Door door;
  for (int i = 0; i < 5; ++i) (void)door.accepted(10 + i, "192.0.2.1", start);
  EXPECT_EQ(door.spoke(10, one, start), std::nullopt) << "its own agent's";
  EXPECT_EQ(door.spoke(11, one, start + 1s), std::nullopt);
  EXPECT_FALSE(door.unread(11));
  EXPECT_EQ(door.spoke(12, one, start + 2s), 11);
  EXPECT_FALSE(door.unread(12));
  EXPECT_FALSE(door.unread(12));
  EXPECT_FALSE(door.unread(10)) << "as it began";
  EXPECT_EQ(door.spoke(13, one, start + 3s), 12);
}

TEST(Door, what_is_left_unread_of_a_connection_has_a_limit) {
  Door door;
  (void)door.accepted(10, "192.0.2.1", start);
  (void)door.spoke(10, one, start);
  for (std::uint64_t i = 1; i < Door::unread_max; ++i) EXPECT_FALSE(door.unread(10)) << i;
  EXPECT_TRUE(door.unread(10));
  EXPECT_EQ(door.connections(), 0U);
  EXPECT_FALSE(door.unread(10)) << "what it had sent before ends nobody else's";
}

TEST(Door, a_number_that_is_used_again_is_another_connection) {
  Door door;
  (void)door.accepted(5, "192.0.2.1", start);
  (void)door.spoke(5, one, start);
  door.ended(5);
  (void)door.accepted(5, "192.0.2.9", start + 1h);
  EXPECT_EQ(door.overdue(start + 2h), std::vector<int>{5});
}

// Whoever floods with a host's key, over connections that are made again and again, takes nothing
// of what its own agent may send over the one that lasts.
TEST(Door, each_connection_has_a_share_that_no_other_uses_up) {
  Door door;
  (void)door.accepted(10, "192.0.2.1", start);
  EXPECT_FALSE(door.admits(10, 100, start)) << "it begins with nothing";
  EXPECT_FALSE(door.admits(99, 100, start + 1s)) << "nobody told of that one";
  int read_of_flood = 0;
  for (int i = 0; i < 100; ++i) {
    const Door::Instant now = start + 1s + 100ms * i;
    (void)door.accepted(11, "192.0.2.9", now);
    for (int k = 0; k < 5000; ++k) read_of_flood += door.admits(11, 100, now + 1ms) ? 1 : 0;
    door.ended(11);
    EXPECT_TRUE(door.admits(10, 100, now + 2ms)) << i;
  }
  EXPECT_EQ(read_of_flood, 0) << "connecting again and again gains nothing";
}

TEST(Budget, what_an_agent_sends_is_read_and_a_flood_is_not) {
  Budget budget = Budget::for_host(start);
  for (int i = 0; i < 100'000; ++i) EXPECT_TRUE(budget.admit(1000, start + 2ms * i));
  Budget flooded = Budget::for_host(start);
  int read = 0;
  for (int i = 0; i < 1'000'000; ++i) read += flooded.admit(1000, start + 1us * i) ? 1 : 0;
  EXPECT_LE(read, Budget::of_host.messages_burst + Budget::of_host.messages_per_second + 1);
  EXPECT_TRUE(flooded.admit(1000, start + 10s));
}

TEST(Budget, large_messages_count_by_their_bytes) {
  Budget budget = Budget::for_host(start);
  int read = 0;
  for (int i = 0; i < 1000; ++i) read += budget.admit(8 << 20, start) ? 1 : 0;
  EXPECT_EQ(read, 16);
  EXPECT_FALSE(budget.admit(8 << 20, start + 100ms));
  EXPECT_TRUE(budget.admit(8 << 20, start + 500ms));
}

}  // namespace
}  // namespace cierzo
