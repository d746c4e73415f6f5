#include "monitor/inventory.hpp"

#include <gtest/gtest.h>

namespace cierzo {
namespace {

using namespace std::chrono_literals;

const InstanceName web1{"myweb-server-1"};

Report report_of(std::uint32_t host) {
  Report report;
  report.host = HostId{host};
  report.hypervisor_answers = true;
  report.memory_free_kib = 1024;
  Observed seen;
  seen.name = web1;
  seen.presence = Presence::present;
  seen.since = 3s;  // An age.
  seen.start.last = 2s;
  report.instances.push_back(seen);
  return report;
}

HostFacts host(std::uint32_t id, HostState state) {
  return {HostId{id}, "node" + std::to_string(id), "10.0.0." + std::to_string(id), state, {}};
}

TEST(Inventory, TurnsAgesIntoTheReceiversTime) {
  Inventory inventory;
  inventory.take(report_of(1), 100s);
  const auto seen = inventory.observed({host(1, HostState::alive)});
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].since, Time(97s));
  EXPECT_EQ(seen[0].start.last, Time(98s));
}

// Rule 18.
TEST(Inventory, IsUnknownWhereTheHostIsSuspectOrItsHypervisorSilent) {
  Inventory inventory;
  inventory.take(report_of(1), 0s);
  EXPECT_EQ(inventory.observed({host(1, HostState::alive)})[0].presence, Presence::present);
  EXPECT_EQ(inventory.observed({host(1, HostState::suspect)})[0].presence, Presence::unknown);
  Report silent = report_of(1);
  silent.hypervisor_answers = false;
  inventory.take(silent, 1s);
  EXPECT_EQ(inventory.observed({host(1, HostState::alive)})[0].presence, Presence::unknown);
}

// Rule 18: a report that is no inventory says nothing, but why there is none.
TEST(Inventory, TakesNothingFromAHostWhoseHypervisorWasNeverSeen) {
  Inventory inventory;
  Report blind = report_of(1);
  blind.surveyed = false;
  blind.hypervisor_answers = false;
  blind.hypervisor_error = "libvirtd cannot be reached";
  inventory.take(blind, 0s);
  EXPECT_EQ(inventory.of(HostId{1}), nullptr);
  EXPECT_TRUE(inventory.observed({host(1, HostState::alive)}).empty());
  const HostView view = inventory.views({host(1, HostState::alive)})[0];
  EXPECT_FALSE(view.inventory_known);
  EXPECT_EQ(view.hypervisor_error, "libvirtd cannot be reached");
  inventory.take(report_of(1), 1s);
  EXPECT_TRUE(inventory.views({host(1, HostState::alive)})[0].inventory_known);
  EXPECT_EQ(inventory.hypervisor_error(HostId{1}), "");
}

// Rule 14: what a lost host last reported decides what may be started elsewhere.
TEST(Inventory, KeepsWhatALostHostReportedUntilItIsBack) {
  Inventory inventory;
  inventory.take(report_of(1), 0s);
  const auto lost = inventory.observed({host(1, HostState::lost)});
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].presence, Presence::unknown);
  inventory.forget(HostId{1});
  EXPECT_TRUE(inventory.observed({host(1, HostState::alive)}).empty());
  EXPECT_FALSE(inventory.views({host(1, HostState::alive)})[0].inventory_known);
}

// Rule 14: a held host is never lost by time; a leader that never heard it knows it from the
// catalog.
TEST(Inventory, ListsWhatAHeldHostRanAsUnknown) {
  Inventory inventory;
  HostFacts held = host(2, HostState::held);
  held.held_instances = {web1, InstanceName{"myweb-server-2"}};
  EXPECT_EQ(inventory.observed({held}).size(), 2U);
  inventory.take(report_of(2), 0s);
  const auto seen = inventory.observed({held});
  ASSERT_EQ(seen.size(), 2U) << "what it reported is not listed twice";
  for (const Observed& one : seen) EXPECT_EQ(one.presence, Presence::unknown);
}

// A path that it was not asked about may be there or not: placement must know the difference.
TEST(Inventory, TellsWhichImagesAHostWasAskedFor) {
  Inventory inventory;
  Report report = report_of(1);
  report.images = {{"/srv/a.qcow2", "d"}};
  report.images_asked = {"/srv/a.qcow2", "/srv/b.qcow2"};
  inventory.take(report, 0s);
  const HostView view = inventory.views({host(1, HostState::alive)})[0];
  EXPECT_EQ(view.images, report.images);
  EXPECT_EQ(view.images_asked, report.images_asked);
}

TEST(Inventory, BelievesAHostOnlyAboutItself) {
  Inventory inventory;
  Report report = report_of(1);
  report.instances[0].host = HostId{7};
  inventory.take(report, 0s);
  EXPECT_EQ(inventory.observed({host(1, HostState::alive)})[0].host, HostId{1});
}

TEST(Inventory, KnowsNothingOfAHostThatItForgot) {
  Inventory inventory;
  inventory.take(report_of(1), 0s);
  inventory.forget(HostId{1});
  EXPECT_EQ(inventory.of(HostId{1}), nullptr);
  EXPECT_EQ(inventory.digest(HostId{1}), "");
}

}  // namespace
}  // namespace cierzo
