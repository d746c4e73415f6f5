// The guard with real processes: a Keeper goes round on a thread, as in cierzo-guard, and the
// agent's link talks to it over a page in a temporary folder.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <memory>

#include "tests/agent/guard_bed.hpp"

namespace cierzo::test {
namespace {

TEST_F(GuardProcess, pauses_at_the_deadline_what_it_holds_but_not_what_runs_when_isolated) {
  start();
  const Child paused, ignored, foreign;
  permit(500ms);
  EXPECT_TRUE(manage("a", paused).ok());
  EXPECT_TRUE(manage("b", ignored, true).ok());
  EXPECT_EQ(link_->stopped_under({"a"}), 0U);
  EXPECT_TRUE(becomes(paused, 'T'));
  EXPECT_NE(link_->stopped_under({"a"}), 0U);
  EXPECT_NE(ignored.state(), 'T');
  EXPECT_NE(foreign.state(), 'T');
}

TEST_F(GuardProcess, stops_what_is_handed_over_after_the_deadline_before_it_says_so) {
  start();
  const Child child;
  permit(0ms);
  EXPECT_TRUE(manage("a", child).ok());
  EXPECT_NE(link_->stopped_under({"a"}), 0U) << "told by then";
  EXPECT_TRUE(becomes(child, 'T'));
}

TEST_F(GuardProcess, resumes_by_generation_and_within_the_deadline_only) {
  start();
  const Child child;
  permit(1ms);
  EXPECT_TRUE(manage("a", child).ok());
  ASSERT_TRUE(becomes(child, 'T'));
  const auto generation = link_->stopped_under({"a"});
  EXPECT_FALSE(link_->go_on({"a"}, generation).ok()) << "there is no permit";
  permit(5min);
  EXPECT_FALSE(link_->go_on({"a"}, 0).ok()) << "not what this command is about";
  EXPECT_FALSE(link_->go_on({"a"}, generation + 1).ok());
  EXPECT_TRUE(becomes(child, 'T'));
  EXPECT_TRUE(link_->go_on({"a"}, generation).ok());
  EXPECT_TRUE(becomes(child, 'S'));
  EXPECT_EQ(link_->stopped_under({"a"}), 0U);
  EXPECT_TRUE(link_->go_on({"a"}, generation).ok()) << "it runs already";
}

// Rule 17: what the guard does not hold does not run, whoever asks.
TEST_F(GuardProcess, continues_nothing_that_it_does_not_hold) {
  start();
  permit(5min);
  EXPECT_EQ(link_->go_on({"a"}, 0).kind, FailureKind::not_found) << "never handed over";
  auto child = std::make_unique<Child>();
  EXPECT_TRUE(manage("a", *child).ok());
  EXPECT_TRUE(link_->go_on({"a"}, 0).ok()) << "held, and it runs";
  child.reset();
  EXPECT_TRUE(within(10s, [&] { return link_->go_on({"a"}, 0).kind == FailureKind::not_found; }));
}

// The slot of one that has ended is another's next: its name must not stand for that one.
TEST_F(GuardProcess, never_takes_another_instance_for_the_one_that_is_meant) {
  start();
  permit(0ms);
  auto ended = std::make_unique<Child>();
  EXPECT_TRUE(manage("a", *ended).ok());
  ended.reset();
  EXPECT_TRUE(within(10s, [&] { return link_->stopped_under({"a"}) == 0; }));
  const Child next;
  EXPECT_TRUE(manage("b", next).ok());
  const auto generation = link_->stopped_under({"b"});
  EXPECT_NE(generation, 0U);
  EXPECT_EQ(link_->stopped_under({"a"}), 0U);
  permit(5min);
  EXPECT_FALSE(link_->go_on({"a"}, generation).ok());
  EXPECT_TRUE(becomes(next, 'T'));
}

// A request that was answered with a failure must not be granted later, by the next guard.
TEST_F(GuardProcess, takes_back_what_nobody_answers) {
  start();
  const Child child;
  permit(0ms);
  EXPECT_TRUE(manage("a", child).ok());
  permit(5min);
  const auto generation = link_->stopped_under({"a"});
  guard_->halt();
  EXPECT_EQ(link_->go_on({"a"}, generation).kind, FailureKind::unreachable);
  guard_.reset();
  start();
  EXPECT_TRUE(within(10s, [&] { return link_->alive(clock_.now()); }));
  const Time began = clock_.now();
  ASSERT_TRUE(within(10s, [&] { return clock_.now() > began + several_looks; }));
  EXPECT_EQ(child.state(), 'T');
  EXPECT_EQ(link_->stopped_under({"a"}), generation);
}

// What a survey has found complete says nothing of a page that was made while it ran.
TEST_F(GuardProcess, a_survey_completes_only_the_page_that_it_has_filled) {
  start();
  const auto era = link_->era();
  guard_.reset();
  std::filesystem::remove(page_);
  start();
  ASSERT_TRUE(within(10s, [&] {
    link_->beat(clock_.now());
    return link_->era() != era && link_->alive(clock_.now());
  }));
  link_->note_complete(era);
  EXPECT_FALSE(link_->complete());
  link_->note_complete(link_->era());
  EXPECT_TRUE(link_->complete());
}

TEST_F(GuardProcess, undoes_what_others_continue) {
  start();
  const Child child;
  permit(0ms);
  EXPECT_TRUE(manage("a", child).ok());
  ::kill(child.pid(), SIGCONT);
  EXPECT_TRUE(becomes(child, 'T'));
}

TEST_F(GuardProcess, lets_go_of_a_shared_disk_by_killing) {
  start();
  Child shared;
  const Child local;
  link_->set_lengths(10min, 300ms);
  permit(1ms);
  EXPECT_TRUE(manage("a", shared, false, true).ok());
  EXPECT_TRUE(manage("b", local).ok());
  shared.reap();
  EXPECT_TRUE(becomes(local, 'T'));
  EXPECT_TRUE(within(10s, [&] { return link_->stopped_under({"a"}) == 0; })) << "it is forgotten";
}

// A device that was passed through (vfio) goes on writing to memory while its process stands still.
TEST_F(GuardProcess, kills_what_writes_to_memory_by_itself_and_pauses_the_rest) {
  start();
  Child passed_through;
  const Child other;
  permit(100ms);
  HypervisorProcess process = passed_through.process();
  process.dma = true;
  EXPECT_TRUE(link_->manage({InstanceName{"a"}, process, false, false}).ok());
  EXPECT_TRUE(manage("b", other).ok());
  passed_through.reap();
  EXPECT_TRUE(becomes(other, 'T'));
}

// A pid that belongs to another process by now is never touched.
TEST_F(GuardProcess, never_takes_another_process_for_the_one_that_is_meant) {
  start();
  const Child child;
  permit(0ms);
  HypervisorProcess other = child.process();
  ++other.started;
  EXPECT_EQ(link_->manage({InstanceName{"a"}, other, false, false}).kind, FailureKind::not_found);
  EXPECT_NE(child.state(), 'T');
}

TEST_F(GuardProcess, holds_the_newest_process_of_an_instance) {
  start();
  auto old = std::make_unique<Child>();
  permit(5min);
  EXPECT_TRUE(manage("a", *old).ok());
  const Child next;
  EXPECT_TRUE(manage("a", next).ok());
  EXPECT_TRUE(manage("a", next).ok()) << "once more";
  old.reset();
  permit(0ms);
  EXPECT_TRUE(becomes(next, 'T'));
  EXPECT_NE(link_->stopped_under({"a"}), 0U);
}

TEST_F(GuardProcess, the_next_guard_goes_on_where_the_last_one_was) {
  start();
  const Child running, stopped;
  permit(0ms);
  EXPECT_TRUE(manage("a", stopped).ok());
  permit(5min);
  const auto generation = link_->stopped_under({"a"});
  EXPECT_TRUE(manage("b", running).ok());
  guard_->halt();
  EXPECT_TRUE(within(10s, [&] { return !link_->alive(clock_.now()); }));
  EXPECT_EQ(link_->manage({InstanceName{"c"}, running.process(), false, false}).kind,
            FailureKind::unreachable);
  guard_.reset();
  start();
  EXPECT_TRUE(within(10s, [&] { return link_->alive(clock_.now()); }));
  EXPECT_EQ(link_->stopped_under({"a"}), generation);
  EXPECT_TRUE(becomes(stopped, 'T'));
  permit(0ms);
  EXPECT_TRUE(becomes(running, 'T'));
}

// Nobody looked while the deadline passed: the next guard pauses first.
TEST_F(GuardProcess, a_deadline_that_passed_without_a_guard_is_not_forgotten) {
  start();
  const Child child;
  permit(500ms);
  EXPECT_TRUE(manage("a", child).ok());
  guard_.reset();
  // The passing of time is what is tested: nobody is there to say that the deadline has come.
  ASSERT_TRUE(within(10s, [&] { return clock_.now() > link_->deadline(); }));
  permit(5min);
  EXPECT_NE(child.state(), 'T');
  start();
  EXPECT_TRUE(becomes(child, 'T'));
}

TEST_F(GuardProcess, the_next_agent_finds_what_the_last_one_handed_over) {
  start();
  const Child child;
  permit(5min);
  EXPECT_TRUE(manage("a", child).ok());
  link_->note_complete(link_->era());
  const Time deadline = link_->deadline();
  connect();
  EXPECT_TRUE(link_->complete());
  EXPECT_EQ(link_->deadline(), deadline);
  permit(0ms);
  EXPECT_TRUE(becomes(child, 'T'));
  EXPECT_NE(link_->stopped_under({"a"}), 0U);
}

TEST_F(GuardProcess, stands_down_and_arms_again) {
  start();
  const Child child;
  permit(300ms);
  const Time was = link_->deadline();
  EXPECT_TRUE(manage("a", child).ok());
  link_->stand_down();
  EXPECT_EQ(link_->deadline(), Time{});
  // That nothing happens is what is tested: once the deadline that was has passed, for some looks.
  ASSERT_TRUE(within(10s, [&] { return clock_.now() > was + several_looks; }));
  EXPECT_NE(child.state(), 'T');
  permit(5min);
  const Time armed = clock_.now();
  ASSERT_TRUE(within(10s, [&] { return clock_.now() > armed + several_looks; }));
  EXPECT_NE(child.state(), 'T') << "arming after standing down is not a passed deadline";
  permit(0ms);
  EXPECT_TRUE(becomes(child, 'T'));
}

TEST_F(GuardProcess, kills_what_is_paused_when_it_ends_for_good) {
  start();
  Child paused;
  const Child ignored;
  permit(0ms);
  EXPECT_TRUE(manage("a", paused).ok());
  EXPECT_TRUE(manage("b", ignored, true).ok());
  guard_->halt();
  guard_->keeper().end();
  paused.reap();
  EXPECT_NE(ignored.state(), 'Z');
  EXPECT_NE(ignored.state(), 0);
}

// An agent that hangs is killed, awaited and started again; a child of ours plays it. (rule 8)
TEST_F(GuardProcess, replaces_an_agent_that_hangs) {
  const std::string proof = folder_ + "/started";
  start({"/bin/touch", proof});
  Child agent;
  ::kill(agent.pid(), SIGSTOP);
  guard::MappedPage page;
  ASSERT_EQ(open_page(page), "");
  page.get()->permit = Duration(100ms).count();
  page.get()->agent.started = agent.process().started;
  page.get()->agent.pid = agent.pid();
  EXPECT_FALSE(std::filesystem::exists(proof));
  agent.reap();
  EXPECT_TRUE(within(10s, [&] { return std::filesystem::exists(proof); }));
}

TEST_F(GuardProcess, there_is_one_guard_at_a_time) {
  start();
  EXPECT_NE(refusal().find("has a guard already"), std::string::npos) << refusal();
}

TEST_F(GuardProcess, refuses_pages_that_are_none_and_says_what_to_do) {
  const std::size_t size = sizeof(guard::Page);
  write_page(0, 'x', size);
  EXPECT_NE(refusal().find("something else, or torn"), std::string::npos) << refusal();
  EXPECT_NE(refusal().find("remove it"), std::string::npos);
  std::filesystem::remove(page_);
  write_page(0, 'c', size - 1);
  EXPECT_NE(refusal().find("torn"), std::string::npos) << refusal();
  std::filesystem::remove(page_);
  write_page(8, 1, size);
  EXPECT_NE(refusal().find("is of version 1"), std::string::npos) << refusal();
  const GuardLink link(link_config());
  EXPECT_NE(link.error(clock_.now()).find("is of version 1"), std::string::npos);
  EXPECT_FALSE(link.alive(clock_.now()));
}

TEST_F(GuardProcess, a_page_of_another_boot_is_made_anew) {
  write_page(16, 'x', sizeof(guard::Page));  // The first character of the boot id.
  const GuardLink link(link_config());
  EXPECT_NE(link.error(clock_.now()).find("another boot"), std::string::npos);
  EXPECT_EQ(refusal(), "");
}

TEST_F(GuardProcess, without_a_page_nothing_runs_and_the_cure_is_told) {
  const Child child;
  GuardLink link(link_config());
  EXPECT_FALSE(link.alive(clock_.now()));
  EXPECT_NE(link.error(clock_.now()).find("systemctl start cierzo-guard"), std::string::npos);
  EXPECT_FALSE(link.manage({InstanceName{"a"}, child.process(), false, false}).ok());
}

}  // namespace
}  // namespace cierzo::test
