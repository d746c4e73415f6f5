// What a host does in guests, and says of them: scripts, checks, loads, drains, members, silence.
#include "tests/agent/worker_bed.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;
using test::app1;
using test::WorkerTest;
const Term term = test::worker_term;

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
  RunScript run{{term, 1}, app, ScriptKind::start, "", {}, 10s, {}};
  run.input.digest = "inputs";
  worker_->command(command(3, run));
  const auto says = [&](std::optional<int> load) {
    return executor_.run_until([&] { return seen()->roles[app].load == load; }, 10s);
  };
  EXPECT_TRUE(says(4));
  EXPECT_EQ(seen()->roles[app].health, Health::unknown) << "it is no check";
  provider_.set_script(app1, ScriptPurpose::Kind::metrics, app, {1, "load=5", 10ms});
  EXPECT_TRUE(says(std::nullopt));
  provider_.set_script(app1, ScriptPurpose::Kind::metrics, app, {0, "load=0", 10ms});
  EXPECT_TRUE(says(0));
  // One that is under way while the role is drained says what is no more.
  provider_.set_script(app1, ScriptPurpose::Kind::metrics, app, {0, "load=7", 900ms});
  EXPECT_TRUE(says(7));
  executor_.run_for(2200ms);
  worker_->command(command(4, RunScript{{term, 1}, app, ScriptKind::drain, "", {}, 10s, {}}));
  executor_.run_for(5s);
  EXPECT_EQ(seen()->roles[app].draining, Draining::done);
  EXPECT_EQ(seen()->roles[app].load, std::nullopt) << "it does not serve any more";
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

}  // namespace
}  // namespace cierzo
