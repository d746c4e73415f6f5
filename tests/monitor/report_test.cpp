#include "monitor/report.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace cierzo {
namespace {

using namespace std::chrono_literals;

Report sample() {
  Report report;
  report.host = HostId{1};
  report.boot = "b";
  report.executed = {{3, HostId{2}}, 7};
  report.images["web.qcow2"] = "d";
  report.networks = {"10.0.0.0/8"};
  Observed seen;
  seen.name = InstanceName{"a"};
  seen.presence = Presence::present;
  seen.roles[RoleName{"server"}].health = Health::passing;
  report.instances.push_back(seen);
  return report;
}

TEST(ReportDigest, LeavesAgesOut) {
  Report older = sample();
  older.instances[0].since = 5s;
  older.instances[0].start.last = 5s;
  EXPECT_EQ(report_digest(sample()), report_digest(older));
}

TEST(ReportDigest, ChangesWithEverythingElse) {
  const std::vector<std::function<void(Report&)>> changes = {
      [](Report& r) { r.host = HostId{2}; },
      [](Report& r) { r.boot = "c"; },
      [](Report& r) { r.state_id = "s"; },
      [](Report& r) { r.process = "p"; },
      [](Report& r) {
        r.term = {1, HostId{1}};
      },
      [](Report& r) { r.permit_spell = 1; },
      [](Report& r) { r.images_asked.push_back("/x"); },
      [](Report& r) { r.executed.sequence = 8; },
      [](Report& r) {
        r.unfinished.push_back({{{3, HostId{2}}, 7}, {}});
      },
      [](Report& r) { r.surveyed = false; },
      [](Report& r) { r.hypervisor_answers = true; },
      [](Report& r) { r.hypervisor_error = "hangs"; },
      [](Report& r) { r.guard_error = "hangs"; },
      [](Report& r) { r.memory_total_kib = 1; },
      [](Report& r) { r.memory_free_kib = 1; },
      [](Report& r) { r.cpus_total = 1; },
      [](Report& r) { r.cpus_free = 1; },
      [](Report& r) { r.images["web.qcow2"] = "e"; },
      [](Report& r) { r.networks.push_back("192.168.0.0/16"); },
      [](Report& r) { r.instances[0].presence = Presence::unknown; },
      [](Report& r) { r.instances[0].run = RunState::paused; },
      [](Report& r) { r.instances[0].paused_under = 1; },
      [](Report& r) { r.instances[0].overlay = true; },
      [](Report& r) { r.instances[0].fresh_disk = true; },
      [](Report& r) { r.instances[0].guest_answers = true; },
      [](Report& r) { r.instances[0].incarnation.sequence = 1; },
      [](Report& r) { r.instances[0].spec_digest = "x"; },
      [](Report& r) { r.instances[0].network_digest = "x"; },
      [](Report& r) { r.instances[0].checks_digest = "x"; },
      [](Report& r) { r.instances[0].start.count = 1; },
      [](Report& r) { r.instances[0].configure.count = 1; },
      [](Report& r) { r.instances[0].resets = 1; },
      [](Report& r) { r.instances[0].on_isolation = OnIsolation::ignore; },
      [](Report& r) { r.instances[0].disk = Disk::shared; },
      [](Report& r) { r.instances[0].roles[RoleName{"server"}].stop.count = 1; },
      [](Report& r) { r.instances[0].role_names.insert(RoleName{"x"}); },
      [](Report& r) { r.instances[0].roles[RoleName{"server"}].health = Health::failing; },
      [](Report& r) { r.instances[0].roles[RoleName{"server"}].configured_digest = "x"; },
      [](Report& r) { r.instances[0].roles[RoleName{"server"}].stopped_digest = "x"; },
      [](Report& r) { r.instances[0].roles[RoleName{"server"}].start.error = "x"; },
  };
  std::vector<std::string> seen{report_digest(sample())};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Report changed = sample();
    changes[i](changed);
    const std::string digest = report_digest(changed);
    for (const std::string& other : seen) EXPECT_NE(digest, other) << "change " << i;
    seen.push_back(digest);
  }
}

// Two different reports must not make the same text by shifting characters between fields.
TEST(ReportDigest, DoesNotConfuseNeighbours) {
  Report a = sample(), b = sample();
  a.boot = "ab";
  a.state_id = "c";
  b.boot = "a";
  b.state_id = "bc";
  EXPECT_NE(report_digest(a), report_digest(b));
}

}  // namespace
}  // namespace cierzo
