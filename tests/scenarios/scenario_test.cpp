// The stories of tests/scenarios, each a test: what the site says is compared line by line, and the
// checkers of the simulation look on.
#include <gtest/gtest.h>

#include "agent/log.hpp"
#include "tests/scenarios/scenario.hpp"

namespace cierzo::simulation {
namespace {

class Scenarios : public testing::TestWithParam<std::filesystem::path> {
 protected:
  static void SetUpTestSuite() { log::start(log::Level::error); }
};

TEST_P(Scenarios, ReadAsWritten) {
  Scenario scenario;
  test::run_transcript(GetParam(), [&](const test::Command& command) { return scenario(command); });
  ASSERT_NE(scenario.site(), nullptr);
  EXPECT_EQ(scenario.site()->checker().failures(), std::vector<std::string>{});
  EXPECT_EQ(scenario.site()->checker().started_too_often(), "");
}

INSTANTIATE_TEST_SUITE_P(Site, Scenarios,
                         testing::ValuesIn(test::transcripts_in("tests/scenarios")),
                         [](const auto& file) { return test::transcript_name(file.param); });

}  // namespace
}  // namespace cierzo::simulation
