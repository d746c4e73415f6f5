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
    hooks.permit_spell = [this](HostId host) {
      return without_permit_.contains(host) ? std::uint64_t{0} : std::uint64_t{1};
    };
    hooks.send = [this](HostId host, const PeerMessage& message) {
      if (const auto* command = std::get_if<Command>(&message)) sent_.push_back({host, *command});
    };
    hooks.write = [this](const std::vector<election::CatalogChange>& changes) {
      written_.insert(written_.end(), changes.begin(), changes.end());
    };
    hooks.writing = [this] { return writing_; };
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
  std::set<HostId> without_permit_;
  bool authority_ = true, writing_ = false;
  std::vector<std::pair<HostId, Command>> sent_;
  std::vector<election::CatalogChange> written_;
  std::vector<std::string> events_;
  std::unique_ptr<Leader> leader_;
};

// Hosts say of an absolute image only when asked whether they have it. The first one to answer must
// not get everything, and one that never does must not hold up the rest.
TEST_F(LeaderTest, WaitsAMomentForEveryHostToSayWhetherItHasAnImage) {
  const std::string image = "/srv/app.qcow2";
  std::string error;
  auto& entry = catalog_.entries.at(resource_key(ResourceName{"site"}));
  Resource resource = decode_resource(entry, error).value();
  resource.slots[RoleName{"app"}] = {{"10.0.0.11", image, 1}, {"10.0.0.12", image, 2}};
  entry = encode_resource(resource);
  all_report_nothing();
  leader_->catalog_changed(catalog_);
  const auto answers = [&](std::uint32_t id) {
    Report report = empty_report(id);
    report.images_asked = {image};
    report.images[image] = "d";
    leader_->report(report);
  };
  answers(1);
  executor_.run_for(1s);
  EXPECT_TRUE(starts().empty()) << "two more have not answered";
  answers(2);
  executor_.run_for(2500ms);
  ASSERT_EQ(starts().size(), 2U) << "the third never answers";
  EXPECT_NE(starts()[0].action.on, starts()[1].action.on);
}

// A report may overtake the acknowledgement that tells of the permit it was made under, and may be
// the last for long. What was withheld meanwhile must not wait for the next look in half a minute.
TEST_F(LeaderTest, SendsWhatItWithheldAsSoonAsTheHostAcknowledgesAPermit) {
  for (std::uint32_t id : {1U, 2U, 3U}) without_permit_.insert(HostId{id});
  all_report_nothing();
  executor_.run_for(1s);
  EXPECT_TRUE(starts().empty()) << "a command without a permit would be refused";
  without_permit_.clear();
  for (std::uint32_t id : {1U, 2U, 3U}) {
    const Report report = empty_report(id);
    leader_->host_heard(report.host, report.boot, report.state_id, report.process);
  }
  executor_.run_for(100ms);
  EXPECT_EQ(starts().size(), 1U);
}

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

// Messages may be overtaken: the older report does not list what a command has started since.
TEST_F(LeaderTest, DoesNotBelieveAReportThatWasOvertaken) {
  all_report_nothing();
  executor_.run_for(100ms);
  ASSERT_EQ(starts().size(), 1U);
  const Command start = starts()[0];
  const std::uint32_t on = start.action.on.value;
  Report runs = report_with(on, std::get<StartVm>(start.action.work).incarnation);
  runs.executed = start.id;
  runs.number = 2;
  leader_->report(runs);
  Report late = empty_report(on);
  late.number = 1;
  leader_->report(late);
  executor_.run_for(10s);
  EXPECT_EQ(starts().size(), 1U);
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
  ASSERT_FALSE(written_.empty());
  EXPECT_EQ(written_[0].key, "resource/site");
  EXPECT_FALSE(written_[0].value);
}

// Decided only on what is committed: an apply under way may want it again.
TEST_F(LeaderTest, ForgetsNothingWhileSomethingIsStored) {
  std::string error;
  auto resource = decode_resource(catalog_.entries.at("resource/site"), error);
  ASSERT_TRUE(resource) << error;
  resource->ensure = Ensure::absent;
  catalog_.entries["resource/site"] = encode_resource(*resource);
  leader_->catalog_changed(catalog_);
  writing_ = true;
  all_report_nothing();
  executor_.run_for(1s);
  EXPECT_TRUE(written_.empty());
}

// A command that its host refuses was planned from what is out of date: no storm of the same again.
TEST_F(LeaderTest, PlansNothingMoreForAHostThatRefusedUntilItReports) {
  all_report_nothing();
  executor_.run_for(100ms);
  ASSERT_EQ(starts().size(), 1U);
  const Command first = starts()[0];
  CommandResult refused;
  refused.id = first.id;
  refused.refused = true;
  leader_->result(first.action.on, refused);
  executor_.run_for(100ms);
  std::size_t for_it = 0;
  for (const Command& start : starts()) for_it += start.action.on == first.action.on ? 1U : 0U;
  EXPECT_EQ(for_it, 1U);
}

// Rules 14, 17: another boot under the same id has nothing of what the earlier one reported.
TEST_F(LeaderTest, BelievesNothingOfAnEarlierBoot) {
  leader_->report(report_with(1, {{4, HostId{3}}, 1}));
  leader_->report(empty_report(2));
  leader_->report(empty_report(3));
  executor_.run_for(1s);
  EXPECT_TRUE(starts().empty());
  leader_->host_heard(HostId{1}, "another boot", "state1", "");
  EXPECT_EQ(leader_->report_of(HostId{1}), nullptr);
  Report rebooted = empty_report(1);
  rebooted.boot = "another boot";
  leader_->report(rebooted);
  executor_.run_for(100ms);
  EXPECT_EQ(starts().size(), 1U);
}

// What this version cannot read is declared all the same.
TEST_F(LeaderTest, LeavesAloneWhatItCannotRead) {
  catalog_.entries["resource/site"] = "of another version";
  leader_->catalog_changed(catalog_);
  Report report = report_with(1, {{4, HostId{3}}, 1});
  Observed disk;
  disk.name = InstanceName{"site-app-2"};
  disk.presence = Presence::absent;
  disk.overlay = true;
  report.instances.push_back(disk);
  leader_->report(report);
  leader_->report(empty_report(2));
  leader_->report(empty_report(3));
  executor_.run_for(10s);
  EXPECT_TRUE(sent_.empty()) << to_string(sent_[0].second.action, "a host");
}

// Rule 19: two of three hosts at once are more likely a switch. Told once; gone with its cause.
TEST_F(LeaderTest, PullsTheBrakeAndSaysSoOnce) {
  leader_->report(empty_report(1));
  leader_->report(empty_report(2));
  leader_->report(report_with(3, {{4, HostId{3}}, 1}));
  executor_.run_for(1s);
  hosts_[1].state = HostState::suspect;
  leader_->host_changed(HostId{2}, HostState::suspect);
  hosts_[2].state = HostState::lost;
  leader_->host_changed(HostId{3}, HostState::lost);
  executor_.run_for(60s);
  EXPECT_TRUE(starts().empty());
  const auto told = [this](const std::string& what) {
    return std::count_if(events_.begin(), events_.end(), [&](const std::string& text) {
      return text.starts_with("brake: " + what);
    });
  };
  EXPECT_EQ(told("2 of 3 hosts lost or suspect; agentctl confirm-lost node2 node3"), 1);
  EXPECT_FALSE(leader_->brake().reason.empty());
  EXPECT_EQ(told("released"), 0);
  hosts_[1].state = HostState::alive;
  leader_->host_changed(HostId{2}, HostState::alive);
  executor_.run_for(100ms);
  EXPECT_EQ(told("released"), 1);
  ASSERT_EQ(starts().size(), 1U);
  EXPECT_TRUE(leader_->brake().reason.empty());
}

// A new leader that never heard the lost hosts comes to the same answer; a word of an
// administrator frees what they may have run.
TEST_F(LeaderTest, PullsTheBrakeForHostsItNeverHeard) {
  leader_->report(empty_report(1));
  for (HostFacts& host : hosts_) {
    if (host.id != HostId{1}) host.state = HostState::lost;
  }
  leader_->host_changed(HostId{2}, HostState::lost);
  leader_->host_changed(HostId{3}, HostState::lost);
  executor_.run_for(60s);
  EXPECT_TRUE(starts().empty());
  const Plan without = leader_->plan_without({HostId{2}, HostId{3}});
  EXPECT_EQ(without.actions.size(), 1U) << "what agentctl confirm-lost shows before it asks";
  EXPECT_TRUE(starts().empty()) << "a question changes nothing";
  for (HostFacts& host : hosts_) {
    if (host.id == HostId{1}) continue;
    host.lost_proof = LostProof::proven;
    host.confirmed_lost = true;
  }
  leader_->catalog_changed(catalog_);
  executor_.run_for(100ms);
  EXPECT_EQ(starts().size(), 1U);
}

// Rule 14: a shared disk is free by time alone, and nothing but the plan itself looks again then.
TEST_F(LeaderTest, StartsWhatHasASharedDiskWhenTheTimeHasCome) {
  std::string error;
  auto& entry = catalog_.entries.at(resource_key(ResourceName{"site"}));
  Resource resource = decode_resource(entry, error).value();
  resource.disk = Disk::shared;
  entry = encode_resource(resource);
  leader_->catalog_changed(catalog_);
  leader_->report(empty_report(1));
  leader_->report(empty_report(2));
  Report report = report_with(3, {{4, HostId{3}}, 1});
  report.instances[0].disk = Disk::shared;
  leader_->report(report);
  executor_.run_for(1s);
  hosts_[2].state = HostState::lost;
  hosts_[2].disks_released_at = executor_.now() + 6s;
  leader_->host_changed(HostId{3}, HostState::lost);
  executor_.after(6s, [this] { hosts_[2].lost_proof = LostProof::disks_released; });
  executor_.run_for(5900ms);
  EXPECT_TRUE(starts().empty());
  executor_.run_for(200ms);
  ASSERT_EQ(starts().size(), 1U) << "long before everything is looked at again";
  EXPECT_FALSE(std::get<StartVm>(starts()[0].action.work).fresh_disk);
}

// Rule 14: another boot is proof at once, also of what runs on when isolated.
TEST_F(LeaderTest, TakesAnotherBootForProofAtOnce) {
  Report before = report_with(3, {{4, HostId{3}}, 1});
  before.instances[0].on_isolation = OnIsolation::ignore;
  leader_->report(empty_report(1));
  leader_->report(empty_report(2));
  leader_->report(before);
  executor_.run_for(1s);
  hosts_[2].state = HostState::suspect;
  leader_->host_changed(HostId{3}, HostState::suspect);
  executor_.run_for(1s);
  EXPECT_TRUE(starts().empty());
  hosts_[2].state = HostState::alive;
  leader_->host_heard(HostId{3}, "boot of later", "state3", "run");
  leader_->host_changed(HostId{3}, HostState::alive);
  executor_.run_for(1s);
  EXPECT_TRUE(starts().empty()) << "it has not said yet what it has";
  Report after = empty_report(3);
  after.boot = "boot of later";
  Observed disk;
  disk.name = app1;
  disk.resource = ResourceName{"site"};
  disk.presence = Presence::absent;
  disk.overlay = true;
  after.instances.push_back(disk);
  leader_->report(after);
  executor_.run_for(100ms);
  ASSERT_EQ(starts().size(), 1U);
  EXPECT_EQ(starts()[0].action.on, HostId{3}) << "its disk is there";
}

// Rules 16, 17: a result that comes late, twice, or for a command of another term changes nothing.
TEST_F(LeaderTest, IsNotMovedByLateAndRepeatedResults) {
  all_report_nothing();
  executor_.run_for(100ms);
  ASSERT_EQ(starts().size(), 1U);
  const Command start = starts()[0];
  const HostId on = start.action.on;
  Report runs = report_with(on.value, std::get<StartVm>(start.action.work).incarnation);
  runs.executed = start.id;
  leader_->report(runs);
  executor_.run_for(100ms);
  const std::size_t before = sent_.size();
  CommandResult late;
  late.id = start.id;
  late.ok = false;
  late.error = "it did not return in time";
  leader_->result(on, late);
  leader_->result(on, late);
  late.id.term = {4, HostId{3}};
  late.refused = true;
  leader_->result(on, late);
  late.id = {term, 999};
  leader_->result(on, late);
  executor_.run_for(10s);
  EXPECT_EQ(starts().size(), 1U);
  for (std::size_t i = before; i < sent_.size(); ++i) {
    EXPECT_FALSE(std::holds_alternative<StopVm>(sent_[i].second.action.work));
  }
}

class DesiredTest : public LeaderTest {
 protected:
  const std::set<ResourceName> site_ = {ResourceName{"site"}};
  Desired desired_;
};

TEST_F(DesiredTest, NamesAResourceThatCannotBeDecoded) {
  desired_.update(catalog_);
  EXPECT_TRUE(desired_.unreadable().empty());
  EXPECT_EQ(desired_.resources().size(), 1U);
  const std::string good = catalog_.entries["resource/site"];
  catalog_.entries["resource/site"] = "of another version";
  for (int again = 0; again < 2; ++again) {
    desired_.update(catalog_);
    EXPECT_EQ(desired_.unreadable(), site_);
    EXPECT_EQ(desired_.mistakes().size(), 1U);
    EXPECT_TRUE(desired_.resources().empty());
  }
  catalog_.entries["resource/site"] = good;
  desired_.update(catalog_);
  EXPECT_TRUE(desired_.unreadable().empty());
  EXPECT_EQ(desired_.resources().size(), 1U);
  catalog_.entries.erase("resource/site");
  desired_.update(catalog_);
  EXPECT_TRUE(desired_.unreadable().empty()) << "deleted is not unreadable";
}

TEST_F(DesiredTest, NamesAResourceWhoseTypeIsMissingOrRefused) {
  election::Catalog missing = catalog_;
  std::erase_if(missing.entries,
                [](const auto& entry) { return entry.first.starts_with("type/"); });
  desired_.update(missing);
  EXPECT_EQ(desired_.unreadable(), site_);
  election::Catalog refused = catalog_;
  for (auto& [key, bytes] : refused.entries) {
    if (key.starts_with("type/")) bytes = encode_type_files({{"type.yaml", "type: [\n"}});
  }
  desired_.update(refused);
  EXPECT_EQ(desired_.unreadable(), site_);
}

// Its instances would be named after another resource than the one that is deleted with the entry.
TEST_F(DesiredTest, RefusesAnEntryUnderAnotherName) {
  catalog_.entries["resource/other"] = catalog_.entries["resource/site"];
  desired_.update(catalog_);
  EXPECT_EQ(desired_.unreadable(), std::set<ResourceName>{ResourceName{"other"}});
  EXPECT_EQ(desired_.resources().size(), 1U);
}

TEST(Telling, NamesBadHealthUntilACheckPassesAgain) {
  InstanceStatus status;
  status.state = "running";
  status.health = "unknown";
  EXPECT_EQ(telling(status, "configuring"), "running");
  status.health = "failing";
  EXPECT_EQ(telling(status, "running"), "running, failing");
  status.health = "unknown";  // `start` was run again; nothing was checked since.
  EXPECT_EQ(telling(status, "running, failing"), "running, failing");
  status.health = "flapping";
  EXPECT_EQ(telling(status, "running, failing"), "running, flapping");
  status.health = "passing";
  EXPECT_EQ(telling(status, "running, flapping"), "running");
  status.state = "unknown";
  status.health = "unknown";
  EXPECT_EQ(telling(status, "running, failing"), "unknown");
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
