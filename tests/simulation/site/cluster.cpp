#include "tests/simulation/site/cluster.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "agent/desired.hpp"
#include "tests/simulation/site/cluster_faults.hpp"
#include "tests/simulation/site/operator.hpp"

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration lead_limit = 20s;        // For a site that starts, or has healed.
constexpr Duration store_limit = 120s;      // For one change; there may be no majority for a while.
constexpr Duration converge_limit = 11min;  // Back-off goes up to five, twice.
constexpr unsigned first_note = 100;        // Numbers of the resources that are written down only.

class Day {
 public:
  explicit Day(const Cluster& cluster)
      : cluster_(cluster), site_(counting(cluster.site)), operator_(site_) {}

  ClusterEnd live() {
    begin();
    if (good()) worsen();
    if (good()) heal_and_look();
    const auto& failures = site_.checker().failures();
    end_.failures.insert(end_.failures.end(), failures.begin(), failures.end());
    end_.events = site_.events();
    return std::move(end_);
  }

 private:
  SiteOptions counting(SiteOptions options) {
    options.on_event = [this](Time, const api::EventRow& event) {
      if (event.kind == "brake" && event.message.find("released") == std::string::npos)
        ++end_.braked;
      if (event.kind == "members") ++end_.members_changed;
      if (event.message.find("an administrator confirmed") != std::string::npos) ++end_.confirmed;
    };
    return options;
  }
  [[nodiscard]] bool good() { return end_.failures.empty() && site_.checker().failures().empty(); }
  void fail(const std::string& what) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(site_.now()).count();
    end_.failures.push_back(std::to_string(ms) + " ms: " + what);
  }

  void begin() {
    if (!site_.run_until([this] { return site_.leader().has_value(); }, lead_limit)) {
      return fail("L1: nobody leads a site that starts");
    }
    for (const Declared& resource : cluster_.resources) {
      want(resource, true);
      ask([&](HostId at) { return site_.apply(at, manifest(resource)); });
    }
    if (!site_.run_until([this] { return as_declared(); }, converge_limit)) not_as_declared();
  }

  void worsen() {
    const Time began = site_.now();
    for (const PlannedFault& fault : cluster_.faults) site_.plan_fault(fault);
    for (const Change& change : cluster_.changes) {
      site_.run_for(change.before);
      make(change);
      if (!good()) return;
    }
    site_.run_for(std::max(began + bad_day + 12s - site_.now(), Duration::zero()));
  }

  void make(const Change& change) {
    const std::string path = "/v1/resources/" + name_of(change.resource);
    const auto known = wanted_.find(change.resource.number);
    switch (change.what) {
      case Change::What::note: {
        // Never run: only its being stored is looked at.
        const Declared note{first_note + notes_++, 4};
        if (ask([&](HostId at) { return site_.apply(at, manifest(note, false)); }))
          site_.promises().acknowledged(resource_key({name_of(note)}));
        return;
      }
      case Change::What::resize:
        want(change.resource, true);
        ask([&](HostId at) { return site_.apply(at, manifest(change.resource)); });
        return;
      case Change::What::stop:
      case Change::What::start: {
        if (known == wanted_.end()) return;
        const bool start = change.what == Change::What::start;
        want(known->second.first, start);
        ask([&](HostId at) {
          return site_.request(at, "POST", path + (start ? "/start" : "/stop"));
        });
        return;
      }
      case Change::What::remove:
        if (known == wanted_.end()) return;
        wanted_.erase(known);
        ask([&](HostId at) { return site_.request(at, "DELETE", path); });
        return;
      case Change::What::confirm:
        return operator_.confirm_lost();
      case Change::What::vote:
        return operator_.set_vote(change.host, true);
      case Change::What::no_vote:
        return operator_.set_vote(change.host, false);
      case Change::What::add:
        return operator_.add(change.host);
      case Change::What::replace:
        return operator_.replace(change.host);
      case Change::What::scrap:
        return operator_.scrap(change.host);
    }
  }

  // What may be started anew because of that has a reason to be.
  void want(const Declared& resource, bool running) {
    for (const InstanceName& name : instances_of(resource)) site_.checker().may_be_replaced(name);
    wanted_[resource.number] = {resource, running};
  }

  // Again and again until it is stored, at any host. False: nobody would.
  bool ask(const Operator::Ask& how) {
    const auto answer = operator_.ask(how, store_limit);
    // Without a majority for so long: what was asked is asked again when the site has healed.
    if (!answer) return false;
    if (answer->status == 404) return true;  // Removed by a try before.
    if (answer->status == 200) return ++end_.acknowledged > 0;
    fail("refused: " + answer->body);
    return false;
  }

  [[nodiscard]] std::string difference() const {
    std::set<InstanceName> running, stopped;
    for (const auto& [number, want] : wanted_) {
      (want.second ? running : stopped).merge(instances_of(want.first));
    }
    return site_.difference(running, stopped);
  }
  [[nodiscard]] bool as_declared() const {
    return site_.leader() && difference().empty() && site_.open_plan().empty();
  }
  void not_as_declared() {
    fail("not as declared: " + difference() + "plan: " + site_.open_plan());
  }

  void heal_and_look() {
    site_.heal();
    const Time healed = site_.now();
    if (!site_.run_until([this] { return site_.leader().has_value(); }, lead_limit)) {
      return fail("L1: nobody leads after everything has healed");
    }
    if (!operator_.finish())
      return fail("a machine that is gone for good is not given up: " + operator_.refusal());
    // Some of what was tried in vain may have arrived late: the last word counts.
    for (const auto& [number, want] : wanted_) {
      const auto& [resource, running] = want;
      ask([&](HostId at) { return site_.apply(at, manifest(resource, running)); });
    }
    for (const Declared& resource : cluster_.resources) {
      if (wanted_.contains(resource.number)) continue;
      const std::string path = "/v1/resources/" + name_of(resource);
      ask([&](HostId at) { return site_.request(at, "DELETE", path); });
    }
    if (!good()) return;
    if (!site_.run_until([this] { return as_declared(); }, converge_limit))
      return not_as_declared();
    end_.healed_after = site_.now() - healed;
    // And so it stays, but for what a guest that has just booted is told.
    site_.run_for(3s);
    if (!site_.run_until([this] { return as_declared(); }, lead_limit)) return not_as_declared();
    const std::string repeated = site_.checker().started_too_often();
    if (!repeated.empty()) fail(repeated);
  }

  const Cluster& cluster_;
  ClusterEnd end_;
  Site site_;
  Operator operator_;
  std::map<unsigned, std::pair<Declared, bool>> wanted_;  // By number; whether it is to run.
  unsigned notes_ = 0;
};

void draw_site(Random& random, Cluster& cluster) {
  SiteOptions& site = cluster.site;
  site.guard_or_agent = true;
  const auto pick = [&](unsigned low, unsigned high) {
    return low + static_cast<unsigned>(random.below(high - low + 1));
  };
  const std::uint64_t size = random.below(100);
  unsigned resources = 2, least = 4, most = 8;
  if (size < 60) {
    site.hosts = pick(1, 7);
    site.voters = pick(1, std::min(site.hosts, 5U));
  } else if (size < 90) {
    site.hosts = pick(5, 15);
    site.voters = pick(3, std::min(site.hosts, 9U));
    resources = 3;
    most = 20;
  } else if (size < 99) {
    site.hosts = pick(20, 60);
    site.voters = pick(3, 9);
    resources = 3;
    least = 20;
    most = 60;
  } else {
    site.hosts = pick(100, 200);
    site.voters = pick(5, 9);
    least = 100;
    most = 150;
  }
  unsigned instances = 0;
  for (unsigned number = 1; number <= resources; ++number) {
    cluster.resources.push_back({number, pick(least, most)});
    instances += most + 8;  // Grown, even.
  }
  // So that everything fits on half of the hosts.
  const unsigned each = 4 + 2 * instances / std::max(1U, site.hosts);
  site.hypervisor.memory_total_kib = each * 1024ULL * 1024;
  site.hypervisor.cpus_total = static_cast<int>(each);
  if (random.chance(0.3)) site.timing = election::fast_timing();
  site.hypervisor.boot = random.between(500ms, 4s);
  site.hypervisor_call.max = random.between(2ms, 300ms);
  site.sync.max = random.between(1ms, 40ms);
  if (random.chance(0.3)) site.loss = 0.02;
  if (random.chance(0.3)) site.duplication = 0.05;
  if (random.chance(0.3)) site.straggling = 0.02;
}

void draw_changes(Random& random, Cluster& cluster) {
  using What = Change::What;
  const std::uint64_t count = 4 + random.below(8);
  for (std::uint64_t i = 0; i < count; ++i) {
    Change change;
    change.before = random.between(0ms, 5s);
    change.resource = cluster.resources[random.below(cluster.resources.size())];
    const std::uint64_t which = random.below(10);
    if (which == 6) change.what = What::stop;
    if (which == 7) change.what = What::start;
    if (which == 8) change.what = What::remove;
    if (which == 3) change.what = What::confirm;
    if (which == 4 || which == 5 || which == 9) {
      change.what = What::resize;
      change.resource.instances =
          4 + static_cast<unsigned>(random.below(change.resource.instances + 4));
    }
    cluster.changes.push_back(change);
  }
}

// Voters are made and unmade, or one machine is gone for good: both at once could be more than is
// promised.
void draw_members(Random& random, Cluster& cluster) {
  using What = Change::What;
  const unsigned hosts = cluster.site.hosts;
  cluster.site.spare = 1;
  const bool loses = cluster.site.voters >= 3 && random.chance(0.6);
  const auto any_host = [&] { return HostId{static_cast<std::uint32_t>(1 + random.below(hosts))}; };
  std::vector<Change> changes;
  for (std::uint64_t i = 1 + random.below(3); i > 0; --i) {
    Change change;
    change.host = any_host();
    change.what = !loses && random.chance(0.4) ? What::no_vote : What::vote;
    changes.push_back(change);
  }
  if (random.chance(0.5)) {
    const HostId spare{hosts + 1};
    changes.insert(changes.begin(), Change{What::add, {}, spare, {}});
    changes.push_back(Change{What::vote, {}, spare, {}});
  }
  if (loses) {
    const What what = random.chance(0.7) ? What::replace : What::scrap;
    const auto at = static_cast<std::ptrdiff_t>(random.below(changes.size() + 1));
    changes.insert(changes.begin() + at, Change{what, {}, any_host(), {}});
  }
  // Among the others, in this order.
  auto at = cluster.changes.begin();
  for (Change& change : changes) {
    change.before = random.between(0ms, 3s);
    at += static_cast<std::ptrdiff_t>(
        random.below(static_cast<std::uint64_t>(cluster.changes.end() - at) + 1));
    at = cluster.changes.insert(at, change) + 1;
  }
}

}  // namespace

Cluster cluster_of(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Cluster cluster;
  cluster.seed = seed;
  cluster.site.seed = seed;
  draw_site(random, cluster);
  draw_changes(random, cluster);
  if (cluster.site.hosts > 1 && random.chance(0.35)) draw_members(random, cluster);
  cluster.faults = draw_faults(random, cluster);
  return cluster;
}

std::string to_string(const Cluster& cluster) {
  const auto ms = [](Duration time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) +
           " ms";
  };
  std::string text = "seed " + std::to_string(cluster.seed) + ": " +
                     std::to_string(cluster.site.hosts) + " hosts, " +
                     std::to_string(cluster.site.voters) + " voters";
  for (const Declared& resource : cluster.resources) {
    text += ", " + name_of(resource) + " of " + std::to_string(resource.instances);
  }
  std::vector<PlannedFault> faults = cluster.faults;
  std::stable_sort(faults.begin(), faults.end(),
                   [](const auto& a, const auto& b) { return a.after < b.after; });
  for (const PlannedFault& planned : faults) {
    text += "\n  " + ms(planned.after) + "  " + to_string(planned.fault);
  }
  constexpr const char* verbs[] = {"note",    "resize",  "stop", "start",   "remove", "confirm",
                                   "vote of", "no vote", "add",  "replace", "scrap"};
  for (const Change& change : cluster.changes) {
    text += "\n  then after " + ms(change.before) + ": " +
            verbs[static_cast<std::size_t>(change.what)] + " ";
    if (change.what == Change::What::confirm) {
      text += "what is down";
    } else if (change.what > Change::What::confirm) {
      text += "host " + std::to_string(change.host.value);
    } else {
      text += name_of(change.resource) + " of " + std::to_string(change.resource.instances);
    }
  }
  return text;
}

ClusterEnd run(const Cluster& cluster) { return Day(cluster).live(); }

}  // namespace cierzo::simulation
