// Whole simulated sites: a leader that is hit in the middle of something, and a large site on a bad
// day.
#include <gtest/gtest.h>

#include "agent/log.hpp"
#include "tests/simulation/site/cluster.hpp"
#include "tests/simulation/site/crowd.hpp"
#include "tests/simulation/site/directed_sites.hpp"
#include "tests/simulation/site/story.hpp"

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;

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
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Story story = story_of(seed);
    EXPECT_EQ(joined(run(story).failures), "")
        << to_string(story) << "\nreplay: bin/site_simulation --hit-leaders 1 --seed " << seed;
  }
}

// A switch reboots: nobody hears anybody for longer than a permit is long. Every guard pauses what
// its host runs, nobody replaces anything, and when the switch is back everything is resumed.
TEST_F(Sites, a_false_alarm_costs_a_pause_and_not_a_vm) {
  Site site({});
  ASSERT_TRUE(site.run_until([&] { return site.leader().has_value(); }, 20s));
  const auto reply = site.apply(*site.leader(), R"(
web:
  shop:
    ensure: running
    balancer: {ip: 10.1.0.10, image: mini.qcow2}
    server: {ips: 10.1.0.11-10.1.0.12, image: mini.qcow2}
    database: {ip: 10.1.0.20, image: mini.qcow2}
)");
  const std::set<InstanceName> all{
      {"shop-balancer-1"}, {"shop-server-1"}, {"shop-server-2"}, {"shop-database-1"}};
  const auto runs = [&] { return site.difference(all, {}).empty() && site.open_plan().empty(); };
  ASSERT_TRUE(site.run_until(runs, 60s)) << site.difference(all, {});
  const auto count = [&](const std::string& call) {
    std::size_t number = 0;
    for (std::uint32_t host = 1; host <= site.hosts(); ++host) {
      for (const std::string& line : site.hypervisor(HostId{host}).calls()) {
        number += line.starts_with(call) ? 1U : 0U;
      }
    }
    return number;
  };
  const std::size_t running_copies = all.size(), created = count("create");

  for (std::uint32_t host = 1; host <= site.hosts(); ++host) {
    site.befall(fault::Isolate{HostId{host}});
  }
  site.run_for(10s);
  for (std::uint32_t host = 1; host <= site.hosts(); ++host) {
    for (const auto& [name, copy] : site.hypervisor(HostId{host}).domains()) {
      EXPECT_FALSE(copy.runs) << name.value << " runs without a permit";
    }
  }
  site.befall(fault::Mend{});
  EXPECT_TRUE(site.run_until(runs, 30s)) << site.difference(all, {}) << site.open_plan();
  EXPECT_EQ(count("create"), created);
  EXPECT_EQ(count("renew"), running_copies) << "each is resumed once, under a new incarnation";
  EXPECT_GE(count("set_guest_clock"), running_copies);
  EXPECT_EQ(joined(site.checker().failures()), "");
}

// A host without a live guard sends no stamps: its permit ends, and nothing more is started there.
TEST_F(Sites, a_host_without_a_guard_runs_nothing) {
  Site site({});
  site.run_for(1s);
  for (std::uint32_t host = 1; host <= site.hosts(); ++host) {
    site.befall(fault::KillGuard{HostId{host}});
  }
  ASSERT_TRUE(site.run_until([&] { return site.leader().has_value(); }, 20s))
      << "an election needs no guard";
  const auto reply = site.apply(*site.leader(),
                                "web: {shop: {ensure: running, balancer: {ip: 10.1.0.10, image: "
                                "mini.qcow2}, server: {ip: 10.1.0.11, image: mini.qcow2}, "
                                "database: {ip: 10.1.0.20, image: mini.qcow2}}}");
  site.run_for(20s);
  for (std::uint32_t host = 1; host <= site.hosts(); ++host) {
    EXPECT_TRUE(site.hypervisor(HostId{host}).domains().empty());
  }
  EXPECT_NE(site.open_plan().find("is not guarded"), std::string::npos) << site.open_plan();
  for (std::uint32_t host = 1; host <= site.hosts(); ++host) {
    site.befall(fault::StartGuard{HostId{host}});
  }
  EXPECT_TRUE(site.run_until(
      [&] {
        return site.difference({{"shop-balancer-1"}, {"shop-server-1"}, {"shop-database-1"}}, {})
            .empty();
      },
      60s));
}

// The guard of a host dies at the very moment at which the host is cut off: the leader cannot know,
// and replaces what ran there. The agent pauses it in the guard's place.
TEST_F(Sites, an_agent_pauses_where_its_guard_died_unnoticed) {
  Site site({});
  const Declared shop{1, 6};
  ASSERT_TRUE(site.run_until([&] { return site.leader().has_value(); }, 20s));
  const auto reply = site.apply(*site.leader(), manifest(shop));
  const auto runs = [&] {
    return site.difference(instances_of(shop), {}).empty() && site.open_plan().empty();
  };
  ASSERT_TRUE(site.run_until(runs, 60s)) << site.difference(instances_of(shop), {});
  const HostId away{site.leader() == HostId{3} ? 2U : 3U};
  site.befall(fault::Isolate{away});
  site.befall(fault::KillGuard{away});
  site.run_for(15s);
  std::size_t elsewhere = 0;
  for (std::uint32_t id = 1; id <= site.hosts(); ++id) {
    for (const auto& [name, copy] : site.hypervisor(HostId{id}).domains()) {
      EXPECT_TRUE(HostId{id} != away || !copy.runs) << name.value << " runs without a permit";
      elsewhere += HostId{id} != away ? 1U : 0U;
    }
  }
  EXPECT_EQ(elsewhere, instances_of(shop).size()) << "it was not replaced";
  EXPECT_EQ(joined(site.checker().failures()), "");
}

// Without its pauses the guard's site breaks what the checkers look at.
TEST_F(Sites, a_guard_that_does_not_pause_is_noticed) {
  std::string failures;
  for (std::uint64_t seed = 1; seed <= 60 && failures.empty(); ++seed) {
    Story story = story_of(seed);
    story.site.guard_mutations.set(static_cast<std::size_t>(guard::Mutation::pause));
    failures = joined(run(story).failures);
  }
  EXPECT_NE(failures.find("S2"), std::string::npos) << failures;
}

TEST_F(Sites, every_rule_of_a_recovery_has_a_schedule) {
  for (const election::Mutation mutation : election::all_mutations()) {
    const std::string rule = election::to_string(mutation);
    if (!rule.starts_with("22-")) continue;
    const auto& all = directed_sites();
    EXPECT_TRUE(std::any_of(all.begin(), all.end(), [&](const auto& one) {
      return one.rule == rule;
    })) << rule;
  }
}

TEST_F(Sites, every_rule_with_a_schedule_is_missed_by_it) {
  for (const DirectedSite& directed : directed_sites()) {
    EXPECT_EQ(joined(directed.run({})), "") << directed.story;
    const std::string failures = joined(directed.run(without_rule(directed.rule)));
    EXPECT_NE(failures.find(directed.breaks), std::string::npos)
        << directed.rule << ": " << failures;
  }
}

TEST_F(Sites, a_bad_day_of_a_whole_cluster_ends_well) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    const Cluster cluster = cluster_of(seed);
    EXPECT_EQ(joined(run(cluster).failures), "")
        << to_string(cluster) << "\nreplay: bin/site_simulation --seed " << seed;
  }
}

TEST_F(Sites, a_seed_replays_exactly) {
  EXPECT_EQ(run(story_of(7)).events, run(story_of(7)).events);
  EXPECT_EQ(run(cluster_of(7)).events, run(cluster_of(7)).events);
}

TEST_F(Sites, a_thousand_instances_on_a_hundred_hosts_converge_and_heal) {
  const CrowdEnd end = run(Crowd{});
  EXPECT_EQ(joined(end.failures), "") << to_string(end);
}

}  // namespace
}  // namespace cierzo::simulation
