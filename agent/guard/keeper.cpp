#include "agent/guard/keeper.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace cierzo::guard {
namespace {

using namespace std::chrono_literals;
using Order = Process::Order;

// How long an agent's main loop may stand still. A fraction of the permit, so that the next agent
// keeps it; but not less than a busy host needs to schedule it.
constexpr Duration agent_hangs_after = 1s;
constexpr Duration start_agent_again = 1s;

bool has_ended(int pidfd) {
  pollfd look{pidfd, POLLIN, 0};
  return poll(&look, 1, 0) > 0;
}

}  // namespace

Keeper::Keeper(KeeperConfig config)
    : config_(std::move(config)), page_([this]() -> Page& {
        mapped_.create(config_.page, boot_id());
        return *mapped_.get();
      }()) {
  pidfds_.fill(-1);
  processes_.reserve(slots_max);
  slots_.reserve(slots_max);
  asked_.reserve(slots_max);
  offered_.reserve(slots_max);
  const std::int64_t self = getpid();
  page_.guard.started = see_process(self).started;
  page_.guard.pid = self;
  if (mapped_.taken_over()) other_agent_ = page_.agent.pid;
  take_over();
}

Keeper::~Keeper() {
  for (const int pidfd : pidfds_) {
    if (pidfd >= 0) close(pidfd);
  }
  if (agent_pidfd_ >= 0) close(agent_pidfd_);
}

// What an earlier guard held. One that died at any instant leaves nothing running that the page
// calls stopped: it writes first. The other way round is seen here: a process that stands still
// although nobody says so is counted as paused, so that a command can resume it.
void Keeper::take_over() {
  memory_ = {page_.generation, page_.late_seen, Time{page_.paused_at.load()}, page_.pausing != 0};
  for (std::size_t i = 0; i < slots_max; ++i) {
    Slot& slot = page_.slots[i];
    if (slot.state != SlotState::held) continue;
    // One that died in carry_out() may have used a number that it had not noted yet.
    memory_.generation = std::max<Generation>(memory_.generation, slot.stopped_under);
    pidfds_[i] = open_process(slot.process.pid, slot.process.started);
    if (pidfds_[i] < 0) {
      release(i);
    } else if (see_process(slot.process.pid).state == 'T' && slot.stopped_under == 0) {
      slot.stopped_under = ++memory_.generation;
    }
  }
  page_.generation = memory_.generation;
}

// ---- Looking

Wishes Keeper::wishes() const {
  Wishes wishes;
  wishes.deadline = Time{page_.deadline.load()};  // First. (page.hpp)
  wishes.late = page_.late;
  wishes.permit = Duration{page_.permit.load()};
  wishes.destroy_after = Duration{page_.destroy_after.load()};
  return wishes;
}

void Keeper::look() {
  Look seen;
  do {
    processes_.clear();
    slots_.clear();
    asked_.clear();
    for (std::size_t i = 0; i < slots_max; ++i) {
      if (pidfds_[i] < 0) continue;
      const Slot& slot = page_.slots[i];
      const std::uint32_t flags = slot.flags;
      Process process;
      process.ignore = (flags & flag_ignore) != 0;
      process.shared = (flags & flag_shared) != 0;
      process.dma = (flags & flag_dma) != 0;
      process.stopped_under = slot.stopped_under;
      process.continue_under = slot.continue_under;
      asked_.push_back(process.continue_under);
      processes_.push_back(process);
      slots_.push_back(i);
    }
    const Wishes wanted = wishes();
    const Time now = clock_.now();
    page_.guard_beat = now.count();
    seen = guard::look(wanted, now, memory_, processes_);
    carry_out();
    if (seen.paused && !slots_.empty()) {
      voice_.say("the permit has ended: this host's VMs are paused");
    }
  } while (seen.again);
  next_ = seen.next;
}

// The page first, then the signals. (rules.hpp)
void Keeper::carry_out() {
  // In this order: until every process is noted as stopped, the next guard must see what this one
  // saw, and pause again.
  for (std::size_t n = 0; n < slots_.size(); ++n) {
    page_.slots[slots_[n]].stopped_under = processes_[n].stopped_under;
  }
  page_.generation = memory_.generation;
  page_.paused_at = memory_.paused_at.count();
  page_.pausing = memory_.pausing ? 1 : 0;
  page_.late_seen = memory_.late_seen;
  bool answered = false;
  for (std::size_t n = 0; n < slots_.size(); ++n) {
    Slot& slot = page_.slots[slots_[n]];
    const int pidfd = pidfds_[slots_[n]];
    const Order order = processes_[n].order;
    if (order == Order::kill) {
      send_signal(pidfd, SIGKILL);
    } else if (order == Order::go_on) {
      send_signal(pidfd, SIGCONT);
    } else if (processes_[n].stopped_under != 0) {
      // Also what is stopped already: others may have continued it. Only the guard does.
      send_signal(pidfd, SIGSTOP);
    }
    if (order != Order::none) ++page_.changes;
    // Only the request that was looked at: another may have come since.
    Generation asked = asked_[n];
    if (asked != 0 && slot.continue_under.compare_exchange_strong(asked, 0)) answered = true;
  }
  if (answered) ring(page_.answers);
}

// ---- Processes that come and go

// They count from before anybody is told that they are held: whoever lets them run after that finds
// them stopped if the permit has ended. (rule 17)
void Keeper::adopt() {
  offered_.clear();
  for (std::size_t i = 0; i < slots_max; ++i) {
    Slot& slot = page_.slots[i];
    if (slot.state != SlotState::offered) continue;
    offered_.push_back(i);
    slot.stopped_under = 0;
    slot.continue_under = 0;
    pidfds_[i] = open_process(slot.process.pid, slot.process.started);
    // A guard before this one may have stopped it, and died before it could say so.
    if (pidfds_[i] >= 0 && see_process(slot.process.pid).state == 'T') {
      slot.stopped_under = ++memory_.generation;
    }
  }
  if (offered_.empty()) return;
  look();
  for (const std::size_t i : offered_) {
    if (pidfds_[i] >= 0) {
      page_.slots[i].state = SlotState::held;
    } else {
      release(i);
    }
  }
  ring(page_.answers);
}

void Keeper::release(std::size_t which) {
  if (pidfds_[which] >= 0) close(pidfds_[which]);
  pidfds_[which] = -1;
  page_.slots[which].stopped_under = 0;
  page_.slots[which].continue_under = 0;
  page_.slots[which].state = SlotState::ended;
  ++page_.changes;
}

void Keeper::reap() {
  for (const std::size_t which : slots_) {
    if (pidfds_[which] >= 0 && has_ended(pidfds_[which])) release(which);
  }
}

void Keeper::go_round() {
  const std::uint32_t rung = page_.doorbell;
  look();
  adopt();
  reap();
  const Time now = clock_.now();
  watch_agent(now);
  await(page_.doorbell, rung, std::min(next_ - now, look_every));
}

void Keeper::end() {
  look();
  guard::end(wishes(), processes_);
  carry_out();
  page_.guard.pid = 0;
}

// ---- The agent

void Keeper::watch_agent(Time now) {
  const Duration passed = std::min(now - std::exchange(last_look_, now), 2 * look_every);
  if (child_ && waitpid(static_cast<pid_t>(*child_), nullptr, WNOHANG) != 0) child_.reset();
  const std::int64_t pid = page_.agent.pid;
  if (pid != agent_pid_) {
    agent_pid_ = pid;
    if (agent_pidfd_ >= 0) close(agent_pidfd_);
    agent_pidfd_ = open_process(pid, page_.agent.started);
    agent_killed_ = false;
    agent_silent_ = {};
  }
  if (pid == 0) return;  // It was stopped on purpose.
  if (agent_pidfd_ < 0 || has_ended(agent_pidfd_)) return start_agent(now);
  const std::int64_t beat = page_.agent_beat;
  agent_silent_ = beat == std::exchange(agent_beat_, beat) ? agent_silent_ + passed : Duration{};
  const Duration patience = std::max(Duration{page_.permit.load() / 2}, agent_hangs_after);
  const bool other = pid == other_agent_;  // It knows another page only: the permit does not wait.
  if ((agent_silent_ < patience && !other) || agent_killed_) return;
  // Its successor begins only once it is gone: it is awaited above. (rule 8)
  agent_killed_ = send_signal(agent_pidfd_, SIGKILL);
  voice_.say(other ? "the agent is of another version: killed" : "the agent hangs: killed");
}

void Keeper::start_agent(Time now) {
  if (config_.agent.empty() || child_ || now < start_agent_at_) return;
  start_agent_at_ = now + start_agent_again;
  std::vector<char*> words;
  for (const std::string& word : config_.agent) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  voice_.say("starting the agent: ", words[0]);
  const pid_t child = fork();
  if (child > 0) child_ = child;
  if (child != 0) return;
  // It has nothing of the guard's but its standard streams. (The priority: see main.cpp)
  setsid();
  if (FILE* const score = std::fopen("/proc/self/oom_score_adj", "we")) {
    std::fputs("0", score);
    std::fclose(score);
  }
  close_range(3, ~0U, 0);
  execv(words[0], words.data());
  _exit(127);
}

}  // namespace cierzo::guard
