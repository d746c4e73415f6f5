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
  explicit Calm(const guard::Mutations& mutations) : site(options(mutations)) {
    await([this] { return site.leader().has_value(); }, "a leader");
    if (site.leader()) (void)site.apply(*site.leader(), manifest(shop));
    await([this] { return serves(); }, "everything declared");
  }

  static SiteOptions options(const guard::Mutations& mutations) {
    SiteOptions made;
    made.skewed_clocks = false;
    made.guard_mutations = mutations;
    return made;
  }
  [[nodiscard]] bool serves() const {
    return site.difference(instances_of(shop), {}).empty() && site.open_plan().empty();
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
Failures host_is_cut_off(const guard::Mutations& mutations) {
  Calm calm(mutations);
  calm.site.befall(fault::Isolate{node3});
  calm.site.run_for(10s);
  return calm.site.checker().failures();
}

// Node 3 stands still as a whole for longer than its permit, and goes on; its agent hears the next
// heartbeat before its guard looks at the clock.
Failures host_thaws(const guard::Mutations& mutations) {
  Calm calm(mutations);
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
Failures late_request_to_continue(const guard::Mutations& mutations) {
  Calm calm(mutations);
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

}  // namespace

const std::vector<DirectedSite>& directed_sites() {
  static const std::vector<DirectedSite> all = {
      {"13-pause", "a host is cut off, and lives", host_is_cut_off},
      {"13-thaw", "a whole host stands still and goes on", host_thaws},
      {"13-generation", "a request to continue is late", late_request_to_continue},
  };
  return all;
}

bool show_guard_mutations() {
  bool good = true;
  std::printf("%-14s %-46s %s\n", "rule off", "schedule", "what breaks");
  for (const DirectedSite& directed : directed_sites()) {
    guard::Mutations off;
    off.set(static_cast<std::size_t>(*guard::mutation_named(directed.rule)));
    const auto with = directed.run({}), without = directed.run(off);
    std::string verdict = without.empty() ? "NOTHING NOTICED IT" : without.front();
    if (!with.empty()) verdict = "BREAKS WITH THE RULE ON: " + with.front();
    good = good && with.empty() && !without.empty();
    std::printf("%-14s %-46s %s\n", directed.rule.c_str(), directed.story.c_str(), verdict.c_str());
  }
  return good;
}

}  // namespace cierzo::simulation
