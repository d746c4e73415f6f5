// What a worker takes for a host whose guard holds everything: no stamp leaves before. (rule 13)
#include <gtest/gtest.h>

#include <set>

#include "agent/worker.hpp"
#include "resources/providers/simulated.hpp"
#include "tests/agent/virtual_executor.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

const Term term{3, HostId{1}};

// Of some domains the process cannot be told, as where libvirt's NAME.pid cannot be read.
class Unreadable : public SimulatedProvider {
 public:
  using SimulatedProvider::SimulatedProvider;
  [[nodiscard]] Survey survey() override {
    Survey survey = SimulatedProvider::survey();
    survey.has_processes = has_processes;
    for (DomainSeen& domain : survey.domains) {
      if (unreadable.contains(domain.metadata.instance)) domain.process = {};
    }
    return survey;
  }
  std::set<InstanceName> unreadable;
  bool has_processes = true;
};

class Recorder : public NoGuard {
 public:
  [[nodiscard]] Outcome manage(const ManagedDomain& domain) override {
    held.insert(domain.name);
    return {};
  }
  [[nodiscard]] bool complete() const override { return complete_; }
  void note_complete(std::uint64_t) override { complete_ = true; }
  std::set<InstanceName> held;

 private:
  bool complete_ = false;
};

class HandOver : public ::testing::Test {
 protected:
  HandOver() : provider_({}, [this] { return executor_.now(); }) {
    for (const char* name : {"site-app-1", "site-app-2"}) {
      StartVm start;
      start.instance.name = InstanceName{name};
      start.instance.resource = ResourceName{"site"};
      start.instance.image = "mini.qcow2";
      start.incarnation = {term, 1};
      EXPECT_TRUE(provider_.create(start).ok());
    }
  }
  void start() {
    WorkerConfig config;
    config.self = HostId{2};
    WorkerHooks hooks;
    hooks.permit = [] { return election::CommandContext{}; };
    hooks.changed = [] {};
    hooks.log = hooks.warn = [](const std::string&) {};
    worker_ =
        std::make_unique<Worker>(executor_, provider_, guard_, std::move(config), std::move(hooks));
    worker_->start();
    executor_.run_for(100ms);
  }
  VirtualExecutor executor_;
  Unreadable provider_;
  Recorder guard_;
  std::unique_ptr<Worker> worker_;
};

TEST_F(HandOver, IsCompleteOnceEveryProcessIsHeld) {
  start();
  EXPECT_EQ(guard_.held.size(), 2U);
  EXPECT_TRUE(guard_.complete());
}

// A process that nobody can name may run all the same: unknown is not absent. (rule 18)
TEST_F(HandOver, IsNotCompleteWhileAProcessCannotBeTold) {
  provider_.unreadable = {InstanceName{"site-app-2"}};
  start();
  EXPECT_EQ(guard_.held, std::set<InstanceName>{InstanceName{"site-app-1"}});
  executor_.run_for(1min);
  EXPECT_FALSE(guard_.complete());
  provider_.unreadable.clear();
  executor_.run_for(10s);
  EXPECT_TRUE(guard_.complete());
}

// libvirt's test driver invents its domains: there is nothing that could run on.
TEST_F(HandOver, IsCompleteWhereDomainsHaveNoProcesses) {
  provider_.unreadable = {InstanceName{"site-app-1"}, InstanceName{"site-app-2"}};
  provider_.has_processes = false;
  start();
  EXPECT_TRUE(guard_.complete());
}

}  // namespace
}  // namespace cierzo
