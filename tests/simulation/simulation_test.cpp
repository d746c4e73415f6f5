// Every rule has a schedule that notices when it is switched off; and random ones hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "tests/simulation/directed.hpp"
#include "tests/simulation/schedule.hpp"

namespace cierzo::simulation {
namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string test_name(const testing::TestParamInfo<Directed>& info) {
  std::string name = "rule_" + election::to_string(info.param.mutation);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-'; }, '_');
  return name;
}

class DirectedSchedule : public testing::TestWithParam<Directed> {};

TEST_P(DirectedSchedule, HoldsWithTheRule) {
  EXPECT_EQ(joined(GetParam().run({})), "") << GetParam().story;
}

TEST_P(DirectedSchedule, BreaksWithoutTheRule) {
  election::Mutations mutations;
  mutations.set(static_cast<std::size_t>(GetParam().mutation));
  const std::string failures = joined(GetParam().run(mutations));
  EXPECT_NE(failures, "") << GetParam().story << ": nothing noticed that rule "
                          << election::to_string(GetParam().mutation) << " is off";
  EXPECT_EQ(failures.find("setup"), std::string::npos) << failures;
}

INSTANTIATE_TEST_SUITE_P(Every, DirectedSchedule, testing::ValuesIn(directed_schedules()),
                         test_name);

// Those of the site's recovery have theirs on whole sites. (site/directed_sites.hpp)
TEST(DirectedSchedules, CoverEveryMutation) {
  const auto all = election::all_mutations();
  const auto on_sites = std::count_if(all.begin(), all.end(), [](election::Mutation mutation) {
    const std::string rule = election::to_string(mutation);
    return rule.starts_with("22-") || rule == "10-late";
  });
  EXPECT_EQ(directed_schedules().size() + static_cast<std::size_t>(on_sites), all.size());
}

TEST(RandomSchedules, Hold) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Outcome outcome = run_schedule(seed, {}, false);
    EXPECT_EQ(joined(outcome.failures), "") << "replay: bin/simulation --seed " << seed;
  }
}

TEST(RandomSchedules, ReplayExactly) {
  const Outcome once = run_schedule(7, {}, false);
  const Outcome again = run_schedule(7, {}, false);
  EXPECT_EQ(once.events, again.events);
  EXPECT_EQ(once.leaderless, again.leaderless);
}

}  // namespace
}  // namespace cierzo::simulation
