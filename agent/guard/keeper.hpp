// The guard at work: looks at the page again and again, and sends signals. Everything it needs was
// allocated and opened before: a look takes no memory, no lock, no libvirtd, and no file but those
// of /proc where it takes over a process.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "agent/clock.hpp"
#include "agent/guard/page.hpp"
#include "agent/guard/voice.hpp"

namespace cierzo::guard {

struct KeeperConfig {
  std::string page = default_page;
  // Starts the agent again where nothing else does (systemd does): a program and its words. Empty:
  // not this guard's business.
  std::vector<std::string> agent;
  std::uint32_t version = page_version;  // See MappedPage.
};

class Keeper {
 public:
  // Takes the page and what an earlier guard left in it. Throws std::runtime_error with a sentence.
  explicit Keeper(KeeperConfig config);
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper();

  // One look at everything; then waits until there is more to do, or a signal arrives, or
  // `look_every` has passed.
  void go_round();

  // The guard ends for good: what is paused is killed, unless it stands down. (rule 13)
  void end();

  // How often it looks, whatever happens; its beat in the page.
  static constexpr Duration look_every = std::chrono::milliseconds(20);

 private:
  void take_over();
  void look();
  [[nodiscard]] Wishes wishes() const;
  void carry_out();
  void adopt();
  void reap();
  void release(std::size_t which);

  // The agent (rules 8, 13): one that hangs is killed, and started again.
  void watch_agent(Time now);
  void start_agent(Time now);

  const KeeperConfig config_;
  const Voice voice_;
  Clock clock_;
  MappedPage mapped_{config_.version};
  Page& page_;
  std::array<int, slots_max> pidfds_{};  // -1: none.
  // What the rules are about: the slots that are held, and which those are.
  std::vector<Process> processes_;
  std::vector<Generation> asked_;  // What each was asked to continue under, beside them.
  std::vector<std::size_t> slots_, offered_;
  Memory memory_;
  Time next_{};

  int agent_pidfd_ = -1;
  std::int64_t agent_pid_ = 0;
  std::int64_t agent_beat_ = 0;
  Duration agent_silent_{};  // While this guard looked: a host that was frozen blames nobody.
  bool agent_killed_ = false;
  std::int64_t other_agent_ = 0;       // It was named by the page of another version; 0: none was.
  std::optional<std::int64_t> child_;  // An agent that this guard has started.
  Time last_look_{}, start_agent_at_{};
};

}  // namespace cierzo::guard
