// Where blocking calls and timers go: the seam between the worker's decisions and threads. The
// agent's executor is an io_context with a small pool; tests use one with virtual time.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "resources/ids.hpp"

namespace cierzo {

// A strand's name says which threads run its calls, so that what may hang holds up only its like:
// the survey, by which the whole host is judged, guests that do not answer, guests that do, fence
// programs, and (every other name) the hypervisor.
inline constexpr const char* survey_strand = "survey";
[[nodiscard]] inline std::string guest_strand(const InstanceName& name) {
  return "guest " + name.value;
}
[[nodiscard]] inline std::string silent_strand(const InstanceName& name) {
  return "silent " + name.value;
}

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  // The clock of LEADERSHIP.md ("Words"), read now.
  [[nodiscard]] virtual Time now() const = 0;

  // `then` on the main loop, soon, after what was posted before. From any thread.
  virtual void post(std::function<void()> then) = 0;

  // `then` on the main loop, not before `delay` has passed.
  virtual void after(Duration delay, std::function<void()> then) = 0;

  // `call` on the threads of its strand, after every earlier call of the same strand has returned;
  // then exactly one of done(true) when it returned, or done(false) when `deadline` passed first,
  // on the main loop. A call whose deadline passes before it begins never begins. A late call is
  // left to end by itself and still holds up its strand: what it was about is unknown until then.
  virtual void offload(const std::string& strand, Duration deadline, std::function<void()> call,
                       std::function<void(bool in_time)> done) = 0;
};

// The same for a call with a result; none: the deadline passed.
template <class Result, class Call>
void offload(Executor& executor, const std::string& strand, Duration deadline, Call call,
             std::function<void(std::optional<Result>)> done) {
  // Shared, because a late call still writes its result after `done` was told that there is none.
  auto slot = std::make_shared<std::optional<Result>>();
  executor.offload(
      strand, deadline, [slot, call = std::move(call)]() mutable { *slot = call(); },
      [slot, done = std::move(done)](bool in_time) {
        if (in_time) {
          done(std::move(*slot));
        } else {
          done(std::nullopt);
        }
      });
}

}  // namespace cierzo
