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
  at(timeline_.now() + clock_.true_length(std::max(delay, Duration::zero())), std::move(then));
}

void HostExecutor::offload(const std::string& strand, Duration deadline, std::function<void()> call,
                           std::function<void(bool in_time)> done) {
  const Time now = timeline_.now();
  Time& free_from = free_from_[strand];
  const Time begins = std::max({now, free_from, hangs_until_});
  const Duration takes = random_.between(call_.min, call_.max);
  const Time gives_up = now + deadline;
  if (begins < gives_up) {
    free_from = begins + takes;
    timeline_.at(begins + takes / 2, host_,
                 [process = process_, begins, boot = boot_, &clock = clock_, call] {
                   const bool begun = process->alive || process->ended > begins;
                   if (begun && clock.booted == boot) call();
                 });
  }
  const bool in_time = begins + takes <= gives_up;
  at(in_time ? begins + takes : gives_up, [done = std::move(done), in_time] { done(in_time); });
}

SimulatedStore::SimulatedStore(Disk& disk, const std::string& boot, HostExecutor& executor,
                               Timeline& timeline, Latency sync, Random& random)
    : disk_(disk),
      loaded_(disk.state),
      executor_(executor),
      timeline_(timeline),
      sync_(sync),
      random_(random) {
  loaded_.created = !std::exchange(disk_.used, true);
  disk_.state.last_boot = boot;
}

void SimulatedStore::commit(Batch batch, std::function<void()> done) {
  synced_until_ = std::max(synced_until_, timeline_.now() + random_.between(sync_.min, sync_.max));
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
