// The guard with real processes: a Keeper goes round on a thread, as in cierzo-guard, and the
// agent's link talks to it over a page in a temporary folder.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <thread>

#include "agent/guard/keeper.hpp"
#include "agent/guard/link.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

// Stands for a hypervisor: it waits for its end.
class Child {
 public:
  Child() {
    int ready[2];
    if (pipe(ready) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      close_range(3, ~0U, 0);  // Above all the guard's lock; and the pipe, which says so.
      for (;;) pause();
    }
    close(ready[1]);
    char nothing = 0;
    [[maybe_unused]] const auto end = read(ready[0], &nothing, 1);
    close(ready[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::kill(pid_, SIGKILL);
    reap();
  }
  void reap() {
    if (!reaped_) waitpid(pid_, nullptr, 0);
    reaped_ = true;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] HypervisorProcess process() const {
    return {pid_, guard::see_process(pid_).started, false};
  }
  [[nodiscard]] char state() const { return guard::see_process(pid_).state; }

 private:
  pid_t pid_ = 0;
  bool reaped_ = false;
};

// A Keeper that goes round until it is destroyed.
class Running {
 public:
  explicit Running(guard::KeeperConfig config)
      : keeper_(std::make_unique<guard::Keeper>(std::move(config))), thread_([this] {
          while (!stop_) keeper_->go_round();
        }) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (thread_.joinable()) halt();
  }
  // Without a word to anybody, as one that is killed.
  void halt() {
    stop_ = true;
    thread_.join();
  }
  guard::Keeper& keeper() { return *keeper_; }

 private:
  std::unique_ptr<guard::Keeper> keeper_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// The guard looks every 20 ms: what it does not do in so long it does not do.
constexpr Duration several_looks = 200ms;

class GuardProcess : public ::testing::Test {
 protected:
  GuardProcess() {
    char made[] = "/tmp/cierzo-guard-XXXXXX";  // mkdtemp() wants these.
    folder_ = mkdtemp(made);
    page_ = folder_ + "/page";
  }
  ~GuardProcess() override { std::filesystem::remove_all(folder_); }

  void start(std::vector<std::string> agent = {}) {
    guard_ = std::make_unique<Running>(guard::KeeperConfig{page_, std::move(agent)});
    if (!link_) connect();
  }
  void connect() {
    link_ = std::make_unique<GuardLink>(GuardLinkConfig{page_, boot_id(), {}});
    link_->set_lengths(10min, 10min);
  }
  void permit(Duration length) {
    const Time now = clock_.now();
    link_->set_deadline(now + length, now);
  }
  Outcome manage(const char* name, const Child& child, bool ignore = false, bool shared = false) {
    return link_->manage({InstanceName{name}, child.process(), ignore, shared});
  }
  static bool within(Duration limit, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(1ms);  // A poll: the condition or the limit ends the loop.
    }
    return true;
  }
  static bool becomes(const Child& child, char state) {
    return within(10s, [&] { return child.state() == state; });
  }
  // What a page of this program begins with, then changed at one place.
  void write_page(std::size_t at, char value, std::size_t size) {
    { const Running once(guard::KeeperConfig{page_, {}}); }
    std::fstream file(page_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(value);
    file.close();
    std::filesystem::resize_file(page_, size);
  }
  std::string refusal() {
    try {
      const guard::Keeper keeper(guard::KeeperConfig{page_, {}});
      return {};
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }

  std::string folder_, page_;
  Clock clock_;
  std::unique_ptr<Running> guard_;
  std::unique_ptr<GuardLink> link_;
};

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
  link_->note_complete();
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
  ASSERT_EQ(page.open(page_, boot_id()), "");
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
  write_page(8, 99, size);
  EXPECT_NE(refusal().find("version 99"), std::string::npos) << refusal();
  const GuardLink link({page_, boot_id(), {}});
  EXPECT_NE(link.error(clock_.now()).find("one release"), std::string::npos);
  EXPECT_FALSE(link.alive(clock_.now()));
}

TEST_F(GuardProcess, a_page_of_another_boot_is_made_anew) {
  write_page(16, 'x', sizeof(guard::Page));  // The first character of the boot id.
  const GuardLink link({page_, boot_id(), {}});
  EXPECT_NE(link.error(clock_.now()).find("another boot"), std::string::npos);
  EXPECT_EQ(refusal(), "");
}

TEST_F(GuardProcess, without_a_page_nothing_runs_and_the_cure_is_told) {
  const Child child;
  GuardLink link({page_, boot_id(), {}});
  EXPECT_FALSE(link.alive(clock_.now()));
  EXPECT_NE(link.error(clock_.now()).find("systemctl start cierzo-guard"), std::string::npos);
  EXPECT_FALSE(link.manage({InstanceName{"a"}, child.process(), false, false}).ok());
}

}  // namespace
}  // namespace cierzo
