#include "monitor/checks.hpp"

#include <gtest/gtest.h>

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

TEST(Checks, CountTheRestartsUntilTheServiceIsWellAgain) {
  Checks checks;
  checks.attend(attend_server(1), 0s);
  run_once(checks, Kind::failed, 0s);
  checks.started(server, true, 1s);
  EXPECT_EQ(observed(checks).health, Health::unknown);
  run_once(checks, Kind::failed, 1s);
  checks.started(server, true, 2s);
  EXPECT_EQ(observed(checks).restarts, 2);
  run_once(checks, Kind::passed, 2s);
  EXPECT_EQ(observed(checks).restarts, 0);
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
