// The wiring of one agent, where it meets what outlives it. What agents do together is the
// simulation's to show.
#include "agent/agent.hpp"

#include <gtest/gtest.h>

#include "resources/providers/simulated.hpp"
#include "tests/agent/virtual_executor.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

// Everything is on disk at once.
class MemoryStore : public Store {
 public:
  explicit MemoryStore(Executor& executor) : executor_(executor) {}
  [[nodiscard]] const StoredState& loaded() const override { return state_; }
  void commit(Batch, std::function<void()> done) override { executor_.post(std::move(done)); }

 private:
  Executor& executor_;
  StoredState state_;
};

// Knows whether somebody would be called.
class WatchedProvider : public SimulatedProvider {
 public:
  using SimulatedProvider::SimulatedProvider;
  void listen(std::function<void(DomainEvent)> listener) override {
    listened = listener != nullptr;
    SimulatedProvider::listen(std::move(listener));
  }
  bool listened = false;
};

// The provider's threads go on when the agent ends: what they tell then must not reach it.
TEST(AgentTest, EndsItsListeningWhenItEnds) {
  VirtualExecutor executor;
  MemoryStore store(executor);
  WatchedProvider provider({}, [&] { return executor.now(); });
  NoGuard guard;
  Config config;
  config.self = HostId{1};
  config.name = "node1";
  config.hosts = {{config.self, config.name, config.name, "", true}};
  config.timing.heartbeat = 1s;
  config.timing.lease = 4s;
  config.timing.permit = 20s;
  config.timing.answer = 200ms;
  config.converge = 1s;
  AgentSeams seams{executor,
                   store,
                   provider,
                   guard,
                   [](HostId, const PeerMessage&) { return true; },
                   [] { return "id"; },
                   [] {},
                   {}};
  auto agent = std::make_unique<Agent>(config, "boot", std::move(seams));
  agent->start();
  executor.run_for(1s);
  EXPECT_TRUE(provider.listened);
  agent.reset();
  EXPECT_FALSE(provider.listened);
}

}  // namespace
}  // namespace cierzo
