#include "tests/simulation/site/directed_sites.hpp"

#include <cstdio>

#include "tests/simulation/site/declared.hpp"
#include "tests/simulation/site/site.hpp"

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;
using Failures = std::vector<std::string>;

const Declared shop{1, 6};  // Spread over the three hosts.
constexpr HostId node3{3};

// Three hosts on which the shop runs.
struct Calm {
  explicit Calm(const RulesOff& off) : Calm(options(off), manifest(shop)) {}
  Calm(const SiteOptions& options, const std::string& declared) : site(options) {
    await([this] { return site.leader().has_value(); }, "a leader");
    if (site.leader()) (void)site.apply(*site.leader(), declared);
    await([this] { return serves(); }, "everything declared");
  }

  static SiteOptions options(const RulesOff& off) {
    SiteOptions made;
    made.skewed_clocks = false;
    made.guard_mutations = off.guard;
    made.mutations = off.agent;
    made.brake_share = off.brake_share;
    return made;
  }
  [[nodiscard]] bool serves() {
    std::size_t running = 0;
    for (std::uint32_t id = 1; id <= site.hosts(); ++id) {
      for (const auto& [name, copy] : site.hypervisor(HostId{id}).domains()) running += copy.runs;
    }
    return running == instances_of(shop).size() && site.open_plan().empty();
  }
  void await(const std::function<bool()>& condition, const std::string& what) {
    if (!site.run_until(condition, 60s)) site.checker().fail(site.now(), "setup: not " + what);
  }
  // What node3's hypervisor has now; its incarnation tells whether it was resumed.
  [[nodiscard]] std::map<InstanceName, SimulatedProvider::Copy> copies() const {
    return site.hypervisor(node3).domains();
  }

  Site site;
};

// Node 3 is cut off, and lives.
Failures host_is_cut_off(const RulesOff& off) {
  Calm calm(off);
  calm.site.befall(fault::Isolate{node3});
  calm.site.run_for(10s);
  return calm.site.checker().failures();
}

// Node 3 stands still as a whole for longer than its permit, and goes on; its agent hears the next
// heartbeat before its guard looks at the clock.
Failures host_thaws(const RulesOff& off) {
  Calm calm(off);
  calm.site.befall(fault::FreezeHost{node3});
  calm.site.run_for(8s);
  // libvirtd is slow to come back: the leader cannot have the old copies destroyed meanwhile.
  calm.site.befall(fault::HangHypervisor{node3, 5s});
  calm.site.befall(fault::ThawHost{node3});
  calm.site.run_for(10s);
  return calm.site.checker().failures();
}

// Everything was paused for a while, and node 3 is told to resume. The new incarnation is written,
// then its libvirtd hangs; it is cut off, lost and replaced, and heard again. Only now the request
// to continue arrives at the guard: it was made under the pause before the last.
Failures late_request_to_continue(const RulesOff& off) {
  Calm calm(off);
  calm.site.befall(fault::Switch{});
  calm.site.run_for(4s);
  const auto paused = calm.copies();
  calm.site.befall(fault::Mend{});
  const auto renewed = [&] {
    for (const auto& [name, copy] : calm.copies()) {
      if (copy.incarnation != paused.at(name).incarnation) return true;
    }
    return false;
  };
  for (int ms = 0; ms < 5000 && !renewed(); ++ms) calm.site.run_for(1ms);
  if (!renewed()) calm.site.checker().fail(calm.site.now(), "setup: not resumed");
  calm.site.befall(fault::HangHypervisor{node3, 15s});
  calm.site.befall(fault::Isolate{node3});
  calm.site.run_for(8s);
  calm.site.befall(fault::Mend{});
  calm.site.run_for(15s);
  return calm.site.checker().failures();
}

// Node 3's agent goes wrong: it writes a deadline that no heartbeat will have to renew for long,
// and hangs.
Failures deadline_far_ahead(const RulesOff& off) {
  Calm calm(off);
  calm.site.befall(fault::Freeze{node3});
  SimulatedGuard& guard = calm.site.guard(node3);
  guard.set_deadline(guard.deadline() + 1min, Time{});
  calm.site.run_for(15s);
  return calm.site.checker().failures();
}

// Node 3 is cut off, and its machines have their disks on storage that all hosts see.
Failures shared_disks_are_cut_off(const RulesOff& off) {
  std::string shared = manifest(shop);
  const std::string key = "ensure: running\n";
  shared.insert(shared.find(key) + key.size(), "    disk: shared\n");
  Calm calm(Calm::options(off), shared);
  calm.site.befall(fault::Isolate{node3});
  calm.site.run_for(25s);
  return calm.site.checker().failures();
}

// Every command arrives twice, the second time up to three seconds later. Two starts fail on node 3
// and are made elsewhere meanwhile.
Failures commands_arrive_twice(const RulesOff& off) {
  SiteOptions options = Calm::options(off);
  options.duplication = 1;
  Site site(options);
  (void)site.run_until([&] { return site.leader().has_value(); }, 60s);
  site.befall(fault::FailStarts{node3, 2});
  if (site.leader()) (void)site.apply(*site.leader(), manifest(shop));
  site.run_for(20s);
  return site.checker().failures();
}

// Of five hosts three lose their power at once; the voters that are left have a majority.
Failures most_hosts_lose_power(const RulesOff& off) {
  SiteOptions options = Calm::options(off);
  options.hosts = 5;
  Calm calm(options, manifest(shop));
  for (const std::uint32_t id : {3U, 4U, 5U}) calm.site.befall(fault::PowerCut{HostId{id}});
  calm.site.run_for(10s);
  return calm.site.checker().failures();
}

}  // namespace

RulesOff without_rule(const std::string& rule) {
  RulesOff off;
  if (const auto mutation = guard::mutation_named(rule)) {
    off.guard.set(static_cast<std::size_t>(*mutation));
  } else if (const auto other = election::mutation_named(rule)) {
    off.agent.set(static_cast<std::size_t>(*other));
  } else {
    off.brake_share = 1;
  }
  return off;
}

const std::vector<DirectedSite>& directed_sites() {
  static const std::vector<DirectedSite> all = {
      {"13-pause", "a host is cut off, and lives", "S2", host_is_cut_off},
      {"13-thaw", "a whole host stands still and goes on", "S2", host_thaws},
      {"13-generation", "a request to continue is late", "S2", late_request_to_continue},
      {"13-beyond", "an agent writes a deadline far ahead, and hangs", "S2", deadline_far_ahead},
      {"14-destroy", "a host with shared disks is cut off", "shared disk",
       shared_disks_are_cut_off},
      {"17", "every command arrives twice", "S2", commands_arrive_twice},
      {"19", "most hosts lose power at once", "rule 19", most_hosts_lose_power},
  };
  return all;
}

bool show_site_mutations() {
  bool good = true;
  std::printf("%-14s %-46s %s\n", "rule off", "schedule", "what breaks");
  for (const DirectedSite& directed : directed_sites()) {
    const auto with = directed.run({}), without = directed.run(without_rule(directed.rule));
    const bool noticed =
        !without.empty() && without.front().find(directed.breaks) != std::string::npos;
    std::string verdict = without.empty() ? "NOTHING NOTICED IT" : without.front();
    if (!with.empty()) verdict = "BREAKS WITH THE RULE ON: " + with.front();
    good = good && with.empty() && noticed;
    std::printf("%-14s %-46s %s\n", directed.rule.c_str(), directed.story.c_str(), verdict.c_str());
  }
  return good;
}

}  // namespace cierzo::simulation
