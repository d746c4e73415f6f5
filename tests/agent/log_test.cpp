// Lines of the log: one each, whatever is in them, and not too many of one kind.
#include "agent/log.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

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

}  // namespace
}  // namespace cierzo
