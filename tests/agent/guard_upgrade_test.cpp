// Guard and agent of different versions: an upgrade replaces them one after the other, in any
// order, while VMs run. None is killed, and none is paused but by a deadline that passes.
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/agent/guard_bed.hpp"

namespace cierzo::test {
namespace {

using guard::Page;
using guard::Slot;

static_assert(offsetof(Page, deadline) == 176, "tests/system/bed/guard_page.py reads it there");

class GuardUpgrade : public GuardProcess {
 protected:
  // Makes of the page, whose guard is away, one as another version may have it: everything that
  // is common at its place, and more behind the page's fields and each slot's.
  void becomes_version(std::uint32_t version, std::size_t more = 24) {
    std::string old(sizeof(Page), '\0');
    std::ifstream(page_, std::ios::binary).read(old.data(), sizeof(Page));
    const Slot* const slots = reinterpret_cast<const Slot*>(old.data() + guard::common_page);
    std::string made = old.substr(0, guard::common_page) + std::string(more, 'n');
    const auto put = [&made](std::size_t at, std::uint32_t value) {
      std::memcpy(made.data() + at, &value, sizeof value);
    };
    put(offsetof(Page, version), version);
    put(offsetof(Page, slots_at), static_cast<std::uint32_t>(made.size()));
    put(offsetof(Page, slot_size), static_cast<std::uint32_t>(sizeof(Slot) + more));
    put(offsetof(Page, slot_count), slots_of_other);
    for (std::size_t i = 0; i < slots_of_other; ++i) {
      made.append(reinterpret_cast<const char*>(&slots[i]), sizeof(Slot));
      made.append(more, 's');
    }
    put(offsetof(Page, size), static_cast<std::uint32_t>(made.size()));
    std::ofstream(page_, std::ios::binary | std::ios::trunc) << made;
    forget_this_agent();
  }
  // This process, which plays the agent, is not to be killed as another version's.
  void forget_this_agent() {
    std::int64_t pid = 0;
    std::fstream file(page_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(offsetof(Page, agent));
    file.read(reinterpret_cast<char*>(&pid), sizeof pid);
    if (pid != getpid()) return;
    pid = 0;
    file.seekp(offsetof(Page, agent));
    file.write(reinterpret_cast<const char*>(&pid), sizeof pid);
  }
  static constexpr std::uint32_t slots_of_other = 3;
  // A process in the place of the guard that has made the page.
  void name_guard(const Child& child) {
    const std::int64_t pid = child.pid();
    const std::uint64_t started = child.process().started;
    std::fstream file(page_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offsetof(Page, guard));
    file.write(reinterpret_cast<const char*>(&pid), sizeof pid);
    file.write(reinterpret_cast<const char*>(&started), sizeof started);
  }
  // As the agent's main loop, which alone is left to pause.
  bool is_paused_by(GuardLink& agent, const Child& child) {
    return within(10s, [&] {
      agent.beat(clock_.now());
      return child.state() == 'T';
    });
  }
  void await_looks() {
    const Time began = clock_.now();
    ASSERT_TRUE(within(10s, [&] { return clock_.now() > began + several_looks; }));
  }
};

TEST_F(GuardUpgrade, the_new_guard_goes_on_with_what_the_old_one_held) {
  start();
  const Child running, ignored;
  permit(5min);
  const Time deadline = link_->deadline();
  EXPECT_TRUE(manage("a", running).ok());
  EXPECT_TRUE(manage("b", ignored, true).ok());
  link_->note_complete(link_->era());
  guard_.reset();
  becomes_version(3);
  start();
  connect();
  EXPECT_TRUE(within(10s, [&] { return link_->error(clock_.now()).empty(); }))
      << "alive and complete: its agent gets stamps";
  EXPECT_EQ(link_->deadline(), deadline);
  EXPECT_NE(running.state(), 'T') << "it has its permit yet";
  EXPECT_TRUE(manage("a", running).ok()) << "held";
  permit(0ms);
  EXPECT_TRUE(becomes(running, 'T')) << "and is paused when that has passed";
  EXPECT_NE(ignored.state(), 'T');
}

TEST_F(GuardUpgrade, what_was_paused_stays_so_under_its_generation) {
  start();
  const Child child;
  permit(0ms);
  EXPECT_TRUE(manage("a", child).ok());
  const auto generation = link_->stopped_under({"a"});
  guard_.reset();
  becomes_version(3);
  start();
  connect();
  EXPECT_EQ(link_->stopped_under({"a"}), generation);
  permit(5min);
  await_looks();
  EXPECT_EQ(child.state(), 'T') << "a permit resumes nothing";
  EXPECT_TRUE(link_->go_on({"a"}, generation).ok());
  EXPECT_TRUE(becomes(child, 'S'));
}

// The usual way: the agent is stopped first, its host is held, and nothing is paused at all.
TEST_F(GuardUpgrade, a_guard_that_stood_down_stands_down_in_the_next_version) {
  start();
  const Child child;
  permit(100ms);
  EXPECT_TRUE(manage("a", child).ok());
  link_->stand_down();
  guard_.reset();
  becomes_version(3);
  start();
  connect();
  await_looks();
  EXPECT_NE(child.state(), 'T');
  permit(5min);
  await_looks();
  EXPECT_NE(child.state(), 'T') << "arming is no passed deadline";
}

// The old agent writes its deadlines to a page that nobody reads any more: the new guard kills it
// at once, and its unit starts the installed one.
TEST_F(GuardUpgrade, the_new_guard_replaces_the_agent_of_the_other_version) {
  start();
  permit(5min);
  Child agent;
  {
    guard::MappedPage mapped;
    ASSERT_EQ(open_page(mapped), "");
    mapped.get()->permit =
        Duration(10min).count();  // Were it waited for, that would be half of it.
    mapped.get()->agent.started = agent.process().started;
    mapped.get()->agent.pid = agent.pid();
  }
  guard_.reset();
  becomes_version(3);
  const std::string proof = folder_ + "/started";
  start({"/bin/touch", proof});
  ASSERT_TRUE(becomes(agent, 'Z'));
  agent.reap();
  EXPECT_TRUE(within(10s, [&] { return std::filesystem::exists(proof); }));
}

// The agent is newer: the guard that runs has to make room for the installed one, and must not kill
// what is paused when it goes.
TEST_F(GuardUpgrade, the_new_agent_ends_an_older_guard_and_only_once) {
  start();
  const Child paused;
  permit(0ms);
  EXPECT_TRUE(manage("a", paused).ok());
  const auto generation = link_->stopped_under({"a"});
  guard_.reset();
  auto old_guard = std::make_unique<Child>();
  name_guard(*old_guard);
  GuardLink newer({page_, boot_id(), {}, guard::page_version + 1});
  old_guard->reap();
  const std::string why = newer.error(clock_.now());
  EXPECT_NE(why.find("systemctl restart cierzo-guard"), std::string::npos) << why;
  const Child again;
  name_guard(again);
  forget_this_agent();
  newer.beat(clock_.now());
  EXPECT_TRUE(becomes(again, 'S')) << "if the same one comes back, a person has to look";
  EXPECT_EQ(paused.state(), 'T');
  const Running installed({page_, {}, guard::page_version + 1});
  EXPECT_TRUE(within(10s, [&] {
    newer.beat(clock_.now());
    return newer.alive(clock_.now());
  }));
  EXPECT_EQ(newer.stopped_under({"a"}), generation);
  EXPECT_EQ(paused.state(), 'T');
}

// No guard comes for that page: it ends as it says all the same.
TEST_F(GuardUpgrade, an_agent_pauses_by_a_page_of_another_version_when_its_deadline_passes) {
  start();
  const Child running, ignored;
  permit(300ms);
  const Time deadline = link_->deadline();
  EXPECT_TRUE(manage("a", running).ok());
  EXPECT_TRUE(manage("b", ignored, true).ok());
  link_.reset();
  guard_.reset();
  becomes_version(3);
  GuardLink agent(link_config());
  EXPECT_TRUE(is_paused_by(agent, running));
  EXPECT_GE(clock_.now(), deadline);
  EXPECT_NE(ignored.state(), 'T');
}

TEST_F(GuardUpgrade, an_agent_whose_page_is_gone_or_torn_pauses_by_what_it_said) {
  for (const bool torn : {false, true}) {
    start();
    connect();
    const Child running;
    permit(300ms);
    EXPECT_TRUE(manage("a", running).ok());
    guard_.reset();
    std::filesystem::remove(page_);
    if (torn) std::ofstream(page_) << "torn";
    EXPECT_TRUE(is_paused_by(*link_, running)) << torn;
    std::filesystem::remove(page_);
  }
}

// An agent that has been upgraded starts before the installed guard has made its page.
TEST_F(GuardUpgrade, the_new_agent_keeps_the_permit_that_the_older_page_holds) {
  start();
  const Child child;
  permit(5min);
  const Time deadline = link_->deadline();
  EXPECT_TRUE(manage("a", child).ok());
  link_.reset();
  guard_.reset();
  forget_this_agent();
  const Child old_guard;
  name_guard(old_guard);
  GuardLink newer({page_, boot_id(), {}, guard::page_version + 1});
  EXPECT_EQ(newer.deadline(), deadline) << "its node begins with that one";
  EXPECT_FALSE(newer.alive(clock_.now()));
  const Running installed({page_, {}, guard::page_version + 1});
  EXPECT_TRUE(within(10s, [&] {
    newer.beat(clock_.now());
    return newer.alive(clock_.now());
  }));
  EXPECT_EQ(newer.deadline(), deadline);
  EXPECT_NE(child.state(), 'T');
}

TEST_F(GuardUpgrade, an_older_agent_leaves_the_newer_guard_alone) {
  guard_ = std::make_unique<Running>(guard::KeeperConfig{page_, {}, guard::page_version + 1});
  guard_->halt();
  const Child newer;
  name_guard(newer);
  connect();
  const std::string why = link_->error(clock_.now());
  EXPECT_NE(why.find("systemctl restart agentd"), std::string::npos) << why;
  EXPECT_TRUE(becomes(newer, 'S')) << "not killed";
}

// Each finds no page, another boot's or another version's, and makes one: the second must not put
// another in its place.
TEST_F(GuardUpgrade, guards_that_start_at_once_leave_one_page) {
  enum class Before { nothing, another_boot, another_version };
  for (const Before before : {Before::nothing, Before::another_boot, Before::another_version}) {
    for (int round = 0; round < 200; ++round) {
      std::filesystem::remove(page_);
      if (before != Before::nothing) write_page(16, 'x', sizeof(Page));
      if (before == Before::another_version) {
        std::filesystem::remove(page_);
        { const Running once(keeper_config()); }
        becomes_version(3);
      }
      std::array<guard::MappedPage, 2> pages;
      std::array<bool, 2> made{};
      std::barrier together(2);
      const auto create = [&](std::size_t which) {
        together.arrive_and_wait();
        try {
          pages[which].create(page_, boot_id());
          made[which] = true;
        } catch (const std::runtime_error&) {
          return;  // There is another: what is asked for.
        }
      };
      std::thread other([&] { create(1); });
      create(0);
      other.join();
      ASSERT_NE(made[0], made[1]) << "round " << round;
      ASSERT_TRUE(pages[made[0] ? 0 : 1].is_at(page_)) << "round " << round;
    }
  }
}

TEST_F(GuardUpgrade, refuses_a_page_whose_slots_are_not_in_it) {
  start();
  guard_.reset();
  becomes_version(3);
  std::filesystem::resize_file(page_, std::filesystem::file_size(page_) - 8);
  EXPECT_NE(refusal().find("torn"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace cierzo::test
