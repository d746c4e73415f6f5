#include "tests/simulation/site/process.hpp"

#include <algorithm>
#include <utility>

namespace cierzo::simulation {

void HostExecutor::at(Time when, std::function<void()> then) {
  timeline_.at(when, host_, [process = process_, then = std::move(then)]() mutable {
    if (!process->alive) return;
    if (process->frozen) return process->waiting.push_back(std::move(then));
    then();
  });
}

void HostExecutor::after(Duration delay, std::function<void()> then) {
  at(timeline_.now() + machine_.clock.true_length(std::max(delay, Duration::zero())),
     std::move(then));
}

void HostExecutor::offload(const std::string& strand, Duration deadline, std::function<void()> call,
                           std::function<void(bool in_time)> done) {
  const Time now = timeline_.now();
  Time& free_from = free_from_[strand];
  const Time begins = std::max({now, free_from, machine_.hangs_until});
  const Duration takes = random_.between(call_.min, call_.max);
  const Time gives_up = now + deadline;
  if (begins < gives_up) {
    free_from = begins + takes;
    timeline_.at(begins + takes / 2, host_,
                 [process = process_, begins, boot = boot_, &machine = machine_, call] {
                   const bool begun = process->alive || process->ended > begins;
                   if (!begun || machine.clock.booted != boot) return;
                   if (machine.frozen) return machine.waiting.push_back(call);
                   call();
                 });
  }
  const bool in_time = begins + takes <= gives_up;
  at(in_time ? begins + takes : gives_up, [done = std::move(done), in_time] { done(in_time); });
}

SimulatedStore::SimulatedStore(Disk& disk, const std::string& boot, HostExecutor& executor,
                               Timeline& timeline, const Machine& machine, Random& random,
                               Hooks hooks)
    : disk_(disk),
      loaded_(disk.state),
      executor_(executor),
      timeline_(timeline),
      machine_(machine),
      random_(random),
      hooks_(std::move(hooks)) {
  loaded_.created = !std::exchange(disk_.used, true);
  disk_.state.last_boot = boot;
}

void SimulatedStore::commit(Batch batch, std::function<void()> done) {
  hooks_.look(batch);
  const Latency& sync = machine_.sync;
  synced_until_ = std::max(synced_until_, timeline_.now() + random_.between(sync.min, sync.max));
  if (machine_.disk_full) return executor_.at(synced_until_, hooks_.failed);
  unsynced_.push_back(std::move(batch));
  executor_.at(synced_until_, [this, done = std::move(done)] {
    apply(unsynced_.front(), disk_.state);
    unsynced_.pop_front();
    done();
  });
}

void SimulatedStore::cut_short() {
  while (!unsynced_.empty() && random_.chance(0.5)) {
    apply(unsynced_.front(), disk_.state);
    unsynced_.pop_front();
  }
}

void SimulatedStore::apply(const Batch& batch, StoredState& state) {
  election::apply(state.durable, batch.persist);
  for (const Command& command : batch.received) {
    state.command_mark = std::max(state.command_mark, command.id);
    state.unfinished.push_back(command);
  }
  for (const Stamp& id : batch.finished) {
    std::erase_if(state.unfinished, [&](const Command& command) { return command.id == id; });
  }
}

}  // namespace cierzo::simulation
