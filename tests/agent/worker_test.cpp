// A host's duties, on the simulated provider and in virtual time.
#include "agent/worker.hpp"

#include <gtest/gtest.h>

#include "resources/providers/simulated.hpp"
#include "tests/agent/virtual_executor.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

const InstanceName app1{"site-app-1"};
const Term term{3, HostId{1}};

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() : provider_({}, [this] { return executor_.now(); }) {
    permit_.heard = term;
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
    made.id = {term, number};
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
    start.incarnation = {term, sequence};
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

TEST_F(WorkerTest, OfAnImageThatItHasNotLookedForYetItSaysNothing) {
  worker_->ask_images({"/var/tmp/a.img"});
  EXPECT_TRUE(worker_->report().images_asked.empty());
  executor_.run_for(1s);
  EXPECT_EQ(worker_->report().images_asked, (std::vector<std::string>{"/var/tmp/a.img"}));
}

TEST_F(WorkerTest, StartsADomainAndReportsItUntilItsGuestAnswers) {
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(1s);
  ASSERT_TRUE(running());
  EXPECT_FALSE(seen()->guest_answers);
  EXPECT_EQ(seen()->incarnation, (Incarnation{term, 1}));
  EXPECT_TRUE(executor_.run_until([this] { return seen()->guest_answers; }, 10s));
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_TRUE(answers_[0].ok);
}

// Rule 17: mark and entry are on disk before anything happens.
TEST_F(WorkerTest, BeginsNothingBeforeItIsWrittenDown) {
  disk_takes_ = 2s;
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(1900ms);
  ASSERT_EQ(begun_.size(), 1U);
  EXPECT_FALSE(seen().has_value());
  executor_.run_for(1s);
  EXPECT_TRUE(running());
}

// The same for a command that waited behind another.
TEST_F(WorkerTest, BeginsNoWaitingCommandBeforeItIsWrittenDown) {
  worker_->command(command(1, start_vm(1)));
  disk_takes_ = 5s;
  worker_->command(command(2, ResetVm{{term, 1}}));
  executor_.run_for(3s);
  ASSERT_TRUE(running());
  for (const std::string& call : provider_.calls()) EXPECT_NE(call, "reset " + app1.value);
  executor_.run_for(5s);
  const auto calls = provider_.calls();
  EXPECT_EQ(std::count(calls.begin(), calls.end(), "reset " + app1.value), 1);
}

// Rule 17: what is not above the mark is refused; a repeated command does nothing.
TEST_F(WorkerTest, ObeysACommandOnce) {
  worker_->command(command(2, start_vm(1)));
  worker_->command(command(2, start_vm(1)));
  worker_->command(command(1, StopVm{{term, 1}, 0ms, false}));
  executor_.run_for(5s);
  EXPECT_EQ(begun_.size(), 1U);
  EXPECT_TRUE(running());
}

TEST_F(WorkerTest, RefusesAnotherBootStateTermOrSpell) {
  std::vector<Command> wrong(4, command(1, start_vm(1)));
  wrong[0].boot = "before";
  wrong[1].state_id = "another";
  wrong[2].id.term = {2, HostId{1}};
  wrong[3].permit_spell = 2;
  for (const Command& one : wrong) worker_->command(one);
  executor_.run_for(5s);
  EXPECT_TRUE(begun_.empty());
  EXPECT_FALSE(seen().has_value());
  ASSERT_EQ(answers_.size(), 4U);
  for (const CommandResult& answer : answers_) EXPECT_TRUE(answer.refused);
}

// Rule 17: the permit is asked for again when the call begins, and once more before the CPUs run.
TEST_F(WorkerTest, DoesNotBeginWithoutAPermit) {
  disk_takes_ = 1s;
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(500ms);
  permit_.permit_valid = false;
  permit_.permit_spell = 0;
  executor_.run_for(5s);
  EXPECT_FALSE(seen().has_value());
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_TRUE(answers_[0].refused);
}

TEST_F(WorkerTest, LetsNoCpuRunWhenThePermitEndsWhileTheDomainIsCreated) {
  executor_.call_takes = 300ms;
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(100ms);  // Written down; creating is under way.
  permit_.permit_valid = false;
  permit_.permit_spell = 0;
  executor_.run_for(5s);
  for (const std::string& call : provider_.calls()) EXPECT_NE(call, "run " + app1.value);
  const auto now = seen();
  EXPECT_TRUE(!now || now->presence == Presence::absent);
}

// Rule 17: a command is under way until a survey that began after it shows what it did.
TEST_F(WorkerTest, ReportsACommandUntilItsEffectIsSeen) {
  provider_.listen([](const DomainEvent&) {});  // No event makes a survey sooner.
  executor_.call_takes = 5ms;
  worker_->command(command(1, start_vm(1)));
  bool effect_without_end = true;
  for (int i = 0; i < 100; ++i) {
    executor_.run_for(1ms);
    const Report report = worker_->report();
    if (report.unfinished.empty()) {
      effect_without_end = !running();
      break;
    }
    EXPECT_EQ(report.executed, (Stamp{term, 1}));
  }
  EXPECT_FALSE(effect_without_end);
  EXPECT_EQ(ended_, (std::vector<Stamp>{{term, 1}}));
}

// Rule 18: a hypervisor that does not answer says nothing about what runs.
TEST_F(WorkerTest, KeepsWhatItKnewWhileTheHypervisorIsSilent) {
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(2s);
  ASSERT_TRUE(running());
  executor_.hanging.insert("survey");
  executor_.run_for(30s);
  EXPECT_FALSE(worker_->report().hypervisor_answers);
  EXPECT_TRUE(running()) << "listed as it was; the leader takes it as unknown";
  executor_.hanging.clear();
  executor_.run_for(30s);
  EXPECT_TRUE(worker_->report().hypervisor_answers);
}

// Its reason goes with the report, and a person is told once, not with every survey.
TEST_F(WorkerTest, TellsOnceWhyTheHypervisorDoesNotAnswer) {
  provider_.set_hypervisor_answers(false);
  executor_.run_for(30s);
  EXPECT_FALSE(worker_->report().hypervisor_answers);
  EXPECT_EQ(worker_->report().hypervisor_error, "there is no connection to libvirtd");
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_NE(warnings_[0].find("systemctl status libvirtd"), std::string::npos);
  provider_.set_hypervisor_answers(true);
  executor_.run_for(5s);
  EXPECT_EQ(worker_->report().hypervisor_error, "");
}

// Rule 18: before the hypervisor was seen once, what is not listed is not absent.
TEST_F(WorkerTest, IsNoInventoryBeforeTheHypervisorAnsweredOnce) {
  provider_.set_hypervisor_answers(false);
  make_worker({});
  executor_.run_for(10s);
  EXPECT_FALSE(worker_->report().surveyed);
  provider_.set_hypervisor_answers(true);
  executor_.run_for(5s);
  EXPECT_TRUE(worker_->report().surveyed);
  provider_.set_hypervisor_answers(false);
  executor_.run_for(5s);
  EXPECT_TRUE(worker_->report().surveyed) << "what it knew then is listed, and uncertain";
}

// After a boot no domain can be there, but a disk can: it must not be made anew elsewhere because
// libvirtd is late.
TEST_F(WorkerTest, AfterABootItsDisksAreTheInventoryAlsoBeforeTheHypervisorAnswers) {
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(2s);
  provider_.set_hypervisor_answers(false);
  fresh_boot_ = true;
  make_worker({});
  executor_.run_for(5s);
  EXPECT_TRUE(worker_->report().surveyed);
  EXPECT_FALSE(worker_->report().hypervisor_answers);
  ASSERT_TRUE(seen()) << "its disk is listed";
  EXPECT_TRUE(seen()->overlay);
}

TEST_F(WorkerTest, AfterABootItIsNoInventoryBeforeTheDisksWereSeen) {
  executor_.hanging.insert(survey_strand);
  fresh_boot_ = true;
  make_worker({});
  executor_.run_for(20s);
  EXPECT_FALSE(worker_->report().surveyed);
}

// A process that has ended is proof: no survey is waited for, and the host has room again.
TEST_F(WorkerTest, ReportsADeathWhileTheHypervisorHangs) {
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(2s);
  ASSERT_TRUE(running());
  const int cpus_free = worker_->report().cpus_free;
  executor_.hanging.insert("survey");
  changes_ = 0;
  provider_.crash(app1);
  executor_.run_for(1ms);
  EXPECT_EQ(changes_, 1) << "told at once, not after others might have come";
  ASSERT_TRUE(seen());
  EXPECT_EQ(seen()->presence, Presence::absent);
  EXPECT_TRUE(seen()->overlay);
  EXPECT_EQ(worker_->report().cpus_free, cpus_free + 1);
}

// The end of an earlier copy says nothing about the one that runs now.
TEST_F(WorkerTest, TakesADeathForThatIncarnationOnly) {
  worker_->command(command(1, start_vm(2)));
  executor_.run_for(2s);
  ASSERT_TRUE(running());
  executor_.hanging.insert("survey");
  worker_->event({DomainEvent::What::died, app1, {term, 1}});
  executor_.run_for(1s);
  EXPECT_TRUE(running());
}

// A survey that still lists what has died (libvirt does, for a while) does not bring it back.
TEST_F(WorkerTest, BelievesADeathRatherThanAnOlderList) {
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(2s);
  ASSERT_TRUE(running());
  worker_->event({DomainEvent::What::died, app1, {term, 1}});
  executor_.run_for(5s);
  EXPECT_EQ(seen()->presence, Presence::absent);
}

// Nor is it a failure of the instance: when the hypervisor is back it is started at once.
TEST_F(WorkerTest, DoesNotCountAStartThatTheHypervisorDidNotAnswer) {
  provider_.fail_next("create", {FailureKind::unreachable, "libvirtd hangs"}, 1);
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(1s);
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_FALSE(answers_[0].ok);
  for (const Observed& observed : worker_->report().instances) EXPECT_EQ(observed.start.count, 0);
}

TEST_F(WorkerTest, CountsStartsThatFailAndTellsWhy) {
  provider_.fail_next("create", {FailureKind::no_capacity, "no room"}, 2);
  worker_->command(command(1, start_vm(1)));
  executor_.run_for(1s);
  worker_->command(command(2, start_vm(2)));
  executor_.run_for(1s);
  ASSERT_TRUE(seen());
  EXPECT_EQ(seen()->start.count, 2);
  EXPECT_EQ(seen()->start.error, "no room");
  worker_->command(command(3, start_vm(3)));
  executor_.run_for(1s);
  EXPECT_EQ(seen()->start.count, 0);
}

TEST_F(WorkerTest, ConfiguresAndChecksAGuest) {
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return seen() && seen()->guest_answers; }, 10s));
  Configure configure;
  configure.incarnation = {term, 1};
  configure.address = "10.0.0.11";
  configure.hostname = app1.value;
  configure.digest = "network-digest";
  worker_->command(command(2, configure));
  ASSERT_TRUE(
      executor_.run_until([this] { return seen()->network_digest == "network-digest"; }, 10s));

  RunScript run;
  run.incarnation = {term, 1};
  run.role = RoleName{"app"};
  run.input.digest = "inputs";
  run.timeout = 10s;
  worker_->command(command(3, run));
  ASSERT_TRUE(executor_.run_until(
      [this] { return seen()->roles[RoleName{"app"}].configured_digest == "inputs"; }, 20s));

  Attend attend;
  attend.incarnation = {term, 1};
  attend.digest = "checks";
  attend.checks.push_back({RoleName{"app"}, "", {}, 2s, 1s, 3});
  worker_->command(command(4, attend));
  EXPECT_TRUE(executor_.run_until(
      [this] { return seen()->roles[RoleName{"app"}].health == Health::passing; }, 10s));

  provider_.set_script(app1, ScriptPurpose::Kind::check, RoleName{"app"},
                       {1, "port 80 is closed", 10ms});
  ASSERT_TRUE(executor_.run_until(
      [this] { return seen()->roles[RoleName{"app"}].health == Health::failing; }, 20s));
  EXPECT_EQ(seen()->roles[RoleName{"app"}].error, "port 80 is closed");
}

// How busy a role says it is; what a run that fails, or another boot, has said is not known.
TEST_F(WorkerTest, ReportsLoads) {
  const RoleName app{"app"};
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return seen() && seen()->guest_answers; }, 10s));
  Attend attend{{term, 1}, {}, "checks", {{app, "", {}, 2s, 1s, 1}}};
  worker_->command(command(2, attend));
  provider_.set_script(app1, ScriptPurpose::Kind::metrics, app, {0, "jobs=2\nload=4", 10ms});
  executor_.run_for(10s);
  EXPECT_EQ(seen()->roles[app].load, std::nullopt) << "it has not started";
  worker_->command(command(3, RunScript{{term, 1}, app, ScriptKind::start, "", {}, 10s, {}}));
  const auto says = [&](std::optional<int> load) {
    return executor_.run_until([&] { return seen()->roles[app].load == load; }, 10s);
  };
  EXPECT_TRUE(says(4));
  EXPECT_EQ(seen()->roles[app].health, Health::unknown) << "it is no check";
  provider_.set_script(app1, ScriptPurpose::Kind::metrics, app, {1, "load=5", 10ms});
  EXPECT_TRUE(says(std::nullopt));
  provider_.set_script(app1, ScriptPurpose::Kind::metrics, app, {0, "load=0", 10ms});
  EXPECT_TRUE(says(0));
  worker_->command(command(4, RunScript{{term, 1}, app, ScriptKind::drain, "", {}, 10s, {}}));
  EXPECT_TRUE(says(std::nullopt)) << "it does not serve any more";
}

// What was counted against a role is kept until it is forgotten by command.
TEST_F(WorkerTest, ForgetsFailuresWhenToldTo) {
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return seen() && seen()->guest_answers; }, 10s));
  provider_.set_script(app1, ScriptPurpose::Kind::start, RoleName{"app"}, {1, "no licence", 10ms});
  RunScript run;
  run.incarnation = {term, 1};
  run.role = RoleName{"app"};
  run.input.digest = "inputs";
  run.timeout = 10s;
  const auto failed = [this] { return seen()->roles[RoleName{"app"}].start.count; };
  worker_->command(command(2, run));
  worker_->command(command(3, run));
  ASSERT_TRUE(executor_.run_until([&] { return failed() == 2; }, 20s));
  executor_.run_for(1s);
  worker_->command(command(4, ForgetFailures{{term, 1}, RoleName{"other"}}));
  executor_.run_for(1s);
  EXPECT_EQ(failed(), 2) << "of another role";
  worker_->command(command(5, ForgetFailures{{term, 1}, RoleName{"app"}}));
  executor_.run_for(1s);
  EXPECT_EQ(failed(), 0);
  ASSERT_EQ(answers_.size(), 5U);
  EXPECT_TRUE(answers_[4].ok);
}

// What a guest has noted of drains and members is reported, and what has failed with it.
TEST_F(WorkerTest, ReportsDrainsAndMembers) {
  const RoleName app{"app"};
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return seen() && seen()->guest_answers; }, 10s));
  std::uint64_t number = 1;
  const auto run = [&](ScriptKind kind, int exit_code) {
    const auto purpose = kind == ScriptKind::drain  ? ScriptPurpose::Kind::drain
                         : kind == ScriptKind::join ? ScriptPurpose::Kind::join
                                                    : ScriptPurpose::Kind::leave;
    provider_.set_script(app1, purpose, app, {exit_code, "2 jobs run", 10ms});
    RunScript script{{term, 1}, app, kind, "", {{}, "", "inputs"}, 10s, {}};
    if (kind != ScriptKind::drain) script.member = {{"f-node-2"}, {"node"}, "10.0.0.12", 2};
    worker_->command(command(++number, script));
    executor_.run_for(20s);  // Probes included: they say the same.
  };
  EXPECT_EQ(seen()->roles[app].draining, Draining::no);
  run(ScriptKind::drain, 1);
  EXPECT_EQ(seen()->roles[app].draining, Draining::asked);
  EXPECT_EQ(seen()->roles[app].drain.count, 1);
  EXPECT_NE(seen()->roles[app].drain.error.find("2 jobs run"), std::string::npos);
  run(ScriptKind::drain, 0);
  EXPECT_EQ(seen()->roles[app].draining, Draining::done);
  EXPECT_EQ(seen()->roles[app].drain.count, 0);
  EXPECT_NEAR(std::chrono::duration<double>(seen()->roles[app].drain_since).count(), 40, 2);

  run(ScriptKind::join, 1);
  ASSERT_EQ(seen()->joined.size(), 1U) << "told, though the guest has noted nothing";
  EXPECT_EQ(seen()->joined[0].failure.count, 1);
  EXPECT_EQ(seen()->joined[0].digest, "");
  run(ScriptKind::join, 0);
  ASSERT_EQ(seen()->joined.size(), 1U);
  EXPECT_EQ(seen()->joined[0].digest, "inputs");
  EXPECT_EQ(seen()->joined[0].member.address, "10.0.0.12");
  EXPECT_EQ(seen()->joined[0].failure.count, 0);
  run(ScriptKind::leave, 1);
  EXPECT_EQ(seen()->joined.at(0).failure.count, 1);
  run(ScriptKind::leave, 0);
  EXPECT_TRUE(seen()->joined.empty());
}

// Its guest hangs: asked where it holds up only its like, and told since when.
TEST_F(WorkerTest, AsksAGuestThatHangsApartFromTheOthers) {
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return seen() && seen()->guest_answers; }, 10s));
  executor_.hanging = {guest_strand(app1), silent_strand(app1)};
  ASSERT_TRUE(executor_.run_until([this] { return !seen()->guest_answers; }, 30s));
  executor_.run_for(60s);
  EXPECT_NEAR(std::chrono::duration<double>(seen()->since).count(), 60, 1);
  executor_.hanging = {silent_strand(app1)};
  executor_.run_for(60s);
  EXPECT_FALSE(seen()->guest_answers) << "it is not asked beside those that answer";
  executor_.hanging.clear();
  EXPECT_TRUE(executor_.run_until([this] { return seen()->guest_answers; }, 30s));
  EXPECT_LT(seen()->since, 1s);
}

// A question that waits for its time-out is asked again only after twice as long.
TEST_F(WorkerTest, AsksAGuestThatHangsMoreAndMoreRarely) {
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return seen() && seen()->guest_answers; }, 10s));
  executor_.hanging = {guest_strand(app1), silent_strand(app1)};
  executor_.run_for(30s);
  const int before = executor_.hung;
  executor_.run_for(240s);
  EXPECT_LE(executor_.hung - before, 10) << "8 s each, and 16 s between two";
}

// A guest that reboots from the inside has forgotten what it was told, and says so by itself.
TEST_F(WorkerTest, NoticesAGuestThatRebooted) {
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return seen() && seen()->guest_answers; }, 10s));
  Configure configure;
  configure.incarnation = {term, 1};
  configure.address = "10.0.0.11";
  configure.digest = "d";
  worker_->command(command(2, configure));
  ASSERT_TRUE(executor_.run_until([this] { return seen()->network_digest == "d"; }, 10s));
  provider_.reboot_guest(app1);
  EXPECT_TRUE(executor_.run_until(
      [this] { return seen()->guest_answers && seen()->network_digest.empty(); }, 30s));
}

// Commands that an earlier process had accepted stay under way until the hypervisor was looked at.
// No event tells it; the check that is not answered while the guest boots does, long before the
// probe that would have been next.
TEST_F(WorkerTest, NoticesASilentRebootByTheCheckThatIsNotAnswered) {
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return seen() && seen()->guest_answers; }, 10s));
  RunScript run;
  run.incarnation = {term, 1};
  run.role = RoleName{"app"};
  run.input.digest = "inputs";
  run.timeout = 10s;
  worker_->command(command(2, run));
  Attend attend;
  attend.incarnation = {term, 1};
  attend.digest = "checks";
  attend.checks.push_back({RoleName{"app"}, "", {}, 2s, 1s, 3});
  worker_->command(command(3, attend));
  executor_.run_for(17s);  // Until the probes are seldom.
  ASSERT_EQ(seen()->roles[RoleName{"app"}].health, Health::passing);
  const auto probes = [this] {
    const auto calls = provider_.calls();
    return std::count(calls.begin(), calls.end(),
                      "guest_start " + app1.value + " ");  // Without a log.
  };
  const auto before = probes();
  executor_.run_for(30s);
  EXPECT_LE(probes() - before, 3) << "checks that pass say that it answers";
  const auto last = probes();
  ASSERT_TRUE(executor_.run_until([&] { return probes() > last; }, 20s));
  executor_.run_for(1s);  // The next one is far.
  provider_.listen([](const DomainEvent&) {});
  provider_.reboot_guest(app1);
  EXPECT_TRUE(executor_.run_until(
      [this] { return seen()->roles[RoleName{"app"}].configured_digest.empty(); }, 8s));
}

TEST_F(WorkerTest, ReportsWhatAnEarlierProcessHadBegun) {
  ended_.clear();
  executor_.hanging.insert("survey");
  make_worker({command(7, start_vm(1))});
  EXPECT_EQ(worker_->report().unfinished.size(), 1U);
  executor_.hanging.clear();
  executor_.run_for(30s);
  EXPECT_TRUE(worker_->report().unfinished.empty());
  EXPECT_EQ(ended_.size(), 1U);
}

// What matters to a new leader of a command under way is never a text that may hold a secret.
TEST_F(WorkerTest, ReportsNoTextsOfCommands) {
  disk_takes_ = 10s;
  RunScript run;
  run.text = "secret text";
  run.input.environment["CIERZO_ATTRIBUTE_PASSWORD"] = "secret";
  worker_->command(command(1, run));
  executor_.run_for(10ms);
  const Report report = worker_->report();
  ASSERT_EQ(report.unfinished.size(), 1U);
  const auto& reported = std::get<RunScript>(report.unfinished[0].action.work);
  EXPECT_TRUE(reported.text.empty());
  EXPECT_TRUE(reported.input.environment.empty());
}

// A guest that boots does not hear the power button yet: it is pressed again.
TEST_F(WorkerTest, PressesThePowerButtonAgainUntilItIsHeard) {
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return running(); }, 5s));
  provider_.set_ignores_shutdown(app1, true);
  worker_->command(command(2, StopVm{{term, 1}, 30s, false}));
  executor_.run_for(2s);
  provider_.set_ignores_shutdown(app1, false);
  EXPECT_TRUE(executor_.run_until([this] { return !running(); }, 10s)) << "long before its time";
}

TEST_F(WorkerTest, EndsAtOnceAGuestThatCannotBeAskedToPowerOff) {
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return running(); }, 5s));
  provider_.fail_next("shutdown", {FailureKind::other, "no power button"}, 1);
  worker_->command(command(2, StopVm{{term, 1}, 30s, false}));
  EXPECT_TRUE(executor_.run_until([this] { return !running(); }, 2s));
}

// It was asked once and may be powering off: asking once more, in vain, does not cost it its time.
TEST_F(WorkerTest, LeavesAGuestItsTimeThoughItCannotBeAskedAgain) {
  worker_->command(command(1, start_vm(1)));
  ASSERT_TRUE(executor_.run_until([this] { return running(); }, 5s));
  const auto count = [this](const std::string& call) {
    const auto calls = provider_.calls();
    return std::count(calls.begin(), calls.end(), call + " " + app1.value);
  };
  provider_.set_ignores_shutdown(app1, true);
  worker_->command(command(2, StopVm{{term, 1}, 30s, false}));
  executor_.run_for(1s);
  ASSERT_EQ(count("shutdown"), 1);
  provider_.fail_next("shutdown", {FailureKind::timeout, "libvirtd hangs"}, 2);
  executor_.run_for(28s);
  EXPECT_TRUE(running());
  EXPECT_EQ(count("destroy"), 0);
  EXPECT_GT(count("shutdown"), 3) << "it is asked again after those that failed";
  EXPECT_TRUE(executor_.run_until([this] { return !running(); }, 5s)) << "its time is over";
}

}  // namespace
}  // namespace cierzo
