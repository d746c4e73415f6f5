// A host's duties, on the simulated provider and in virtual time.
#include "tests/agent/worker_bed.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;
using test::app1;
using test::WorkerTest;
const Term term = test::worker_term;

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
