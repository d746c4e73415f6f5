// When which fence program is run, in virtual time; and what one reads and answers, with real ones.
#include "agent/fence.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/agent/api_server.hpp"
#include "tests/agent/virtual_executor.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

const HostId n2{2}, n3{3}, n4{4};

class FencerTest : public testing::Test {
 protected:
  FencerTest() {
    FencerHooks hooks;
    hooks.run = [this](const FenceDevice& device) {
      ran_.push_back(device.agent);
      return end_;
    };
    hooks.device = [this](HostId host) {
      const auto found = devices_.find(host);
      return found == devices_.end() ? nullptr : &found->second;
    };
    hooks.may = [this](HostId host) { return !forbidden_.contains(host); };
    hooks.began = [](HostId) {};
    hooks.off = [this](HostId host) { off_.push_back(host); };
    hooks.failed = [this](HostId, const std::string& told) { told_.push_back(told); };
    fencer_ = std::make_unique<Fencer>(executor_, std::move(hooks));
  }

  VirtualExecutor executor_;
  std::map<HostId, FenceDevice> devices_ = {
      {n2, {"fence_2", {}}}, {n3, {"fence_3", {}}}, {n4, {"fence_4", {}}}};
  std::set<HostId> forbidden_;
  FenceEnd end_{true, {}};
  std::vector<std::string> ran_, told_;
  std::vector<HostId> off_;
  std::unique_ptr<Fencer> fencer_;
};

TEST_F(FencerTest, RunsAHostsProgramOnceForAProof) {
  fencer_->want({n2});
  fencer_->want({n2});
  EXPECT_EQ(fencer_->telling(n2), "fence_2 is cutting its power");
  executor_.run_for(1s);
  fencer_->want({n2});  // Its mark is being stored.
  executor_.run_for(1s);
  EXPECT_EQ(ran_, std::vector<std::string>{"fence_2"});
  EXPECT_EQ(off_, std::vector<HostId>{n2});
  fencer_->want({});
  executor_.run_for(1min);
  EXPECT_EQ(ran_.size(), 1U);
}

TEST_F(FencerTest, RunsNothingForWhoHasNoProgramOrMayNotBeFenced) {
  devices_.erase(n3);
  forbidden_.insert(n2);  // It was heard again meanwhile.
  fencer_->want({n2, n3});
  executor_.run_for(1min);
  EXPECT_TRUE(ran_.empty());
  EXPECT_TRUE(off_.empty());
}

TEST_F(FencerTest, TriesAgainEverMoreRarelyAndGivesUpAloud) {
  end_ = {false, "no route to host"};
  const Time began = executor_.now();
  fencer_->want({n2});
  executor_.run_for(4s);
  EXPECT_EQ(ran_.size(), 1U);
  EXPECT_EQ(fencer_->telling(n2), "fence_2 failed 1 time, next try in 2 s: no route to host");
  executor_.run_for(2s);
  EXPECT_EQ(ran_.size(), 2U);
  executor_.run_for(1h);
  EXPECT_EQ(ran_.size(), static_cast<std::size_t>(fence_tries_max));
  EXPECT_EQ(fencer_->telling(n2), "fence_2 failed 6 times, given up: no route to host");
  EXPECT_EQ(told_.back(), fencer_->telling(n2));
  EXPECT_TRUE(off_.empty());
  EXPECT_GT(executor_.now() - began, fence_pause(1) + fence_pause(2));
  EXPECT_EQ(fence_pause(1), 5s);
  EXPECT_EQ(fence_pause(3), 20s);
  EXPECT_EQ(fence_pause(100), 5min);
  fencer_->want({});  // It came back, and was lost again: from the beginning.
  fencer_->want({n2});
  executor_.run_for(1s);
  EXPECT_EQ(ran_.size(), static_cast<std::size_t>(fence_tries_max) + 1);
}

TEST_F(FencerTest, LeavesAProgramThatHangs) {
  executor_.hanging.insert("fence 2");
  fencer_->want({n2});
  executor_.run_for(fence_deadline + 1s);
  EXPECT_EQ(told_.size(), 1U);
  EXPECT_NE(told_[0].find("did not end in time"), std::string::npos) << told_[0];
  EXPECT_TRUE(off_.empty());
}

TEST_F(FencerTest, DoesNotFenceMoreThanAFewAtOnce) {
  executor_.call_takes = 10s;
  fencer_->want({n2, n3, n4});
  executor_.run_for(9s);
  EXPECT_TRUE(fencer_->telling(n4).empty()) << "its turn comes";
  executor_.run_for(15s);
  EXPECT_EQ(ran_.size(), 3U);
}

// It is not wanted any more when its program ends: it came back. Nothing is said about it.
TEST_F(FencerTest, ForgetsWhoCameBackMeanwhile) {
  executor_.call_takes = 10s;
  fencer_->want({n2});
  executor_.run_for(5s);
  fencer_->want({});
  executor_.run_for(1min);
  EXPECT_EQ(ran_.size(), 1U);
  EXPECT_TRUE(off_.empty());
}

TEST(FenceInput, HasTheActionTheOptionsAndThePassword) {
  const FenceDevice device{"fence_x",
                           {{"ip", "192.0.2.1"}, {"passwd_file", "/etc/secret"}, {"plug", "4"}}};
  EXPECT_EQ(fence_input(device, "off", "s3cret"),
            "action=off\nip=192.0.2.1\nplug=4\npasswd=s3cret\n");
  EXPECT_EQ(fence_input(device, "status", ""), "action=status\nip=192.0.2.1\nplug=4\n");
}

// With real programs, as the package fence-agents has them.
class RunFenceTest : public testing::Test {
 protected:
  FenceDevice device(const std::string& script) {
    const std::string path = folder_.path + "/fence_toy";
    std::ofstream(path) << "#!/bin/sh\ninput=$(cat)\necho \"$input\" >>" << folder_.path
                        << "/read\necho \"$# $*\" >>" << folder_.path << "/arguments\n"
                        << "case $input in *action=off*) action=off;; *) action=status;; esac\n"
                        << script << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    std::ofstream(folder_.path + "/secret") << "s3cret\n";
    return {path, {{"ip", "192.0.2.1"}, {fence_password_file, folder_.path + "/secret"}}};
  }
  std::string read(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(folder_.path + "/" + name).rdbuf();
    return text.str();
  }
  test::ScratchFolder folder_;
};

TEST_F(RunFenceTest, IsProofOnlyWhereTheDeviceSaysThatItIsOff) {
  const FenceEnd off = run_fence(device("[ $action = off ] && exit 0; exit 2"));
  EXPECT_TRUE(off.off) << off.error;
  EXPECT_EQ(read("read"),
            "action=off\nip=192.0.2.1\npasswd=s3cret\naction=status\nip=192.0.2.1\n"
            "passwd=s3cret\n");
  EXPECT_EQ(read("arguments"), "0 \n0 \n") << "nothing that others see among the arguments";
  const FenceEnd on = run_fence(device("exit 0"));
  EXPECT_FALSE(on.off);
  EXPECT_NE(on.error.find("still on"), std::string::npos) << on.error;
  const FenceEnd unsure = run_fence(device("[ $action = off ] && exit 0; echo timeout; exit 1"));
  EXPECT_FALSE(unsure.off);
  EXPECT_NE(unsure.error.find("action=status: timeout"), std::string::npos) << unsure.error;
}

TEST_F(RunFenceTest, SaysWhyItFailedWithoutTheSecret) {
  const FenceEnd failed = run_fence(device("echo login with s3cret failed; exit 1"));
  EXPECT_FALSE(failed.off);
  EXPECT_NE(failed.error.find("action=off: login with *** failed"), std::string::npos)
      << failed.error;
  EXPECT_FALSE(run_fence({"/no/such/fence_program", {}}).off);
  const FenceEnd unread = run_fence({"fence_x", {{fence_password_file, "/no/such/file"}}});
  EXPECT_NE(unread.error.find("/no/such/file cannot be read"), std::string::npos) << unread.error;
}

}  // namespace
}  // namespace cierzo
