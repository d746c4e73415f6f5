// An executor with virtual time: nothing waits, everything happens in the order of its time, and a
// call can be told to hang. For tests of the worker and the leader.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/executor.hpp"

namespace cierzo {

class VirtualExecutor : public Executor {
 public:
  [[nodiscard]] Time now() const override { return now_; }

  void post(std::function<void()> then) override { after({}, std::move(then)); }

  void after(Duration delay, std::function<void()> then) override {
    queue_.emplace(now_ + delay, std::move(then));
  }

  void offload(const std::string& strand, Duration deadline, std::function<void()> call,
               std::function<void(bool in_time)> done) override {
    if (hanging.contains(strand)) {
      ++hung;
      queue_.emplace(now_ + deadline, [done = std::move(done)] { done(false); });
      return;
    }
    queue_.emplace(now_ + call_takes, [call = std::move(call), done = std::move(done)] {
      call();
      done(true);
    });
  }

  // Runs everything that is due until `duration` from now.
  void run_for(Duration duration) {
    const Time end = now_ + duration;
    while (!queue_.empty() && queue_.begin()->first <= end) {
      const auto first = queue_.begin();
      now_ = std::max(now_, first->first);
      const auto then = std::move(first->second);
      queue_.erase(first);
      then();
    }
    now_ = end;
  }

  // True as soon as the condition holds; false when `limit` has passed without it.
  bool run_until(const std::function<bool()>& condition, Duration limit) {
    const Time end = now_ + limit;
    while (!condition()) {
      if (queue_.empty() || queue_.begin()->first > end) return false;
      run_for(std::max<Duration>(queue_.begin()->first - now_, Duration::zero()));
    }
    return true;
  }

  std::set<std::string> hanging;  // Strands whose calls do not return.
  int hung = 0;                   // How many there were.
  Duration call_takes = std::chrono::milliseconds(1);

 private:
  Time now_ = std::chrono::hours(1);
  std::multimap<Time, std::function<void()>> queue_;
};

}  // namespace cierzo
