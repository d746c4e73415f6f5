// cierzo-guard as it is installed: what it does about its surroundings, and what becomes of a host
// whose guard an administrator stops.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "tests/agent/guard_bed.hpp"

namespace cierzo::test {
namespace {

// The program, with standard error where the test wants it.
class Program {
 public:
  Program(const std::string& page, int standard_error) {
    pid_ = fork();
    if (pid_ == 0) {
      dup2(standard_error, STDERR_FILENO);
      close_range(3, ~0U, 0);
      execl(CIERZO_GUARD, CIERZO_GUARD, "--page", page.c_str(), nullptr);
      _exit(127);
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { end(SIGKILL); }
  // Returns its exit status; -1: a signal ended it, or it has ended before.
  int end(int number) {
    if (pid_ == 0) return -1;
    ::kill(pid_, number);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = 0;
};

class GuardProgram : public GuardProcess {
 protected:
  GuardProgram() {
    EXPECT_EQ(pipe2(pipe_, O_CLOEXEC), 0);
    fcntl(pipe_[1], F_SETFL, O_NONBLOCK);
    const std::string rest(4096, 'x');
    while (write(pipe_[1], rest.data(), rest.size()) > 0) {
    }
    fcntl(pipe_[1], F_SETFL, 0);  // As whoever starts programs hands it over.
  }
  ~GuardProgram() override {
    close(pipe_[0]);
    close(pipe_[1]);
  }
  // The agent's link, once the program has made its page.
  void connect_when_it_looks() {
    ASSERT_TRUE(within(10s, [&] {
      connect();
      return link_->alive(clock_.now());
    })) << link_->error(clock_.now());
  }
  int pipe_[2] = {};  // Full, and nobody reads it.
};

TEST_F(GuardProgram, waits_for_nobody_who_does_not_read_its_log) {
  Program program(page_, pipe_[1]);
  connect_when_it_looks();
  const Child child;
  permit(300ms);
  EXPECT_TRUE(manage("a", child).ok());
  EXPECT_TRUE(becomes(child, 'T'));
  // It has said so, and goes on looking.
  const Time began = clock_.now();
  ASSERT_TRUE(within(10s, [&] { return clock_.now() > began + several_looks; }));
  EXPECT_TRUE(link_->alive(clock_.now()));
  EXPECT_EQ(fcntl(pipe_[1], F_GETFL) & O_NONBLOCK, 0) << "others write there, too";
}

TEST_F(GuardProgram, says_what_it_does_where_somebody_reads) {
  char nothing[4096];
  fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
  while (read(pipe_[0], nothing, sizeof nothing) > 0) {
  }
  Program program(page_, pipe_[1]);
  std::string said;
  EXPECT_TRUE(within(10s, [&] {
    const auto length = read(pipe_[0], nothing, sizeof nothing);
    if (length > 0) said.append(nothing, static_cast<std::size_t>(length));
    return said.find("looks after this host's VMs\n") != said.npos;
  })) << said;
}

// `systemctl stop cierzo-guard` while the host holds a permit: nothing is paused, so nothing is
// killed. No stamps leave any more, and when the permit ends the agent stops what the guard held.
TEST_F(GuardProgram, when_it_is_stopped_while_armed_the_agent_pauses_at_the_permits_end) {
  Program program(page_, STDERR_FILENO);
  connect_when_it_looks();
  const Child child, ignored;
  permit(5min);
  EXPECT_TRUE(manage("a", child).ok());
  EXPECT_TRUE(manage("b", ignored, true).ok());
  EXPECT_EQ(program.end(SIGTERM), 0);
  EXPECT_TRUE(within(10s, [&] {
    link_->beat(clock_.now());
    return !link_->alive(clock_.now());
  })) << "no stamp without a guard";
  EXPECT_NE(link_->error(clock_.now()).find("systemctl start cierzo-guard"), std::string::npos);
  const Time gone = clock_.now();
  EXPECT_TRUE(within(10s, [&] {
    link_->beat(clock_.now());
    EXPECT_NE(child.state(), 'T') << "before its permit has ended";
    return clock_.now() > gone + several_looks;
  }));
  permit(0ms);
  EXPECT_TRUE(within(10s, [&] {
    link_->beat(clock_.now());
    return child.state() == 'T';
  }));
  EXPECT_NE(ignored.state(), 'T');
  // The next guard takes it for paused: a command resumes it.
  Program next(page_, STDERR_FILENO);
  EXPECT_TRUE(within(10s, [&] { return link_->alive(clock_.now()); }));
  EXPECT_TRUE(within(10s, [&] { return link_->stopped_under({"a"}) != 0; }));
  permit(5min);
  EXPECT_TRUE(link_->go_on({"a"}, link_->stopped_under({"a"})).ok());
  EXPECT_TRUE(becomes(child, 'S'));
}

}  // namespace
}  // namespace cierzo::test
