// The agent's side of the guard (rules 12 to 17): the seam. link.hpp is the one of a real host,
// where the guard is a process of its own; the simulated site has another.
#pragma once
#include <cstdint>
#include <string>

#include "agent/guard/rules.hpp"
#include "resources/provider.hpp"

namespace cierzo {

// A process to be looked after.
struct ManagedDomain {
  InstanceName name;
  HypervisorProcess process;
  bool ignore = false;  // `on_isolation: ignore`
  bool shared = false;  // `disk: shared`
};

class Guard {
 public:
  Guard() = default;
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  virtual ~Guard() = default;

  // ---- Main loop. None of these waits.

  // The agent lives. Called every beat_every, at least; an agent that does not is killed.
  virtual void beat(Time now) = 0;
  // Does the guard live? A host without a live one sends no stamps. (rule 13)
  [[nodiscard]] virtual bool alive(Time now) const = 0;
  // Why not, and what to do about it; for people. Empty where it lives.
  [[nodiscard]] virtual std::string error(Time now) const = 0;

  // Until when the page, also one of another version, lets VMs run. Zero: there was no permit yet,
  // or the guard stands down.
  [[nodiscard]] virtual Time deadline() const = 0;
  // `now`, read just before: tells an extension that comes too late.
  virtual void set_deadline(Time deadline, Time now) = 0;
  virtual void set_lengths(Duration permit, Duration destroy_after) = 0;
  virtual void stand_down() = 0;

  // Has every domain of ours that may run been handed to the guard since the host was booted? What
  // runs is known to be complete once a survey has been through, and stays so: nothing is let run
  // before the guard has it. Until then the host sends no stamps.
  [[nodiscard]] virtual bool complete() const = 0;
  // Any thread. `era`: era() from before that survey began. It means nothing for a page that has
  // taken the place of the one that was filled.
  virtual void note_complete(std::uint64_t era) = 0;
  // Any thread. Rises with every page that is taken.
  [[nodiscard]] virtual std::uint64_t era() const = 0;

  // Rises whenever a process was stopped or continued.
  [[nodiscard]] virtual std::uint64_t changes() const = 0;

  // ---- Any thread.

  // The pause that holds the process of this instance; 0: none.
  [[nodiscard]] virtual guard::Generation stopped_under(const InstanceName& name) const = 0;

  // Returns once the guard holds the process (or has held it before), by a pidfd of its own. A
  // process that has ended meanwhile is `not_found`. Waits for the guard, at most about a second.
  [[nodiscard]] virtual Outcome manage(const ManagedDomain& domain) = 0;
  // Asks the guard to continue what it stopped under `generation`; returns once it has, or has
  // refused. Success where it runs already. What the guard does not hold must not run (rule 17): it
  // is refused as `not_found`, and manage() comes first.
  [[nodiscard]] virtual Outcome go_on(const InstanceName& name, guard::Generation generation) = 0;

  static constexpr Duration beat_every = std::chrono::milliseconds(100);
};

// For hosts that are not guarded: `guard: {require: false}`, and tests that are not about it. Such
// a host keeps its VMs running while others may have replaced them.
class NoGuard : public Guard {
 public:
  void beat(Time) override {}
  [[nodiscard]] bool alive(Time) const override { return true; }
  [[nodiscard]] std::string error(Time) const override { return {}; }
  [[nodiscard]] Time deadline() const override { return deadline_; }
  void set_deadline(Time deadline, Time) override { deadline_ = deadline; }
  void set_lengths(Duration, Duration) override {}
  void stand_down() override { deadline_ = Time{}; }
  [[nodiscard]] bool complete() const override { return true; }
  void note_complete(std::uint64_t) override {}
  [[nodiscard]] std::uint64_t era() const override { return 0; }
  [[nodiscard]] std::uint64_t changes() const override { return 0; }
  [[nodiscard]] guard::Generation stopped_under(const InstanceName&) const override { return 0; }
  [[nodiscard]] Outcome manage(const ManagedDomain&) override { return {}; }
  [[nodiscard]] Outcome go_on(const InstanceName&, guard::Generation) override { return {}; }

 private:
  Time deadline_{};
};

}  // namespace cierzo
