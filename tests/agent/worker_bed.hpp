// A host's duties, with a simulated hypervisor and virtual time.
#pragma once
#include <gtest/gtest.h>

#include "agent/worker.hpp"
#include "resources/providers/simulated.hpp"
#include "tests/agent/virtual_executor.hpp"

namespace cierzo::test {

using namespace std::chrono_literals;

inline const InstanceName app1{"site-app-1"};
inline const Term worker_term{3, HostId{1}};

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() : provider_({}, [this] { return executor_.now(); }) {
    permit_.heard = worker_term;
    permit_.permit_valid = true;
    permit_.permit_spell = 1;
    make_worker({});
  }

  void make_worker(std::vector<Command> unfinished) {
    WorkerConfig config;
    config.self = HostId{2};
    config.boot = "boot";
    config.state_id = "state";
    config.process = "process";
    config.networks = {{"site", "10.0.0.0/8", "br0", "", {}}};
    config.unfinished = std::move(unfinished);
    config.fresh_boot = fresh_boot_;
    WorkerHooks hooks;
    hooks.permit = [this] { return permit_; };
    hooks.begin = [this](const Command& command, std::function<void()> done) {
      begun_.push_back(command.id);
      executor_.after(disk_takes_, std::move(done));
    };
    hooks.end = [this](Stamp id) { ended_.push_back(id); };
    hooks.answer = [this](const CommandResult& result) { answers_.push_back(result); };
    hooks.changed = [this] { ++changes_; };
    hooks.log = [](const std::string&) {};
    hooks.warn = [this](const std::string& line) { warnings_.push_back(line); };
    worker_ =
        std::make_unique<Worker>(executor_, provider_, guard_, std::move(config), std::move(hooks));
    provider_.listen([this](const DomainEvent& event) {
      executor_.after(0ms, [this, event] { worker_->event(event); });
    });
    worker_->start();
    executor_.run_for(100ms);
  }

  Command command(std::uint64_t number, Work work) const {
    Command made;
    made.id = {worker_term, number};
    made.boot = "boot";
    made.state_id = "state";
    made.permit_spell = 1;
    made.action.instance = app1;
    made.action.on = HostId{2};
    made.action.work = std::move(work);
    return made;
  }

  static StartVm start_vm(std::uint64_t sequence) {
    StartVm start;
    start.instance.name = app1;
    start.instance.resource = ResourceName{"site"};
    start.instance.roles = {RoleName{"app"}};
    start.instance.positions = {1};
    start.instance.address = "10.0.0.11";
    start.instance.mac = "52:54:00:00:00:0b";
    start.instance.image = "mini.qcow2";
    start.instance.memory_kib = 1024;
    start.incarnation = {worker_term, sequence};
    return start;
  }

  std::optional<Observed> seen() const {
    for (const Observed& observed : worker_->report().instances) {
      if (observed.name == app1) return observed;
    }
    return std::nullopt;
  }

  bool running() const {
    const auto now = seen();
    return now && now->presence == Presence::present && now->run == RunState::running;
  }

  VirtualExecutor executor_;
  SimulatedProvider provider_;
  NoGuard guard_;
  election::CommandContext permit_;
  Duration disk_takes_ = 5ms;
  bool fresh_boot_ = false;
  std::vector<Stamp> begun_, ended_;
  std::vector<CommandResult> answers_;
  std::vector<std::string> warnings_;
  int changes_ = 0;
  std::unique_ptr<Worker> worker_;
};

}  // namespace cierzo::test
