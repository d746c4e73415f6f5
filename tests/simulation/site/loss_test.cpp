// Lost hosts on whole simulated sites: the brake, an administrator's word, and what becomes of both
// when leaders change and hosts return. (rules 14, 15, 19)
#include <gtest/gtest.h>

#include "agent/log.hpp"
#include "agent/net/codec_api.hpp"
#include "tests/simulation/site/site.hpp"

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;

constexpr HostId n1{1}, n2{2}, n3{3}, n4{4}, n5{5};

constexpr const char* shop = R"(
web:
  shop:
    ensure: running
    pool: [node3, node4, node5, node1, node2]
    balancer: {ip: 10.1.0.10, image: mini.qcow2}
    server: {ips: 10.1.0.11-10.1.0.14, image: mini.qcow2}
    database: {ip: 10.1.0.20, image: mini.qcow2}
)";

constexpr const char* stubborn = R"(
web:
  shop:
    ensure: running
    on_isolation: ignore
    pool: [node5, node1, node2]
    balancer: {ip: 10.1.0.10, image: mini.qcow2}
    server: {ips: 10.1.0.11-10.1.0.14, image: mini.qcow2}
    database: {ip: 10.1.0.20, image: mini.qcow2}
)";

std::set<InstanceName> names() {
  std::set<InstanceName> all{{"shop-balancer-1"}, {"shop-database-1"}};
  for (int i = 1; i <= 4; ++i) all.insert({"shop-server-" + std::to_string(i)});
  return all;
}

// Five hosts, three voters: node3, node4 and node5 can be lost and somebody still leads.
class Loss : public testing::Test {
 protected:
  static void SetUpTestSuite() { log::start(log::Level::error); }

  static SiteOptions options() {
    SiteOptions options;
    options.hosts = 5;
    return options;
  }

  void begin(const char* manifest) {
    ASSERT_TRUE(site.run_until([this] { return site.leader().has_value(); }, 20s));
    const auto reply = site.apply(*site.leader(), manifest);
    ASSERT_TRUE(site.run_until([&] { return reply->has_value(); }, 5s));
    ASSERT_EQ((*reply)->status, 200) << (*reply)->body;
    ASSERT_TRUE(settles()) << site.difference(names(), {}) << site.open_plan();
  }
  bool settles() {
    return site.run_until(
        [this] {
          return site.leader() && site.difference(names(), {}).empty() && site.open_plan().empty();
        },
        120s);
  }
  api::ApiResponse ask(const std::string& method, const std::string& target,
                       const std::string& body = {}) {
    const auto reply = site.request(site.leader().value_or(n1), method, target, body);
    if (!site.run_until([&] { return reply->has_value(); }, 15s)) return {0, "no answer"};
    return **reply;
  }
  api::ApiResponse confirm(const std::vector<std::string>& hosts) {
    return ask("POST", "/v1/confirm-lost", api::to_json(api::ConfirmRequest{hosts, false}));
  }
  std::string brake() {
    const auto view = api::from_json<api::StatusView>(ask("GET", "/v1/hosts").body);
    const auto* status = std::get_if<api::StatusView>(&view);
    return status != nullptr ? status->brake : "no answer";
  }
  api::HostRow row(HostId host) {
    const auto view = api::from_json<api::StatusView>(ask("GET", "/v1/hosts").body);
    const auto* status = std::get_if<api::StatusView>(&view);
    return status != nullptr ? status->hosts.at(host.value - 1) : api::HostRow{};
  }
  bool marked(HostId host) {
    const auto leader = site.leader();
    return leader &&
           site.agent(*leader)->node().committed().entries.contains(election::lost_key(host));
  }
  // How many machines run there.
  std::size_t domains(HostId host) {
    return site.is_up(host) ? site.hypervisor(host).domains().size() : 0;
  }
  void lose(std::initializer_list<HostId> hosts) {
    for (const HostId host : hosts) site.befall(fault::PowerCut{host});
  }
  void TearDown() override {
    std::string text;
    for (const std::string& line : site.checker().failures()) text += line + "\n";
    EXPECT_EQ(text, "");
  }

  Site site{options()};
};

TEST_F(Loss, more_than_half_are_replaced_only_when_confirmed) {
  begin(shop);
  const std::size_t before = domains(n1) + domains(n2);
  ASSERT_LT(before, names().size()) << "the three run most of it";
  lose({n3, n4, n5});
  site.run_for(60s);
  EXPECT_EQ(domains(n1) + domains(n2), before);
  EXPECT_NE(brake().find("3 of 5 hosts lost or suspect"), std::string::npos) << brake();
  // The next leader comes to the same answer.
  const HostId first = site.leader().value_or(n1);
  site.befall(fault::KillAgent{first});
  site.befall(fault::StartAgent{first});
  site.run_for(60s);
  EXPECT_EQ(domains(n1) + domains(n2), before);
  EXPECT_NE(brake().find("3 of 5 hosts lost or suspect"), std::string::npos) << brake();
  EXPECT_EQ(confirm({"node3", "node1"}).status, 409) << "node1 is alive";
  const auto done = confirm({"node3", "node4", "node5"});
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_TRUE(settles()) << site.difference(names(), {}) << site.open_plan();
  EXPECT_EQ(brake(), "");
}

// Saying that one of three is down says nothing about the other two, which may be behind a switch.
TEST_F(Loss, a_word_about_one_host_does_not_release_the_others) {
  begin(shop);
  lose({n3, n4, n5});
  site.run_for(20s);
  const std::size_t before = domains(n1) + domains(n2);
  ASSERT_EQ(confirm({"node3"}).status, 200);
  site.run_for(60s);
  EXPECT_NE(brake().find("3 of 5 hosts lost or suspect; agentctl confirm-lost node4 node5"),
            std::string::npos)
      << brake();
  // Only what ran on node3 has moved.
  EXPECT_LT(domains(n1) + domains(n2), names().size());
  EXPECT_GE(domains(n1) + domains(n2), before);
  for (const HostId host : {n4, n5}) site.befall(fault::Boot{host});
  EXPECT_TRUE(settles()) << site.difference(names(), {}) << site.open_plan();
  // Now it is one that has been dead for long, and counts no more: of the others one may be lost.
  lose({n5});
  EXPECT_TRUE(settles()) << site.difference(names(), {}) << site.open_plan();
  EXPECT_EQ(brake(), "");
}

class NewHost : public testing::Test {
 protected:
  static void SetUpTestSuite() { log::start(log::Level::error); }
};

// With a new host it is stored that nothing is there. It answers as soon as it is let in, and may
// get nothing to do before that is stored: another leader would start it a second time. (rule 14)
TEST_F(NewHost, gets_no_command_before_it_is_stored_that_nothing_is_there) {
  bool stored = false;
  std::size_t sent = 0, early = 0;
  SiteOptions options;
  options.spare = 1;
  options.hypervisor.memory_total_kib = 1536 * 1024;  // Each has room for one VM.
  options.on_message = [&](HostId, HostId to, const PeerMessage& message) {
    if (to != n4 || !std::holds_alternative<Command>(message)) return;
    ++sent;
    if (!stored) ++early;
  };
  Site site(options);
  ASSERT_TRUE(site.run_until([&] { return site.leader().has_value(); }, 20s));
  (void)site.apply(*site.leader(), shop);
  site.befall(fault::Boot{n4});
  site.run_for(20s);
  ASSERT_NE(site.open_plan(), "") << "the shop has room without it";
  for (const HostId host : {n2, n3}) site.befall(fault::SlowDisk{host, 200ms});
  api::HostChange add;
  add.action = "add";
  add.name = add.address = "node4";
  add.id = 4;
  add.key = site.key(n4);
  const auto reply = site.request(*site.leader(), "POST", "/v1/hosts/change", api::to_json(add));
  for (int ms = 0; ms < 10'000 && !reply->has_value(); ++ms) site.run_for(1ms);
  ASSERT_TRUE(reply->has_value());
  ASSERT_EQ((*reply)->status, 200) << (*reply)->body;
  stored = true;
  EXPECT_TRUE(site.run_until([&] { return sent > 0; }, 30s)) << "it is not used at all";
  EXPECT_EQ(early, 0U);
}

TEST_F(Loss, hosts_that_come_back_release_the_brake) {
  begin(shop);
  lose({n3, n4, n5});
  site.run_for(20s);
  EXPECT_NE(brake(), "");
  for (const HostId host : {n3, n4, n5}) site.befall(fault::Boot{host});
  EXPECT_TRUE(settles()) << site.difference(names(), {}) << site.open_plan();
  EXPECT_EQ(brake(), "");
}

TEST_F(Loss, what_runs_on_when_isolated_waits_for_a_word_that_the_next_leader_knows) {
  begin(stubborn);
  const std::size_t before = domains(n1);
  ASSERT_GT(domains(n5), 0U);
  lose({n5});
  site.run_for(60s);
  EXPECT_EQ(domains(n1), before);
  EXPECT_EQ(row(n5).lost_proof, "disks-released");
  EXPECT_EQ(confirm({"node5"}).status, 200);
  EXPECT_TRUE(settles()) << site.difference(names(), {}) << site.open_plan();
  EXPECT_GT(domains(n1), before);
  const HostId first = site.leader().value_or(n1);
  site.befall(fault::KillAgent{first});
  site.run_for(10s);
  EXPECT_EQ(row(n5).lost_proof, "confirmed");
  site.befall(fault::StartAgent{first});
  // Back, it is taken back; and lost again it is as unproved as any other.
  site.befall(fault::Boot{n5});
  EXPECT_TRUE(site.run_until([this] { return site.leader() && !marked(n5); }, 20s));
  EXPECT_TRUE(settles()) << site.difference(names(), {}) << site.open_plan();
  lose({n5});
  site.run_for(20s);
  EXPECT_EQ(row(n5).lost_proof, "disks-released");
}

// Its stale disks wait to be removed; but what the mark proves must stay all that can be there
// until its removal is stored.
TEST_F(Loss, a_confirmed_host_gets_no_command_before_its_mark_is_gone) {
  begin(stubborn);
  lose({n5});
  site.run_for(10s);
  ASSERT_EQ(confirm({"node5"}).status, 200);
  ASSERT_TRUE(settles()) << site.difference(names(), {}) << site.open_plan();
  ASSERT_TRUE(marked(n5));
  // Its first report comes long before a majority has stored that the mark is gone.
  for (const HostId voter : {n2, n3}) site.befall(fault::SlowDisk{voter, 300ms});
  site.befall(fault::Boot{n5});
  bool commanded = false;
  for (int ms = 0; ms < 20'000 && !commanded; ++ms) {
    site.run_for(1ms);
    const auto leader = site.leader();
    const Leader* duties = leader ? site.agent(*leader)->leader() : nullptr;
    if (duties == nullptr) continue;
    for (const InFlight& command : duties->world().in_flight) {
      if (command.action.on != n5) continue;
      commanded = true;
      EXPECT_FALSE(marked(n5)) << to_string(command.action, "node5");
    }
  }
  EXPECT_TRUE(commanded) << "its stale disks are removed";
}

}  // namespace
}  // namespace cierzo::simulation
