// What can be made to befall a simulated host; the contract is contract_test.cpp's.
#include "resources/providers/simulated.hpp"

#include <gtest/gtest.h>

#include "resources/network.hpp"
#include "tests/providers/bed.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

class Simulated : public testing::Test {
 protected:
  Simulated() {
    EXPECT_TRUE(host_.create(start_).ok());
    EXPECT_TRUE(host_.run(name_, start_.incarnation).ok());
    now_ += 3s;
  }
  GuestProgress run_check(Duration after) {
    RoleCheck check;
    check.role = {"node"};
    GuestHandle handle;
    GuestProgress progress;
    progress.outcome = host_.guest_start(name_, {check_script(check), {}, "check", 5s}, handle);
    if (!progress.outcome.ok()) return progress;
    now_ += after;
    return host_.guest_progress(name_, handle);
  }

  Time now_{};
  SimulatedProvider host_{{}, [this] { return now_; }};
  const StartVm start_ = start_of(1, 1);
  const InstanceName name_ = start_.instance.name;
};

TEST_F(Simulated, calls_fail_when_told_and_then_work_again) {
  host_.fail_next("create", {FailureKind::timeout, "hung"}, 2);
  EXPECT_EQ(host_.create(start_of(2, 2)).kind, FailureKind::timeout);
  EXPECT_EQ(host_.create(start_of(2, 2)).kind, FailureKind::timeout);
  EXPECT_TRUE(host_.create(start_of(2, 2)).ok());
}

TEST_F(Simulated, a_host_that_lost_power_keeps_its_disks_only) {
  host_.lose_power();
  const auto survey = host_.survey();
  EXPECT_TRUE(survey.domains.empty());
  EXPECT_EQ(survey.overlays, std::vector<InstanceName>{name_});
}

TEST_F(Simulated, a_hypervisor_that_does_not_answer_says_nothing) {
  host_.set_hypervisor_answers(false);
  EXPECT_EQ(host_.survey().outcome.kind, FailureKind::unreachable);
  EXPECT_EQ(host_.destroy(name_, start_.incarnation).kind, FailureKind::unreachable);
  host_.set_hypervisor_answers(true);
  EXPECT_EQ(host_.survey().domains.size(), 1U) << "it was there all the while";
}

TEST_F(Simulated, checks_end_as_told) {
  EXPECT_EQ(run_check(1s).exit_code, 0);
  host_.set_script({}, ScriptPurpose::Kind::check, {"node"}, {1, "port 80 is closed\n", 100ms});
  auto progress = run_check(1s);
  EXPECT_TRUE(progress.finished);
  EXPECT_EQ(progress.exit_code, 1);
  EXPECT_EQ(progress.last_lines, "port 80 is closed");
  host_.set_script(name_, ScriptPurpose::Kind::check, {"node"}, {0, "", 1h});
  EXPECT_FALSE(run_check(4s).finished);
  EXPECT_EQ(run_check(5s).exit_code, 137) << "killed at its time limit";
}

TEST_F(Simulated, a_silent_guest_runs_but_does_not_answer) {
  EXPECT_TRUE(host_.guest_answers(name_));
  host_.set_guest_silent(name_, true);
  EXPECT_FALSE(host_.guest_answers(name_));
  EXPECT_EQ(run_check(1s).outcome.kind, FailureKind::unreachable);
  EXPECT_EQ(host_.survey().domains.front().run, RunState::running);
}

TEST_F(Simulated, a_guest_may_ignore_the_power_button) {
  host_.set_ignores_shutdown(name_, true);
  EXPECT_TRUE(host_.shutdown(name_, start_.incarnation).ok());
  now_ += 1min;
  EXPECT_EQ(host_.survey().domains.size(), 1U);
}

TEST_F(Simulated, a_guest_that_reboots_is_silent_for_a_while) {
  host_.reboot_guest(name_);
  EXPECT_FALSE(host_.guest_answers(name_));
  now_ += 3s;
  EXPECT_TRUE(host_.guest_answers(name_));
}

TEST(Networks, the_narrowest_that_holds_the_address_is_taken) {
  const std::vector<NetworkConfig> networks = {{"wide", "10.0.0.0/8", "br0", "", {}},
                                               {"narrow", "10.77.0.0/16", "br1", "10.77.0.1", {}}};
  EXPECT_EQ(network_of(networks, "10.77.1.2")->bridge, "br1");
  EXPECT_EQ(network_of(networks, "10.78.1.2")->bridge, "br0");
  EXPECT_EQ(network_of(networks, "11.0.0.1"), nullptr);
  EXPECT_EQ(network_of(networks, "10.77.1"), nullptr);
  EXPECT_EQ(guest_network(networks[1]).prefix, 16);
  for (const auto* wrong : {"", "1.2.3.4", "1.2.3.4/33", "1.2.3/8", "01.2.3.4/8", "1.2.3.256/8",
                            "1.2.3.4.5/8", "1.2.3.4/", "1.2.3.4/08"}) {
    EXPECT_FALSE(read_cidr(wrong)) << wrong;
  }
  EXPECT_EQ(read_cidr("10.77.9.9/16")->address, read_ipv4("10.77.0.0"));
  EXPECT_EQ(read_cidr("1.2.3.4/0")->address, 0U);
}

}  // namespace
}  // namespace cierzo
