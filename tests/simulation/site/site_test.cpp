// Whole simulated sites: a leader that is hit in the middle of something, and a large site on a bad
// day.
#include <gtest/gtest.h>

#include "agent/log.hpp"
#include "tests/simulation/site/crowd.hpp"
#include "tests/simulation/site/story.hpp"

namespace cierzo::simulation {
namespace {

class Sites : public testing::Test {
 protected:
  static void SetUpTestSuite() { log::start(log::Level::error); }

  static std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }
};

TEST_F(Sites, a_leader_hit_in_the_middle_of_something_costs_nothing_but_time) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Story story = story_of(seed);
    EXPECT_EQ(joined(run(story).failures), "")
        << to_string(story) << "\nreplay: bin/site_simulation --seed " << seed;
  }
}

TEST_F(Sites, a_story_replays_exactly) {
  EXPECT_EQ(run(story_of(7)).events, run(story_of(7)).events);
}

TEST_F(Sites, a_thousand_instances_on_a_hundred_hosts_converge_and_heal) {
  const CrowdEnd end = run(Crowd{});
  EXPECT_EQ(joined(end.failures), "") << to_string(end);
}

}  // namespace
}  // namespace cierzo::simulation
