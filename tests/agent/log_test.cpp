// Lines of the log: one each, whatever is in them, and not too many of one kind.
#include "agent/log.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace cierzo {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Log, WritesFieldsBehindTheMessage) {
  CaptureStderr();
  log::info("vm-1: booting => running", {{"instance", "vm-1"}, {"host", "node2"}});
  const std::string text = GetCapturedStderr();
  EXPECT_NE(text.find("info    vm-1: booting => running instance=vm-1 host=node2\n"),
            std::string::npos)
      << text;
}

TEST(Log, KeepsALineALine) {
  CaptureStderr();
  log::warning("check failed: a\n2024-01-01 error forged\x1b[2J", {{"output", "x\r\ny"}});
  const std::string text = GetCapturedStderr();
  EXPECT_EQ(lines_in(text), 1u) << text;
  EXPECT_NE(text.find("a\\n2024-01-01 error forged\\x1b[2J output=x\\x0d\\ny"), std::string::npos)
      << text;
}

TEST(Log, SaysNothingBelowItsLevel) {
  CaptureStderr();
  log::debug("hidden");
  log::start(log::Level::debug);
  log::debug("shown");
  log::start(log::Level::info);
  EXPECT_EQ(lines_in(GetCapturedStderr()), 1u);
}

// Somebody else's JOURNAL_STREAM (of a parent whose stderr was the journal) must not swallow lines.
TEST(Log, BelievesTheEnvironmentOnlyWhereItNamesItsOwnStderr) {
  ::setenv("JOURNAL_STREAM", "1:2", 1);
  CaptureStderr();
  log::start();
  log::info("still on stderr");
  ::unsetenv("JOURNAL_STREAM");
  EXPECT_EQ(lines_in(GetCapturedStderr()), 1u);
}

TEST(Log, CutsAFloodShortAndSaysSo) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto deadline = begin + std::chrono::seconds(30);
  std::string all;
  std::size_t written = 0;
  // One place in the code: floods until a token comes back, and with it the note.
  while (all.find("lines like this were left out)") == std::string::npos &&
         Clock::now() < deadline) {
    CaptureStderr();
    for (int i = 0; i < 500; ++i) log::info("flood");
    written += 500;
    all += GetCapturedStderr();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  EXPECT_NE(all.find("lines like this were left out)"), std::string::npos);
  EXPECT_LT(static_cast<double>(lines_in(all)),
            log::lines_burst + seconds * log::lines_per_second + 2);
  EXPECT_GT(static_cast<double>(written), log::lines_burst);
  CaptureStderr();
  log::info("another place is heard");
  EXPECT_EQ(lines_in(GetCapturedStderr()), 1u);
}

// stderr on a descriptor of the test's, until the end of it.
class Redirected {
 public:
  explicit Redirected(int to) : saved_(::dup(STDERR_FILENO)) { ::dup2(to, STDERR_FILENO); }
  ~Redirected() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;

 private:
  int saved_;
};

std::string drain(int fd) {
  std::string all;
  char block[4096];
  ssize_t got = 0;
  while ((got = ::read(fd, block, sizeof block)) > 0) all.append(block, static_cast<size_t>(got));
  return all;
}

// Else an agent whose log's reader hangs would hang, too, and lose what it leads.
TEST(Log, NeverWaitsForWhoReadsIt) {
  int pipes[2];
  ASSERT_EQ(::pipe(pipes), 0);
  ASSERT_EQ(::fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
  {
    const Redirected redirected(pipes[1]);
    ::alarm(30);                                                     // Where it waits after all.
    for (int i = 0; i < 90; ++i) log::info(std::string(3000, 'x'));  // A pipe takes 64 KiB.
    ::alarm(0);
    EXPECT_LE(drain(pipes[0]).size(), 64u * 1024u);
    log::info("somebody reads again");
  }
  const std::string after = drain(pipes[0]);
  EXPECT_EQ(lines_in(after), 1u);
  EXPECT_NE(after.find("somebody reads again (before this "), std::string::npos) << after;
  EXPECT_NE(after.find(" lines were lost: nobody read the log)"), std::string::npos) << after;
  ::close(pipes[0]);
  ::close(pipes[1]);
}

TEST(Log, SurvivesAClosedStderrAndAFullDisk) {
  {
    const int full = ::open("/dev/full", O_WRONLY);
    const Redirected redirected(full);
    log::info("nowhere");
    ::close(full);
  }
  CaptureStderr();
  log::info("here");
  EXPECT_NE(GetCapturedStderr().find("before this 1 lines were lost"), std::string::npos);
}

// A journald that is stopped takes some datagrams and then none.
TEST(Log, NeverWaitsForTheJournal) {
  char folder[] = "/tmp/cierzo-log-XXXXXX";  // mkdtemp() wants these.
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/journal";
  const int journal = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(journal, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  int pipes[2];
  ASSERT_EQ(::pipe(pipes), 0);
  struct stat own {};
  ASSERT_EQ(::fstat(pipes[1], &own), 0);
  const std::string stream = std::to_string(own.st_dev) + ":" + std::to_string(own.st_ino);
  ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
  {
    const Redirected redirected(pipes[1]);
    log::start(log::Level::info, path.c_str());
    ::alarm(30);
    for (int i = 0; i < 90; ++i) log::info(std::string(60'000, 'x'));
    ::alarm(0);
    char entry[256 * 1024];
    std::size_t entries = 0;
    while (::recv(journal, entry, sizeof entry, 0) > 0) ++entries;
    EXPECT_GT(entries, 0u);
    EXPECT_LT(entries, 90u);
    log::warning("it reads again", {{"host", "node2"}});
    const ssize_t size = ::recv(journal, entry, sizeof entry, 0);
    ASSERT_GT(size, 0);
    const std::string text(entry, static_cast<std::size_t>(size));
    EXPECT_EQ(text.rfind("MESSAGE=it reads again (before this ", 0), 0u) << text;
    EXPECT_NE(text.find("\nPRIORITY=4\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\nCIERZO_HOST=node2\n"), std::string::npos) << text;
  }
  ::unsetenv("JOURNAL_STREAM");
  log::start();
  for (const int fd : {journal, pipes[0], pipes[1]}) ::close(fd);
  ::unlink(path.c_str());
  ::rmdir(folder);
}

}  // namespace
}  // namespace cierzo
