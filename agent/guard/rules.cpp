#include "agent/guard/rules.hpp"

#include <algorithm>
#include <array>

namespace cierzo::guard {
namespace {

bool off(const Mutations& mutations, Mutation mutation) {
  return mutations.test(static_cast<std::size_t>(mutation));
}

void stop(Process& process, Generation generation) {
  process.stopped_under = generation;
  process.order = process.dma ? Process::Order::kill : Process::Order::stop;
}

}  // namespace

std::optional<Mutation> mutation_named(std::string_view name) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(Mutation::count)> names = {
      "13-pause", "13-thaw", "13-generation", "13-beyond", "17-starting", "14-destroy"};
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Mutation>(found - names.begin());
}

bool is_over(const Wishes& wishes, Time now, const Mutations& mutations) {
  if (wishes.deadline == stood_down) return false;
  if (wishes.deadline <= now) return true;
  // Nobody gives a permit of that length: whoever wrote it is wrong, and what it stands for is
  // unknown. The safe side is a pause.
  return wishes.deadline > now + wishes.permit + clocks_apart && !off(mutations, Mutation::beyond);
}

Look look(const Wishes& wishes, Time now, Memory& memory, std::span<Process> processes,
          const Mutations& mutations) {
  Look look;
  const bool over = is_over(wishes, now, mutations) && !off(mutations, Mutation::pause);
  // Extensions that came after their deadline had passed. The one that ends the pause which this
  // guard is in begins no other; every further one means that a deadline passed unseen (the whole
  // host was frozen): what ran then may have been replaced elsewhere, so it stops all the same, and
  // what was commanded then must not count any more.
  const std::uint64_t late = off(mutations, Mutation::thaw) ? 0 : wishes.late - memory.late_seen;
  memory.late_seen = wishes.late;
  const bool ends_this_one = memory.pausing && !over && late == 1;
  if ((late > 0 && !ends_this_one) || (over && !memory.pausing)) {
    ++memory.generation;
    memory.paused_at = wishes.deadline > Time{} && wishes.deadline <= now ? wishes.deadline : now;
    look.paused = true;
  }
  memory.pausing = over;
  const Time destroy_at = memory.paused_at + wishes.destroy_after;

  for (Process& process : processes) {
    process.order = Process::Order::none;
    const Generation wanted = process.continue_under;
    process.continue_under = 0;
    if (process.ignore) continue;
    if (look.paused) {
      stop(process, memory.generation);
    } else if (over && process.stopped_under == 0 && !off(mutations, Mutation::starting)) {
      stop(process, memory.generation);  // It was being started at that moment.
    } else if (!over && wanted != 0 && process.stopped_under != 0 &&
               (wanted == process.stopped_under || off(mutations, Mutation::generation))) {
      process.stopped_under = 0;
      process.order = Process::Order::go_on;
      look.again = true;
    }
    if (!over || !process.shared || off(mutations, Mutation::destroy)) continue;
    if (now >= destroy_at) {
      process.order = Process::Order::kill;
    } else {
      look.next = std::min(look.next, destroy_at);
    }
  }
  if (!over && wishes.deadline != stood_down) look.next = std::min(look.next, wishes.deadline);
  return look;
}

void end(const Wishes& wishes, std::span<Process> processes) {
  for (Process& process : processes) {
    const bool kill = process.stopped_under != 0 && wishes.deadline != stood_down;
    process.order = kill ? Process::Order::kill : Process::Order::none;
  }
}

}  // namespace cierzo::guard
