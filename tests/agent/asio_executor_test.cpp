// Calls on real threads. What they do is decided by promises, not by time.
#include "agent/asio_executor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "agent/asio.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

class AsioExecutorTest : public ::testing::Test {
 protected:
  // Runs the loop until it holds; false: it did not within ten seconds.
  bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!holds() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_one_for(20ms);
    }
    return holds();
  }

  asio::io_context io_;
  AsioExecutor executor_{io_};
};

TEST_F(AsioExecutorTest, BeginsNoCallWhoseDeadlinePassedWhileEveryThreadWasBusy) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<unsigned> busy = 0;
  unsigned ended = 0;
  for (unsigned i = 0; i < pool_threads; ++i) {
    executor_.offload(
        "busy " + std::to_string(i), 1h,
        [&busy, released] {
          ++busy;
          released.wait();
        },
        [&](bool in_time) { ended += in_time ? 1 : 0; });
  }
  ASSERT_TRUE(eventually([&] { return busy == pool_threads; }));

  std::atomic<bool> begun = false;
  std::optional<bool> in_time, next_in_time;
  executor_.offload(
      "late", 10ms, [&] { begun = true; }, [&](bool is) { in_time = is; });
  const bool told = eventually([&] { return in_time.has_value(); });
  release.set_value();  // Also where it was not told, or the executor would wait for ever.
  ASSERT_TRUE(told);
  EXPECT_FALSE(*in_time);

  // The next of its strand begins when the late one's turn is over.
  executor_.offload(
      "late", 1h, [] {}, [&](bool is) { next_in_time = is; });
  ASSERT_TRUE(eventually([&] { return next_in_time && ended == pool_threads; }));
  EXPECT_TRUE(*next_in_time);
  EXPECT_FALSE(begun) << "long after somebody was told that it never began";
}

// Begun in time, it is left to end by itself; that it was late is told once, and before it ends.
TEST_F(AsioExecutorTest, TellsOfACallThatOverrunsBeforeItEnds) {
  std::promise<void> release;
  std::atomic<bool> begun = false, ended = false;
  std::vector<bool> told;
  bool next = false;
  executor_.offload(
      "slow", 200ms,
      [&, released = release.get_future().share()] {
        begun = true;
        released.wait();
        ended = true;
      },
      [&](bool in_time) { told.push_back(in_time); });
  executor_.offload(
      "slow", 1h, [&] { EXPECT_TRUE(ended); }, [&](bool) { next = true; });
  const bool late = eventually([&] { return !told.empty(); });
  EXPECT_FALSE(ended);
  EXPECT_FALSE(next);
  release.set_value();
  ASSERT_TRUE(late);
  ASSERT_TRUE(eventually([&] { return next; }));
  EXPECT_TRUE(begun && ended);
  EXPECT_EQ(told, std::vector<bool>{false});
}

}  // namespace
}  // namespace cierzo
