// A guard that dies at any instant of a pause: the page as it is after each of the words that it
// writes, found by stepping through a real round of it, is given to the next guard.
#include <gtest/gtest.h>
#include <sys/ptrace.h>

#include <algorithm>
#include <cstring>

#include "tests/agent/guard_bed.hpp"

namespace cierzo::test {
namespace {

using guard::Page;
using guard::Slot;

constexpr std::size_t processes = 3;
// What of the page a round with so few processes can change.
constexpr std::size_t looked_at = offsetof(Page, slots) + processes * sizeof(Slot);

// The file's bytes, and what the processes did then.
struct Instant {
  std::string page;
  bool stopped[processes];
};

class GuardCrash : public GuardProcess {
 protected:
  // One round of a guard, one instruction at a time: every instant at which the page had changed.
  // The guard is a process of its own, which is killed after it.
  std::vector<Instant> step_through_a_round(const std::vector<const Child*>& children) {
    const pid_t traced = fork();
    if (traced == 0) {
      // It keeps the page from here on, as cierzo-guard does; nothing that throws may get out.
      try {
        guard::Keeper keeper(keeper_config());
        if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
        raise(SIGSTOP);
        keeper.go_round();
        raise(SIGSTOP);
        _exit(0);
      } catch (...) {
        _exit(2);
      }
    }
    int status = 0;
    waitpid(traced, &status, 0);
    EXPECT_TRUE(WIFSTOPPED(status)) << "can processes be traced here?";
    guard::MappedPage mapped;
    EXPECT_EQ(open_page(mapped), "");
    const char* const bytes = reinterpret_cast<const char*>(mapped.get());
    std::vector<Instant> instants;
    std::string last;
    for (bool ended = false; !ended && WIFSTOPPED(status);) {
      ptrace(PTRACE_SINGLESTEP, traced, nullptr, nullptr);
      if (waitpid(traced, &status, 0) != traced) break;
      ended = WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP;
      if (last.size() == looked_at && std::memcmp(last.data(), bytes, looked_at) == 0) continue;
      last.assign(bytes, looked_at);
      Instant instant{std::string(bytes, sizeof(Page)), {}};
      for (std::size_t i = 0; i < processes; ++i) {
        instant.stopped[i] = children[i]->state() == 'T';
      }
      instants.push_back(std::move(instant));
    }
    ::kill(traced, SIGKILL);
    waitpid(traced, &status, 0);
    // And when all signals have arrived.
    Instant end{std::string(bytes, sizeof(Page)), {}};
    for (std::size_t i = 0; i < processes; ++i) end.stopped[i] = becomes(*children[i], 'T');
    instants.push_back(std::move(end));
    return instants;
  }
};

// The agent lives and gets a permit again before the next guard looks: the worst case, since then
// only the page knows that these have to stand still.
TEST_F(GuardCrash, between_two_words_of_the_page_forgets_no_pause) {
  const Child a, b, c;
  const std::vector<const Child*> children = {&a, &b, &c};
  start();
  permit(5min);
  const char* const names[] = {"a", "b", "c"};
  for (std::size_t i = 0; i < processes; ++i) EXPECT_TRUE(manage(names[i], *children[i]).ok());
  guard_.reset();
  {
    guard::MappedPage mapped;
    ASSERT_EQ(open_page(mapped), "");
    mapped.get()->deadline = clock_.now().count();
  }
  const std::vector<Instant> instants = step_through_a_round(children);
  ASSERT_GT(instants.size(), 2 * processes) << "each process is noted, then the pause as a whole";
  bool all_ran = false, all_stopped = false, partial = false;
  link_.reset();
  for (std::size_t which = 0; which < instants.size(); ++which) {
    const Instant& instant = instants[which];
    for (std::size_t i = 0; i < processes; ++i) {
      ::kill(children[i]->pid(), instant.stopped[i] ? SIGSTOP : SIGCONT);
      EXPECT_TRUE(within(10s, [&] { return (children[i]->state() == 'T') == instant.stopped[i]; }));
    }
    guard::Generation noted = 0;  // By some, and not yet by all.
    std::size_t noted_by = 0;
    for (std::size_t i = 0; i < processes; ++i) {
      const auto* slot =
          reinterpret_cast<const Slot*>(instant.page.data() + offsetof(Page, slots)) + i;
      noted = std::max<guard::Generation>(noted, slot->stopped_under);
      noted_by += slot->stopped_under != 0 ? 1 : 0;
    }
    partial = partial || (noted_by > 0 && noted_by < processes);
    all_ran = all_ran || (!instant.stopped[0] && !instant.stopped[1] && !instant.stopped[2]);
    all_stopped = all_stopped || (instant.stopped[0] && instant.stopped[1] && instant.stopped[2]);
    std::ofstream(page_, std::ios::binary | std::ios::trunc) << instant.page;
    connect();
    permit(5min);
    guard::Keeper next(keeper_config());
    next.go_round();
    for (std::size_t i = 0; i < processes; ++i) {
      EXPECT_TRUE(becomes(*children[i], 'T')) << names[i] << " at instant " << which;
      const auto under = link_->stopped_under({names[i]});
      EXPECT_NE(under, 0U) << names[i] << " at instant " << which;
      // This is another pause: a command about the one that was cut short is refused.
      if (noted_by < processes) {
        EXPECT_GT(under, noted) << names[i] << " at instant " << which;
      }
    }
  }
  EXPECT_TRUE(partial && all_ran && all_stopped) << "the round went from one to the other";
}

}  // namespace
}  // namespace cierzo::test
