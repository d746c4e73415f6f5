#include "agent/guard/link.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace cierzo {
namespace {

using namespace std::chrono_literals;
using guard::Page;
using guard::SlotState;

// A guard looks 50 times a second. Stamps are withheld after this: long before a permit could end
// that nobody watches.
constexpr Duration guard_lives = 250ms;
// One that is silent for so long hangs: it is killed, so that another can take its place.
constexpr Duration guard_hangs_after = 2s;
constexpr Duration start_guard_again = 1s;
constexpr Duration answer_limit = 1s;
constexpr const char* start_it = "start it: systemctl start cierzo-guard";

// Until `done`, at most answer_limit.
template <class Done>
bool await_answer(Page& page, Done done) {
  const auto give_up = std::chrono::steady_clock::now() + answer_limit;
  for (;;) {
    const std::uint32_t seen = page.answers;
    if (done()) return true;
    const auto left = give_up - std::chrono::steady_clock::now();
    if (left <= Duration::zero()) return false;
    guard::await(page.answers, seen, left);
  }
}

Outcome no_answer() {
  return {FailureKind::unreachable, std::string("the guard does not answer; ") + start_it};
}

Outcome not_held(const InstanceName& name) {
  return {FailureKind::not_found,
          "the guard does not hold the process of " + name.value + ", so it must not run"};
}

Outcome refused(const InstanceName& name) {
  return {FailureKind::other,
          "the guard refuses to resume " + name.value + ": the permit has ended since"};
}

}  // namespace

GuardLink::GuardLink(GuardLinkConfig config) : config_(std::move(config)) { open(); }

// The page keeps all of it for the next agent. One that ends without standing down leaves its id
// there: the guard sees that it has died.
GuardLink::~GuardLink() = default;

void GuardLink::open() {
  auto mapped = std::make_shared<guard::MappedPage>(config_.version);
  guard::OlderGuard older;
  std::string why = mapped->open(config_.page, config_.boot, older);
  if (older.pid != 0) replace_older(older);
  const std::lock_guard lock(mutex_);
  slots_.clear();
  why_not_open_ = std::move(why);
  // Where there is none, or it is torn: what the last one said must end as it said.
  if (mapped->seen() != nullptr) seen_ = mapped;
  mapped_ = why_not_open_.empty() ? std::move(mapped) : nullptr;
  ++era_;
  if (page() == nullptr) return;
  page()->agent.started = guard::see_process(getpid()).started;
  page()->agent.pid = getpid();
  read_slots();
}

// What an earlier agent has handed over.
void GuardLink::read_slots() {
  for (std::size_t i = 0; i < guard::slots_max; ++i) {
    const guard::Slot& slot = page()->slots[i];
    const SlotState state = slot.state;
    if (state != SlotState::held && state != SlotState::offered) continue;
    const InstanceName name{
        std::string(slot.name.data(), strnlen(slot.name.data(), guard::name_max))};
    const auto [found, is_new] = slots_.emplace(name, i);
    if (!is_new && page()->slots[found->second].serial < slot.serial) found->second = i;
  }
}

// ---- Main loop

void GuardLink::beat(Time now) {
  const Duration passed = std::min(now - std::exchange(beat_at_, now), 2 * beat_every);
  if (child_ && waitpid(*child_, nullptr, WNOHANG) != 0) child_.reset();
  if (page() != nullptr) {
    page()->agent_beat = now.count();
    const std::int64_t seen = page()->guard_beat;
    guard_silent_ =
        seen == std::exchange(guard_beat_, seen) ? guard_silent_ + passed : Duration::zero();
    if (guard_silent_ < guard_lives) return;
  }
  // None, or it has died, or it hangs. Another one may have made another page.
  if (page() == nullptr || !mapped_->is_at(config_.page)) open();
  replace_guard(now);
  pause_unguarded(now);
}

// Nobody else would: the guard is away, and others may be starting these VMs elsewhere now. Only
// the guard continues a process; the next one finds them standing still, and takes them for paused.
// Also where there is no page to work with, but another version's or the last one: nobody writes a
// later deadline to it.
void GuardLink::pause_unguarded(Time now) {
  const guard::Page* const page = seen();
  if (page == nullptr) return;
  const Time deadline{page->deadline.load()};
  if (deadline == guard::stood_down || deadline > now) return;
  for (std::size_t i = 0; i < page->slot_count; ++i) {
    const guard::Slot& slot = guard::slot_of(*page, i);
    const SlotState state = slot.state;
    if (state != SlotState::held && state != SlotState::offered) continue;
    const std::uint32_t flags = slot.flags;
    if ((flags & guard::flag_ignore) != 0) continue;
    const int pidfd = guard::open_process(slot.process.pid, slot.process.started);
    if (pidfd < 0) continue;
    guard::send_signal(pidfd, (flags & guard::flag_dma) != 0 ? SIGKILL : SIGSTOP);
    close(pidfd);
  }
}

void GuardLink::replace_guard(Time now) {
  if (page() != nullptr) {
    const int pidfd = guard::open_process(page()->guard.pid, page()->guard.started);
    if (pidfd >= 0) {
      if (guard_silent_ >= guard_hangs_after) guard::send_signal(pidfd, SIGKILL);
      close(pidfd);
      return;
    }
  }
  if (config_.program.empty() || child_ || now < start_guard_at_) return;
  start_guard_at_ = now + start_guard_again;
  start_guard();
}

// The guard that runs is of the release before: its unit, or this agent, starts the installed one,
// which takes its page over. Killed, not told to end: then it would kill what is paused. Once: if
// the same one comes back an administrator has to look.
void GuardLink::replace_older(const guard::OlderGuard& older) {
  if (replaced_older_) return;
  const int pidfd = guard::open_process(older.pid, older.started);
  if (pidfd < 0) return;
  replaced_older_ = guard::send_signal(pidfd, SIGKILL);
  close(pidfd);
}

// In a session of its own, with nothing of this agent's but its standard streams: it outlives it.
void GuardLink::start_guard() {
  std::string program = config_.program, option = "--page", file = config_.page;
  char* words[] = {program.data(), option.data(), file.data(), nullptr};
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  pid_t child = 0;
  if (posix_spawn(&child, program.c_str(), &actions, &attributes, words, environ) == 0) {
    child_ = child;
  }
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
}

bool GuardLink::alive(Time now) const {
  if (page() == nullptr) return false;
  const Time beat{page()->guard_beat.load()};
  return beat != Time{} && now - beat < guard_lives && beat - now < guard_lives;
}

std::string GuardLink::error(Time now) const {
  if (page() == nullptr) return why_not_open_;
  if (!alive(now)) return std::string("its guard does not run, or hangs; ") + start_it;
  if (!complete()) return "its guard does not hold every VM yet: libvirtd has not named them";
  return {};
}

Time GuardLink::deadline() const {
  if (seen() == nullptr) return Time{};
  const Time deadline{seen()->deadline.load()};
  return deadline == guard::stood_down ? Time{} : deadline;
}

void GuardLink::set_deadline(Time deadline, Time now) {
  if (page() == nullptr) return;
  // Read before it is written over: the guard may not have looked in between. Where both clocks
  // differ by a little the guard has seen it for itself, or the extension was in time.
  if (Time{page()->deadline.load()} <= now) ++page()->late;
  page()->deadline = deadline.count();
  guard::ring(page()->doorbell);
}

void GuardLink::set_lengths(Duration permit, Duration destroy_after) {
  if (page() == nullptr) return;
  page()->permit = permit.count();
  page()->destroy_after = destroy_after.count();
}

void GuardLink::stand_down() {
  if (page() == nullptr) return;
  page()->deadline = guard::stood_down.count();
  page()->agent.pid = 0;
  guard::ring(page()->doorbell);
}

bool GuardLink::complete() const { return page() != nullptr && page()->complete != 0; }

void GuardLink::note_complete(std::uint64_t era) {
  const std::lock_guard lock(mutex_);
  if (page() != nullptr && era == era_) page()->complete = 1;
}

std::uint64_t GuardLink::era() const {
  const std::lock_guard lock(mutex_);
  return era_;
}

std::uint64_t GuardLink::changes() const { return page() == nullptr ? 0 : page()->changes.load(); }

// ---- Any thread

guard::Slot* GuardLink::find(const InstanceName& name) const {
  const auto found = slots_.find(name);
  if (found == slots_.end()) return nullptr;
  guard::Slot& slot = page()->slots[found->second];
  return slot.state == SlotState::held || slot.state == SlotState::offered ? &slot : nullptr;
}

guard::Generation GuardLink::stopped_under(const InstanceName& name) const {
  const std::lock_guard lock(mutex_);
  if (page() == nullptr) return 0;
  const guard::Slot* const slot = find(name);
  return slot == nullptr ? 0 : slot->stopped_under.load();
}

guard::Slot* GuardLink::free_slot() const {
  for (guard::Slot& slot : page()->slots) {
    const SlotState state = slot.state;
    if (state == SlotState::empty || state == SlotState::ended) return &slot;
  }
  return nullptr;
}

void GuardLink::put(const ManagedDomain& domain, guard::Slot& slot) {
  const auto index = static_cast<std::size_t>(&slot - page()->slots.data());
  // Of whoever had it before: otherwise that name would stand for this process, too.
  std::erase_if(slots_, [index](const auto& entry) { return entry.second == index; });
  slot.state = SlotState::empty;
  slot.flags = (domain.ignore ? guard::flag_ignore : 0U) |
               (domain.shared ? guard::flag_shared : 0U) |
               (domain.process.dma ? guard::flag_dma : 0U);
  slot.process.pid = domain.process.pid;
  slot.process.started = domain.process.started;
  slot.serial = ++page()->serials;
  slot.name.fill('\0');
  domain.name.value.copy(slot.name.data(), guard::name_max);
  slots_[domain.name] = index;
  slot.state = SlotState::offered;
}

Outcome GuardLink::manage(const ManagedDomain& domain) {
  std::unique_lock lock(mutex_);
  if (page() == nullptr) return {FailureKind::unreachable, why_not_open_};
  guard::Slot* slot = find(domain.name);
  const bool same = slot != nullptr && slot->process.pid == domain.process.pid &&
                    slot->process.started == domain.process.started;
  if (same && slot->state == SlotState::held) return {};
  if (!same) {
    slot = free_slot();
    if (slot == nullptr) {
      return {FailureKind::no_capacity,
              "the guard holds " + std::to_string(guard::slots_max) + " VMs already, and no more"};
    }
    put(domain, *slot);
  }
  const auto mapped = mapped_;
  const std::uint64_t serial = slot->serial;
  lock.unlock();
  Page& shared = *mapped->get();
  guard::ring(shared.doorbell);
  const auto decided = [&] { return slot->state != SlotState::offered || slot->serial != serial; };
  if (!await_answer(shared, decided)) return no_answer();
  if (slot->state == SlotState::held && slot->serial == serial) return {};
  return {FailureKind::not_found, "the process of " + domain.name.value + " has ended"};
}

Outcome GuardLink::go_on(const InstanceName& name, guard::Generation generation) {
  std::unique_lock lock(mutex_);
  if (page() == nullptr) return {FailureKind::unreachable, why_not_open_};
  guard::Slot* const slot = find(name);
  if (slot == nullptr || slot->state != SlotState::held) return not_held(name);
  if (slot->stopped_under == 0) return {};
  if (generation == 0) return refused(name);
  const auto mapped = mapped_;
  // With the mutex held, as long as it is known whose slot this is: many that were stopped together
  // have the same generation.
  const std::uint64_t serial = slot->serial;
  slot->continue_under = generation;
  lock.unlock();
  guard::ring(mapped->get()->doorbell);
  const auto answered = [&] { return slot->continue_under == 0 || slot->serial != serial; };
  if (!await_answer(*mapped->get(), answered)) {
    // Taken back, so that it is not granted after it was reported as failed; unless it just was.
    guard::Generation asked = generation;
    if (slot->continue_under.compare_exchange_strong(asked, 0)) return no_answer();
  }
  if (slot->serial != serial || slot->state != SlotState::held) return not_held(name);
  return slot->stopped_under == 0 ? Outcome{} : refused(name);
}

}  // namespace cierzo
