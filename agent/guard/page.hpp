// What the guard and the agent of a host share: one file in the run folder (a tmpfs), mapped by
// both, of a fixed layout. It survives the death of either side, and tells the next one where the
// other was. Every word has one writer, named here; nobody waits for the other with a lock.
//
// How it is read and written
//  * The agent writes `late` before `deadline`, and the lengths before both; the guard reads
//    `deadline` first. So a guard that sees an extension also sees whether it came too late.
//  * The guard writes what it is about to do to a process (`stopped_under`) before it does it.
//  * `doorbell` and `answers` are futexes: each side raises its own after it has changed something.
// Sequential consistency throughout: there is nothing to be won here by less.
//
// Another version of this program finds everything that is here at the same place: a version adds
// fields behind the page's last before `slots`, or behind a slot's last, raises page_version, and
// changes nothing else, ever. So a guard that finds a page of another version makes one of its own
// from it, and no VM notices (an upgrade, or the way back).
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "agent/guard/rules.hpp"

namespace cierzo::guard {

// Rises with every change of what follows: an agent and a guard work together only with a page of
// their own version. Version 1 said nothing of where its slots are.
inline constexpr std::uint32_t page_version = 2, page_version_first = 2;
inline constexpr std::size_t slots_max = 1024;
inline constexpr std::size_t name_max = 255;
inline constexpr const char* default_page = "/run/cierzo/guard.page";

enum class SlotState : std::uint32_t {
  empty,    // Free.                                                  Written by the agent.
  offered,  // The guard shall take it; the rest is filled in.        Agent.
  held,     // The guard has a pidfd of it.                           Guard.
  ended,    // The process has ended, or is another one by now.       Guard.
};

enum SlotFlags : std::uint32_t { flag_ignore = 1, flag_shared = 2, flag_dma = 4 };

// Which process: with its start a pid names one for the boot. pid 0: none.
struct ProcessId {
  std::atomic<std::int64_t> pid;
  std::atomic<std::uint64_t> started;  // Ticks since boot, as /proc/PID/stat has it.
};

struct Slot {
  std::atomic<SlotState> state;
  std::atomic<std::uint32_t> flags;        // Agent, before it is offered.
  ProcessId process;                       // Agent, likewise.
  std::atomic<std::uint64_t> serial;       // Agent, likewise: of two with one name the newer.
  std::array<char, name_max + 1> name;     // Agent, likewise: of the instance.
  std::atomic<Generation> stopped_under;   // Guard.
  std::atomic<Generation> continue_under;  // Agent; the guard sets it to 0 when it has answered.
};

struct Page {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t size;
  std::array<char, 48> boot;  // The boot it is of: times of another one mean nothing.
  std::uint32_t slots_at, slot_size, slot_count,
      unused;  // Bytes from the beginning; of each; how many.

  // The guard's.
  std::atomic<std::int64_t> guard_beat;  // When it looked last.
  ProcessId guard;
  std::atomic<std::uint32_t> answers;  // Futex.
  std::atomic<std::uint64_t> changes;  // Processes stopped, continued, killed or ended.
  std::atomic<Generation> generation;  // These four: Memory.
  std::atomic<std::uint64_t> late_seen;
  std::atomic<std::int64_t> paused_at;
  std::atomic<std::uint32_t> pausing;

  // The agent's.
  std::atomic<std::uint32_t> doorbell;   // Futex.
  std::atomic<std::int64_t> agent_beat;  // When its main loop went round last.
  ProcessId agent;                       // pid 0: it has stopped cleanly, or never ran.
  std::atomic<std::int64_t> deadline;    // These four: Wishes.
  std::atomic<std::uint64_t> late;
  std::atomic<std::int64_t> permit;
  std::atomic<std::int64_t> destroy_after;
  std::atomic<std::uint32_t> complete;  // Every domain of ours that may run is in a slot.
  std::atomic<std::uint64_t> serials;

  std::array<Slot, slots_max> slots;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "shared between processes");
// What all versions have in common: these are sizes of version 2, and stay.
inline constexpr std::size_t common_page = 224, common_slot = 304;
static_assert(offsetof(Page, slots) == common_page && sizeof(Slot) == common_slot);

// A slot of a page of whatever version: of what all have in common.
[[nodiscard]] const Slot& slot_of(const Page& page, std::size_t which);

// The guard of a page that an older version made. pid 0: there is none.
struct OlderGuard {
  std::int64_t pid = 0;
  std::uint64_t started = 0;
};

// The mapping. Not copied; the file is closed with it, the page stays.
class MappedPage {
 public:
  // `version`: for tests, which play other releases.
  explicit MappedPage(std::uint32_t version = page_version) : version_(version) {}
  MappedPage(const MappedPage&) = delete;
  MappedPage& operator=(const MappedPage&) = delete;
  ~MappedPage();

  // For the guard: makes the file where there is none of this boot, and keeps it for itself: one
  // guard at a time. Of a page of another version it makes one of this that says the same. Throws
  // std::runtime_error with a sentence: not writable, another guard has it, or it is no page.
  void create(const std::string& path, const std::string& boot);
  // For the agent: what a guard has made. Empty: it is mapped now. Otherwise why not, and what to
  // do about it; `older` is set where an older version's guard has to go first.
  [[nodiscard]] std::string open(const std::string& path, const std::string& boot,
                                 OlderGuard& older);
  void close();

  // Has create() made it from another version's?
  [[nodiscard]] bool taken_over() const { return taken_over_; }
  [[nodiscard]] Page* get() const { return page_; }
  // Also the page of another version that open() has found: for reading, and only what all versions
  // have in common.
  [[nodiscard]] const Page* seen() const { return page_ != nullptr ? page_ : other_; }
  // Is the file at `path` still this one? Somebody may have removed it.
  [[nodiscard]] bool is_at(const std::string& path) const;

 private:
  void make(const std::string& path, const std::string& boot, const Page* other = nullptr);
  void take_over(const std::string& path, const std::string& boot, int fd);
  [[nodiscard]] std::string map(int fd);
  [[nodiscard]] std::string map_other(int fd);
  const std::uint32_t version_;
  Page* page_ = nullptr;
  const Page* other_ = nullptr;
  std::size_t other_size_ = 0;
  int fd_ = -1;
  bool taken_over_ = false;
};

// Wakes whoever waits for `word` to change, in any process; waits for that, at most so long (or
// until a signal). `seen`: its value when there was nothing to do.
void ring(std::atomic<std::uint32_t>& word);
void await(std::atomic<std::uint32_t>& word, std::uint32_t seen, Duration most);

// When the process was started, as ProcessId has it; 0: there is none. And whether it is stopped by
// a signal. Async-signal-safe, no allocation.
struct ProcessSeen {
  std::uint64_t started = 0;
  char state = 0;  // 'R', 'S', 'T', 'Z' ...
};
[[nodiscard]] ProcessSeen see_process(std::int64_t pid);

// A pidfd of exactly that process, or -1: it has ended. Close it.
[[nodiscard]] int open_process(std::int64_t pid, std::uint64_t started);
// False: it has ended.
bool send_signal(int pidfd, int number);

}  // namespace cierzo::guard
