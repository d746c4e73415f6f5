// The executor of the real agent: timers and results on the main io_context, blocking calls on
// small pools, ordered within a strand.
#pragma once
#include <memory>

#include "agent/clock.hpp"
#include "agent/executor.hpp"

namespace boost::asio {
class io_context;
}

namespace cierzo {

// For calls to the hypervisor, and to guests that answer: more would only wait. There is one thread
// more for surveys, and one for guests that do not answer.
inline constexpr unsigned pool_threads = 4, guest_threads = 4, fence_threads = 2;

class AsioExecutor : public Executor {
 public:
  explicit AsioExecutor(boost::asio::io_context& io);
  ~AsioExecutor() override;  // Waits for the calls under way.

  [[nodiscard]] Time now() const override;
  void post(std::function<void()> then) override;
  void after(Duration delay, std::function<void()> then) override;
  void offload(const std::string& strand, Duration deadline, std::function<void()> call,
               std::function<void(bool in_time)> done) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cierzo
