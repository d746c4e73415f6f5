#include "agent/asio_executor.hpp"

#include <atomic>
#include <deque>
#include <map>
#include <utility>

#include "agent/asio.hpp"

namespace cierzo {
namespace {

// Who comes first, the call or its deadline. Main loop only, but for `phase`: the thread that is
// about to begin the call and the deadline may come at the same moment, and only one of them wins.
struct Race {
  enum class Phase { waiting, begun, expired };
  explicit Race(asio::io_context& io) : timer(io) {}
  // True for the first of both.
  bool leaves_waiting_for(Phase next) {
    Phase expected = Phase::waiting;
    return phase.compare_exchange_strong(expected, next);
  }
  std::atomic<Phase> phase = Phase::waiting;
  asio::steady_timer timer;
  std::function<void(bool)> done;
  void end(bool in_time) {
    if (!done) return;
    timer.cancel();
    std::exchange(done, nullptr)(in_time);
  }
};

std::chrono::steady_clock::duration steady(Duration delay) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(delay);
}

}  // namespace

struct AsioExecutor::State {
  explicit State(asio::io_context& loop)
      : io(loop),
        surveys(1),
        silent(1),
        fences(fence_threads),
        guests(guest_threads),
        pool(pool_threads) {}

  asio::thread_pool& pool_of(const std::string& strand) {
    if (strand == survey_strand) return surveys;
    if (strand.starts_with("silent ")) return silent;
    if (strand.starts_with("fence ")) return fences;
    return strand.starts_with("guest ") ? guests : pool;
  }

  struct Waiting {
    std::function<void()> call;
    std::shared_ptr<Race> race;
  };
  // The calls of one strand that have not returned; the first is on the pool.
  using Strand = std::deque<Waiting>;

  void run_first(const std::string& name) {
    Strand& strand = strands[name];
    // Nobody waits for these any more: run late, they would do twice what was done again meanwhile.
    while (!strand.empty() && !strand.front().race->done) strand.pop_front();
    if (strand.empty()) {
      strands.erase(name);
      return;
    }
    const Waiting& first = strand.front();
    asio::post(pool_of(name), [this, name, call = first.call, race = first.race]() mutable {
      // Its threads may have been busy until after the deadline.
      if (race->leaves_waiting_for(Race::Phase::begun)) call();
      call = nullptr;  // What it captured ends here, not on another thread later.
      asio::post(io, [this, name, race] {
        race->end(true);
        strands[name].pop_front();
        run_first(name);
      });
    });
  }

  asio::io_context& io;
  Clock clock;
  std::map<std::string, Strand> strands;
  asio::thread_pool surveys, silent, fences, guests, pool;
};

AsioExecutor::AsioExecutor(asio::io_context& io) : state_(std::make_unique<State>(io)) {}

AsioExecutor::~AsioExecutor() {
  state_->pool.join();
  state_->guests.join();
  state_->silent.join();
  state_->fences.join();
  state_->surveys.join();
}

Time AsioExecutor::now() const { return state_->clock.now(); }

void AsioExecutor::post(std::function<void()> then) { asio::post(state_->io, std::move(then)); }

void AsioExecutor::after(Duration delay, std::function<void()> then) {
  auto timer = std::make_shared<asio::steady_timer>(state_->io, steady(delay));
  timer->async_wait([timer, then = std::move(then)](boost::system::error_code error) {
    if (!error) then();
  });
}

void AsioExecutor::offload(const std::string& strand, Duration deadline, std::function<void()> call,
                           std::function<void(bool in_time)> done) {
  auto race = std::make_shared<Race>(state_->io);
  race->done = std::move(done);
  race->timer.expires_after(steady(deadline));
  race->timer.async_wait([race](boost::system::error_code error) {
    if (error) return;
    (void)race->leaves_waiting_for(Race::Phase::expired);  // Begun: it is left to end by itself.
    race->end(false);
  });
  auto& waiting = state_->strands[strand];
  waiting.push_back({std::move(call), race});
  if (waiting.size() == 1) state_->run_first(strand);
}

}  // namespace cierzo
