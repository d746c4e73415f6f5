// The leader's duties on reports made by hand: no host, no network, virtual time.
#include "agent/leader.hpp"

#include <gtest/gtest.h>

#include "agent/net/codec.hpp"
#include "resources/desired.hpp"
#include "tests/agent/virtual_executor.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

const Term term{5, HostId{1}};
const InstanceName app1{"site-app-1"};

const std::map<std::string, std::string> type_files = {
    {"type.yaml",
     "type: plain\nsummary: One role without services\nroles:\n  app: {count: 1..}\n"}};

class LeaderTest : public ::testing::Test {
 protected:
  LeaderTest() {
    auto read = read_type(type_files, "plain");
    if (!read.type) throw std::runtime_error(to_string(read.diagnostics.at(0)));
    Resource resource;
    resource.name = ResourceName{"site"};
    resource.type = "plain";
    resource.type_digest = read.type->digest;
    resource.slots[RoleName{"app"}] = {{"10.0.0.11", "app.qcow2", 1}};
    resource.memory_kib = 1024;
    catalog_.entries[resource_key(resource.name)] = encode_resource(resource);
    catalog_.entries[type_key(read.type->digest)] = encode_type_files(type_files);
    for (std::uint32_t id : {1U, 2U, 3U}) {
      hosts_.push_back({HostId{id}, "node" + std::to_string(id), "", HostState::alive, {}});
    }
    LeaderHooks hooks;
    hooks.may_act = [this] { return authority_; };
    hooks.hosts = [this] { return hosts_; };
    hooks.permit_spell = [](HostId) { return std::uint64_t{1}; };
    hooks.send = [this](HostId host, const PeerMessage& message) {
      if (const auto* command = std::get_if<Command>(&message)) sent_.push_back({host, *command});
    };
    hooks.write = [this](const std::vector<election::CatalogChange>& changes) {
      written_.insert(written_.end(), changes.begin(), changes.end());
    };
    hooks.event = [this](const std::string&, const std::string&, const std::string& text) {
      events_.push_back(text);
    };
    leader_ = std::make_unique<Leader>(executor_, term, 30s, std::move(hooks));
    leader_->start(catalog_);
  }

  static Report empty_report(std::uint32_t host) {
    Report report;
    report.host = HostId{host};
    report.boot = "boot" + std::to_string(host);
    report.state_id = "state" + std::to_string(host);
    report.term = term;
    report.permit_spell = 1;
    report.hypervisor_answers = true;
    report.memory_total_kib = report.memory_free_kib = 1 << 20;
    report.cpus_total = report.cpus_free = 8;
    report.images["app.qcow2"] = "d";
    return report;
  }

  static Report report_with(std::uint32_t host, Incarnation incarnation) {
    Report report = empty_report(host);
    Observed seen;
    seen.name = app1;
    seen.resource = ResourceName{"site"};
    seen.presence = Presence::present;
    seen.incarnation = incarnation;
    seen.overlay = true;
    report.instances.push_back(seen);
    return report;
  }

  void all_report_nothing() {
    for (std::uint32_t id : {1U, 2U, 3U}) leader_->report(empty_report(id));
  }

  std::vector<Command> starts() const {
    std::vector<Command> found;
    for (const auto& [host, command] : sent_) {
      if (std::holds_alternative<StartVm>(command.action.work)) found.push_back(command);
    }
    return found;
  }

  VirtualExecutor executor_;
  election::Catalog catalog_;
  std::vector<HostFacts> hosts_;
  bool authority_ = true;
  std::vector<std::pair<HostId, Command>> sent_;
  std::vector<election::CatalogChange> written_;
  std::vector<std::string> events_;
  std::unique_ptr<Leader> leader_;
};

// Rule 15: nothing that a silent host may hold is started.
TEST_F(LeaderTest, StartsNothingBeforeEveryHostHasReported) {
  leader_->report(empty_report(1));
  leader_->report(empty_report(2));
  executor_.run_for(10s);
  EXPECT_TRUE(starts().empty());
  leader_->report(empty_report(3));
  executor_.run_for(100ms);
  ASSERT_EQ(starts().size(), 1U);
  const Command start = starts()[0];
  EXPECT_EQ(start.id.term, term);
  EXPECT_EQ(start.boot, "boot" + std::to_string(start.action.on.value));
  EXPECT_EQ(std::get<StartVm>(start.action.work).incarnation.term, term);
}

// Rules 16, 17: a report of an older term may have been overtaken by commands of that term.
TEST_F(LeaderTest, DoesNotBelieveReportsOfAnotherTerm) {
  for (std::uint32_t id : {1U, 2U, 3U}) {
    Report report = empty_report(id);
    report.term = {4, HostId{2}};
    leader_->report(report);
  }
  executor_.run_for(10s);
  EXPECT_TRUE(starts().empty());
}

// Rule 10.
TEST_F(LeaderTest, DoesNothingWithoutAuthority) {
  authority_ = false;
  all_report_nothing();
  executor_.run_for(60s);
  EXPECT_TRUE(sent_.empty());
  EXPECT_TRUE(written_.empty());
}

// Rule 17: a command counts as executed until the host's report says otherwise, and is never sent
// under a new number.
TEST_F(LeaderTest, SendsALostCommandAgainUnderItsOwnNumber) {
  all_report_nothing();
  executor_.run_for(5s);
  const auto sent = starts();
  ASSERT_GE(sent.size(), 3U);
  for (const Command& command : sent) EXPECT_EQ(command.id, sent[0].id);
  Report known = empty_report(sent[0].action.on.value);
  known.executed = sent[0].id;
  known.unfinished.push_back({sent[0].id, sent[0].action});
  leader_->report(known);
  const std::size_t before = starts().size();
  executor_.run_for(20s);
  EXPECT_EQ(starts().size(), before) << "the host has it and is at work";
}

// Rule 17: executed without a trace means that it failed; then it is tried again, as a new command.
TEST_F(LeaderTest, PlansAgainWhenACommandWasExecutedInVain) {
  all_report_nothing();
  executor_.run_for(100ms);
  ASSERT_EQ(starts().size(), 1U);
  const Command first = starts()[0];
  Report done = empty_report(first.action.on.value);
  done.executed = first.id;
  leader_->report(done);
  executor_.run_for(100ms);
  ASSERT_EQ(starts().size(), 2U);
  EXPECT_GT(starts()[1].id, first.id);
}

// Rule 17: what an earlier leader had begun is still under way.
TEST_F(LeaderTest, WaitsForWhatAnEarlierLeaderHadBegun) {
  Report busy = empty_report(2);
  Unfinished unfinished;
  unfinished.id = {{4, HostId{3}}, 9};
  unfinished.action.instance = app1;
  unfinished.action.on = HostId{2};
  unfinished.action.work = StartVm{};
  busy.unfinished.push_back(unfinished);
  leader_->report(empty_report(1));
  leader_->report(busy);
  leader_->report(empty_report(3));
  executor_.run_for(20s);
  EXPECT_TRUE(starts().empty());
  leader_->report(empty_report(2));
  executor_.run_for(100ms);
  EXPECT_EQ(starts().size(), 1U);
}

// Rule 14, and the reason for everything: what a lost host ran is started elsewhere, once.
TEST_F(LeaderTest, ReplacesWhatALostHostRan) {
  leader_->report(empty_report(1));
  leader_->report(empty_report(2));
  leader_->report(report_with(3, {{4, HostId{3}}, 1}));
  executor_.run_for(1s);
  EXPECT_TRUE(starts().empty());
  hosts_[2].state = HostState::suspect;
  leader_->host_changed(HostId{3}, HostState::suspect);
  executor_.run_for(10s);
  EXPECT_TRUE(starts().empty()) << "suspect is not lost";
  hosts_[2].state = HostState::lost;
  leader_->host_changed(HostId{3}, HostState::lost);
  executor_.run_for(100ms);
  ASSERT_EQ(starts().size(), 1U);
  EXPECT_NE(starts()[0].action.on, HostId{3});
}

// Rule 16: of two copies the one with the higher incarnation is right; the other is ended, not the
// right one.
TEST_F(LeaderTest, EndsTheOlderOfTwoCopies) {
  leader_->report(report_with(1, {{3, HostId{2}}, 1}));
  leader_->report(report_with(2, {{4, HostId{2}}, 1}));
  leader_->report(empty_report(3));
  executor_.run_for(100ms);
  std::vector<Command> stops;
  for (const auto& [host, command] : sent_) {
    if (std::holds_alternative<StopVm>(command.action.work)) stops.push_back(command);
  }
  ASSERT_FALSE(stops.empty());
  for (const Command& stop : stops) {
    EXPECT_EQ(stop.action.on, HostId{1});
    EXPECT_EQ(std::get<StopVm>(stop.action.work).incarnation, (Incarnation{{3, HostId{2}}, 1}));
  }
}

TEST_F(LeaderTest, ForgetsADeletedResourceOnlyWhenNothingOfItIsLeft) {
  std::string error;
  auto resource = decode_resource(catalog_.entries.at("resource/site"), error);
  ASSERT_TRUE(resource) << error;
  resource->ensure = Ensure::absent;
  catalog_.entries["resource/site"] = encode_resource(*resource);
  leader_->catalog_changed(catalog_);
  leader_->report(empty_report(1));
  leader_->report(empty_report(2));
  executor_.run_for(1s);
  EXPECT_TRUE(written_.empty()) << "node3 may still have some of it";
  leader_->report(report_with(3, {{4, HostId{3}}, 1}));
  executor_.run_for(1s);
  EXPECT_TRUE(written_.empty());
  Report gone = empty_report(3);
  gone.executed = {term, 1000};
  leader_->report(gone);
  executor_.run_for(1s);
  ASSERT_GE(written_.size(), 2U);
  EXPECT_EQ(written_[0].key, "resource/site");
  EXPECT_FALSE(written_[0].value);
}

TEST_F(LeaderTest, TellsEveryTransitionOnce) {
  all_report_nothing();
  executor_.run_for(3s);
  const auto told = std::count_if(events_.begin(), events_.end(), [](const std::string& text) {
    return text.starts_with("site-app-1: ");
  });
  EXPECT_GE(told, 1);
  EXPECT_LE(told, 3);
}

}  // namespace
}  // namespace cierzo
