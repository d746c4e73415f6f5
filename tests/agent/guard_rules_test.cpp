// The guard's rules, sentence by sentence (rules 13 and 14 of LEADERSHIP.md), without processes or
// clocks.
#include "agent/guard/rules.hpp"

#include <gtest/gtest.h>

#include <array>

namespace cierzo::guard {
namespace {

using namespace std::chrono_literals;
using Order = Process::Order;

class GuardRules : public ::testing::Test {
 protected:
  GuardRules() {
    wishes_.permit = 2s;
    wishes_.destroy_after = 5s;
    wishes_.deadline = 12s;
  }

  Look at(Time now) { return look(wishes_, now, memory_, processes_); }
  // As the agent does it. (link.cpp)
  void extend(Time deadline, Time now) {
    if (wishes_.deadline <= now) ++wishes_.late;
    wishes_.deadline = deadline;
  }
  bool runs(std::size_t which = 0) const { return processes_[which].stopped_under == 0; }

  Wishes wishes_;
  Memory memory_;
  std::array<Process, 3> processes_{};
};

TEST_F(GuardRules, lets_everything_run_until_the_deadline) {
  EXPECT_EQ(at(11s).next, 12s);
  EXPECT_EQ(at(12s - 1ns).next, 12s);
  EXPECT_TRUE(runs());
  EXPECT_EQ(memory_.generation, 0U);
}

TEST_F(GuardRules, stops_every_process_at_the_deadline_but_those_to_be_ignored) {
  processes_[1].ignore = true;
  EXPECT_TRUE(at(12s).paused);
  EXPECT_EQ(processes_[0].order, Order::stop);
  EXPECT_EQ(processes_[1].order, Order::none);
  EXPECT_EQ(processes_[2].order, Order::stop);
  EXPECT_TRUE(runs(1));
  EXPECT_FALSE(at(13s).paused) << "one pause";
  EXPECT_EQ(processes_[0].order, Order::none) << "it is stopped already";
  EXPECT_EQ(memory_.generation, 1U);
}

TEST_F(GuardRules, stops_a_process_that_is_being_started_at_that_moment) {
  (void)at(12s);
  processes_[2] = Process{};  // Handed over only now.
  (void)at(12s + 1ms);
  EXPECT_EQ(processes_[2].order, Order::stop);
  EXPECT_EQ(processes_[2].stopped_under, 1U);
}

TEST_F(GuardRules, a_permit_resumes_nothing) {
  (void)at(12s);
  extend(14s, 12s + 500ms);
  (void)at(13s);
  EXPECT_FALSE(runs());
  EXPECT_NE(processes_[0].order, Order::go_on);
}

TEST_F(GuardRules, continues_on_a_command_and_looks_again) {
  (void)at(12s);
  extend(14s, 12s + 500ms);
  EXPECT_FALSE(at(12s + 500ms).paused) << "what stands still already is not paused again";
  processes_[0].continue_under = 1;
  EXPECT_TRUE(at(13s).again) << "the deadline may have passed while it was continued";
  EXPECT_EQ(processes_[0].order, Order::go_on);
  EXPECT_TRUE(runs());
  EXPECT_FALSE(at(13s).again);
  EXPECT_EQ(processes_[0].order, Order::none);
}

TEST_F(GuardRules, refuses_to_continue_what_another_pause_holds) {
  (void)at(12s);
  extend(14s, 13s);
  (void)at(13s);
  (void)at(14s);  // The second pause.
  extend(16s, 15s);
  processes_[0].continue_under = 1;
  (void)at(15s);
  EXPECT_FALSE(runs());
  EXPECT_EQ(processes_[0].continue_under, 0U) << "it is answered, and does not wait";
}

TEST_F(GuardRules, every_pause_raises_the_generation_of_what_is_stopped_already) {
  (void)at(12s);
  extend(14s, 13s);
  (void)at(13s);
  (void)at(14s);
  EXPECT_EQ(processes_[0].stopped_under, 2U) << "a command from before must not continue it";
}

// A permit that came and went while the guard did not look: what was commanded under it is void.
TEST_F(GuardRules, counts_the_pauses_that_it_slept_through) {
  (void)at(12s);
  extend(14s, 13s);
  extend(17s, 15s);
  EXPECT_TRUE(at(16s).paused);
  EXPECT_EQ(processes_[0].stopped_under, 2U);
  extend(19s, 18s);
  EXPECT_TRUE(at(20s).paused) << "also where it sees only its end";
  EXPECT_EQ(processes_[0].stopped_under, 3U);
  extend(22s, 21s);
  EXPECT_FALSE(at(21s).paused);
}

TEST_F(GuardRules, refuses_to_continue_beyond_the_deadline) {
  (void)at(12s);
  processes_[0].continue_under = 1;
  (void)at(13s);
  EXPECT_FALSE(runs());
  extend(20s, 19s);
  (void)at(19s);
  EXPECT_FALSE(runs()) << "the request was about a time that is over";
}

// A host that was frozen past its permit must not slip through when it thaws. (rule 13)
TEST_F(GuardRules, an_extension_after_the_deadline_forces_a_pause_first) {
  (void)at(11s);
  extend(62s, 60s);  // The agent was faster than the guard.
  EXPECT_TRUE(at(60s).paused);
  EXPECT_EQ(processes_[0].order, Order::stop);
  EXPECT_FALSE(at(60s + 1ms).paused) << "one pause";
}

TEST_F(GuardRules, an_extension_in_time_is_none) {
  extend(13s, 11s);
  (void)at(11s);
  extend(14s, 12s);
  EXPECT_FALSE(at(12s).paused);
  EXPECT_TRUE(runs());
}

TEST_F(GuardRules, no_deadline_lies_further_ahead_than_a_permit_is_long) {
  wishes_.deadline = 14s;
  EXPECT_FALSE(at(12s).paused);
  wishes_.deadline = 14s + 6ms;
  EXPECT_TRUE(at(12s).paused) << "nobody gives such a permit";
}

TEST_F(GuardRules, kills_what_has_a_shared_disk_some_time_after_the_permit_ended) {
  processes_[1].shared = true;
  EXPECT_EQ(at(12s + 40ms).next, 17s) << "counted from the permit's end, not from the pause";
  EXPECT_EQ(processes_[1].order, Order::stop);
  (void)at(17s - 1ns);
  EXPECT_EQ(processes_[1].order, Order::none);
  (void)at(17s);
  EXPECT_EQ(processes_[0].order, Order::none);
  EXPECT_EQ(processes_[1].order, Order::kill);
}

TEST_F(GuardRules, does_not_kill_what_came_back_in_time) {
  processes_[1].shared = true;
  (void)at(12s);
  extend(18s, 16s);
  (void)at(17s);
  EXPECT_NE(processes_[1].order, Order::kill);
  EXPECT_FALSE(runs(1));
}

TEST_F(GuardRules, kills_at_once_what_writes_to_memory_by_itself) {
  processes_[0].dma = true;
  (void)at(12s);
  EXPECT_EQ(processes_[0].order, Order::kill);
}

TEST_F(GuardRules, a_guard_that_stands_down_lets_everything_run) {
  wishes_.deadline = stood_down;
  EXPECT_EQ(at(1h).next, Time::max());
  EXPECT_TRUE(runs());
}

// What is in the page while it stands down is no deadline that has passed. (rule 14)
TEST_F(GuardRules, arming_after_standing_down_is_not_a_passed_deadline) {
  wishes_.deadline = stood_down;
  (void)at(1h);
  extend(1h + 2s, 1h);
  EXPECT_FALSE(at(1h).paused);
  EXPECT_TRUE(runs());
}

TEST_F(GuardRules, where_there_never_was_a_permit_nothing_runs) {
  wishes_.deadline = Time{};
  processes_[1].shared = true;
  EXPECT_TRUE(at(100s).paused);
  EXPECT_EQ(processes_[1].order, Order::stop) << "its time to let go of the disk begins now";
}

// The guard may be killed at any instant; what it must know is in the page.
TEST_F(GuardRules, a_new_guard_goes_on_where_the_old_one_was) {
  (void)at(12s);
  auto page = processes_;
  Memory memory = memory_;
  EXPECT_FALSE(look(wishes_, 13s, memory, page).paused);
  EXPECT_EQ(page[0].stopped_under, 1U);
}

TEST_F(GuardRules, at_its_end_kills_what_is_paused_and_nothing_else) {
  (void)at(12s);
  extend(14s, 13s);
  (void)at(13s);
  processes_[0].continue_under = 1;
  (void)at(13s);
  end(wishes_, processes_);
  EXPECT_EQ(processes_[0].order, Order::none) << "it runs";
  EXPECT_EQ(processes_[1].order, Order::kill) << "others would let it run";
  wishes_.deadline = stood_down;
  end(wishes_, processes_);
  EXPECT_EQ(processes_[1].order, Order::none);
}

// Each rule switched off is noticed by what the tests above look at.
TEST_F(GuardRules, a_mutation_turns_its_rule_off) {
  const auto with = [](Mutation which) {
    Mutations mutations;
    return mutations.set(static_cast<std::size_t>(which));
  };
  (void)look(wishes_, 13s, memory_, processes_, with(Mutation::pause));
  EXPECT_TRUE(runs());
  extend(15s, 14s);
  (void)look(wishes_, 14s, memory_, processes_, with(Mutation::thaw));
  EXPECT_TRUE(runs());
  wishes_.deadline = 1h;
  (void)look(wishes_, 14s, memory_, processes_, with(Mutation::beyond));
  EXPECT_TRUE(runs());
  wishes_.deadline = 15s;
  (void)look(wishes_, 15s, memory_, processes_);
  EXPECT_FALSE(runs());
  processes_[1] = Process{};
  (void)look(wishes_, 15s, memory_, processes_, with(Mutation::starting));
  EXPECT_TRUE(runs(1));
  processes_[0].shared = true;
  (void)look(wishes_, 30s, memory_, processes_, with(Mutation::destroy));
  EXPECT_EQ(processes_[0].order, Order::none);
  extend(42s, 40s);
  processes_[0].continue_under = 77;
  (void)look(wishes_, 40s, memory_, processes_);
  processes_[0].continue_under = 77;
  (void)look(wishes_, 40s, memory_, processes_, with(Mutation::generation));
  EXPECT_TRUE(runs());
}

}  // namespace
}  // namespace cierzo::guard
