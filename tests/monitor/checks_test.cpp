#include "monitor/checks.hpp"

#include <gtest/gtest.h>

#include "resources/ladder.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;
using Kind = Checks::Result::Kind;

const RoleName server{"server"};
const std::set<RoleName> configured{server};

Attend attend_server(int failures) {
  Attend attend;
  attend.digest = "d1";
  RoleCheck check;
  check.role = server;
  check.every = 2s;
  check.timeout = 1s;
  check.failures = failures;
  attend.checks.push_back(check);
  return attend;
}

RoleObserved observed(const Checks& checks) {
  std::map<RoleName, RoleObserved> roles;
  checks.describe(roles);
  return roles[server];
}

void run_once(Checks& checks, Kind kind, Time now, const std::string& text = "") {
  ASSERT_EQ(checks.take_due(configured, now).size(), 1U);
  checks.finished(server, {kind, text}, now);
}

TEST(Checks, AreNotRunBeforeTheirServiceWasStarted) {
  Checks checks;
  checks.attend(attend_server(1), 0s);
  EXPECT_TRUE(checks.take_due({}, 10s).empty());
  EXPECT_FALSE(checks.next_due({}).has_value());
  EXPECT_EQ(checks.take_due(configured, 10s).size(), 1U);
}

TEST(Checks, FailOnlyAtTheThreshold) {
  Checks checks;
  checks.attend(attend_server(3), 0s);
  run_once(checks, Kind::failed, 0s);
  run_once(checks, Kind::failed, 2s);
  EXPECT_EQ(observed(checks).health, Health::unknown);
  EXPECT_EQ(observed(checks).failures, 2);
  run_once(checks, Kind::failed, 4s, "no answer on port 80");
  EXPECT_EQ(observed(checks).health, Health::failing);
  EXPECT_EQ(observed(checks).error, "no answer on port 80");
}

TEST(Checks, OneSuccessEndsARowOfFailures) {
  Checks checks;
  checks.attend(attend_server(3), 0s);
  for (const Time now : {0s, 2s}) run_once(checks, Kind::failed, now);
  run_once(checks, Kind::passed, 4s);
  EXPECT_EQ(observed(checks).failures, 0);
  for (const Time now : {6s, 8s}) run_once(checks, Kind::failed, now);
  EXPECT_EQ(observed(checks).health, Health::passing);
}

// Rule 18: a guest agent that is silent says nothing about the service.
TEST(Checks, SilenceIsUnknownAndNoFailure) {
  Checks checks;
  checks.attend(attend_server(1), 0s);
  run_once(checks, Kind::passed, 0s);
  run_once(checks, Kind::unanswered, 2s, "the guest agent does not answer");
  EXPECT_EQ(observed(checks).health, Health::unknown);
  EXPECT_EQ(observed(checks).failures, 0);
}

TEST(Checks, AreDueAgainAfterTheirInterval) {
  Checks checks;
  checks.attend(attend_server(1), 0s);
  run_once(checks, Kind::passed, 0s);
  EXPECT_TRUE(checks.take_due(configured, 1999ms).empty());
  EXPECT_EQ(checks.next_due(configured), Time(2s));
  EXPECT_EQ(checks.take_due(configured, 2s).size(), 1U);
  EXPECT_TRUE(checks.take_due(configured, 9s).empty()) << "it is under way";
}

// One passing check right after a restart says little: what the ladder climbed is not forgotten.
TEST(Checks, CountTheRestartsUntilTheServiceWasWellForAWhile) {
  Checks checks;
  checks.attend(attend_server(1), 0s);
  run_once(checks, Kind::failed, 0s);
  checks.started(server, true, 1s);
  EXPECT_EQ(observed(checks).health, Health::unknown);
  run_once(checks, Kind::failed, 1s);
  checks.started(server, true, 2s);
  EXPECT_EQ(observed(checks).restarts, 2);
  for (Time now = 2s; now < 62s; now += 2s) {
    run_once(checks, Kind::passed, now);
    EXPECT_EQ(observed(checks).restarts, 2);
    EXPECT_FALSE(checks.all_settled(now));
  }
  run_once(checks, Kind::passed, 62s);
  EXPECT_EQ(observed(checks).restarts, 0);
  EXPECT_TRUE(checks.all_settled(62s));
}

// Forgiven is what was counted against it, not what is seen: a restart is due at once.
TEST(Checks, ThatAreForgivenFailAllTheSame) {
  Checks checks;
  checks.attend(attend_server(1), 0s);
  run_once(checks, Kind::failed, 0s);
  checks.started(server, true, 1s);
  run_once(checks, Kind::failed, 1s);
  checks.forgive(RoleName{"other"});
  EXPECT_EQ(observed(checks).restarts, 1);
  checks.forgive(server);
  EXPECT_EQ(observed(checks).restarts, 0);
  EXPECT_EQ(observed(checks).health, Health::failing);
}

// Also one below the threshold, after which nothing was restarted.
TEST(Checks, AFailureBeginsTheWaitAnew) {
  Checks checks;
  checks.attend(attend_server(3), 0s);
  for (const Time now : {0s, 2s, 4s}) run_once(checks, Kind::failed, now);
  checks.started(server, true, 4s);
  for (Time now = 4s; now <= 60s; now += 2s) run_once(checks, Kind::passed, now);
  run_once(checks, Kind::failed, 62s);
  for (Time now = 64s; now < 124s; now += 2s) {
    run_once(checks, Kind::passed, now);
    EXPECT_EQ(observed(checks).restarts, 1);
  }
  run_once(checks, Kind::passed, 124s);
  EXPECT_EQ(observed(checks).restarts, 0);
}

// The more often it was restarted, the longer it must be well: never less than twice the back-off.
TEST(Checks, ManyRestartsAreForgottenLater) {
  EXPECT_EQ(settled_after(0), 1min);
  EXPECT_EQ(settled_after(3), 1min);
  EXPECT_EQ(settled_after(5), 160s);
  EXPECT_EQ(settled_after(100), 10min);
}

TEST(Checks, ThatPassAndFailInTurnFlap) {
  for (const int failures : {1, 3}) {
    Checks checks;
    checks.attend(attend_server(failures), 0s);
    Time now = 0s;
    for (int i = 0; i < changes_max; ++i, now += 2s) {
      run_once(checks, i % 2 == 0 ? Kind::passed : Kind::failed, now, "refused");
      EXPECT_NE(observed(checks).health, Health::flapping) << i;
    }
    for (int i = 0; i < 20; ++i, now += 2s) {
      run_once(checks, i % 2 == 0 ? Kind::passed : Kind::failed, now, "refused");
      EXPECT_EQ(observed(checks).health, Health::flapping);
      EXPECT_EQ(observed(checks).error, "refused") << "also after one that passed";
      EXPECT_EQ(observed(checks).failures, 0) << "no news with every result";
    }
  }
}

Checks flapping_checks(Time& now) {
  Checks checks;
  checks.attend(attend_server(3), 0s);
  for (int i = 0; i <= changes_max; ++i, now += 2s) {
    run_once(checks, i % 2 == 0 ? Kind::passed : Kind::failed, now);
  }
  EXPECT_EQ(observed(checks).health, Health::flapping);
  return checks;
}

TEST(Checks, FlapUntilTheyAreAlikeForAWhile) {
  for (const Kind kind : {Kind::passed, Kind::failed}) {
    Time now = 0s;
    Checks checks = flapping_checks(now);  // The last result passed.
    const int needed = kind == Kind::passed ? results_alike - 1 : results_alike;
    for (int i = 1; i < needed; ++i, now += 2s) {
      run_once(checks, kind, now);
      EXPECT_EQ(observed(checks).health, Health::flapping) << i;
    }
    run_once(checks, kind, now);
    EXPECT_EQ(observed(checks).health, kind == Kind::passed ? Health::passing : Health::failing);
    EXPECT_EQ(observed(checks).error.empty(),
              kind == Kind::passed || observed(checks).failures > 0);
  }
}

// A single failure, or one restart, is no flapping: a change now and then.
TEST(Checks, ThatFailNowAndThenDoNotFlap) {
  Checks checks;
  checks.attend(attend_server(3), 0s);
  Time now = 0s;
  for (int i = 0; i < 100; ++i, now += 2s) {
    run_once(checks, i % 8 == 7 ? Kind::failed : Kind::passed, now);
    EXPECT_EQ(observed(checks).health, Health::passing) << i;
  }
}

TEST(Checks, KeepTheirHistoryWhenTheyAreChanged) {
  Checks checks;
  checks.attend(attend_server(3), 0s);
  run_once(checks, Kind::passed, 0s);
  Attend changed = attend_server(2);
  changed.digest = "d2";
  checks.attend(changed, 1s);
  EXPECT_EQ(checks.digest(), "d2");
  EXPECT_EQ(observed(checks).health, Health::passing);
}

TEST(Checks, KnowNothingOfAGuestThatWasRestarted) {
  Checks checks;
  checks.attend(attend_server(1), 0s);
  run_once(checks, Kind::failed, 0s);
  checks.started(server, true, 1s);
  checks.forget(2s);
  EXPECT_EQ(observed(checks).health, Health::unknown);
  EXPECT_EQ(observed(checks).restarts, 1) << "the ladder goes on";
}

}  // namespace
}  // namespace cierzo
