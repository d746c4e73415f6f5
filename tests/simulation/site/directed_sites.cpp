#include "tests/simulation/site/directed_sites.hpp"

#include <algorithm>
#include <cstdio>

#include "agent/desired.hpp"
#include "agent/net/codec_api.hpp"
#include "tests/simulation/site/declared.hpp"
#include "tests/simulation/site/site.hpp"

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;
using Failures = std::vector<std::string>;

const Declared shop{1, 6};  // Spread over the three hosts.
constexpr HostId node1{1}, node2{2}, node3{3}, node4{4}, node5{5};

// Three hosts on which the shop runs.
struct Calm {
  explicit Calm(const RulesOff& off) : Calm(options(off), manifest(shop)) {}
  // `full`: a host that has no room for VMs.
  Calm(const SiteOptions& options, const std::string& declared, HostId full = {}) : site(options) {
    if (full != HostId{}) site.provider(full).add_foreign_domain(1ULL << 40, 1 << 20);
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

// A delete is asked for on node 2, and is twenty seconds on its way to node 1, which leads. Its
// client is told that nobody knows what became of it, applies the same once more, and is told that
// this is stored.
Failures forwarded_request_is_late(const RulesOff& off) {
  SiteOptions options = Calm::options(off);
  options.takes_longer = [](const PeerMessage& message) {
    return std::holds_alternative<Forward>(message) ? Duration(20s) : Duration::zero();
  };
  Calm calm(options, manifest(shop));
  const auto removed = calm.site.request(node2, "DELETE", "/v1/resources/" + name_of(shop));
  const auto answered = [](const Site::Reply& reply, int status) {
    return reply->has_value() && (*reply)->status == status;
  };
  calm.await([&] { return answered(removed, 504); }, "told that nobody knows");
  const auto applied = calm.site.apply(node1, manifest(shop));
  calm.await([&] { return answered(applied, 200); }, "stored");
  calm.site.promises().acknowledged(resource_key({name_of(shop)}));
  calm.site.run_for(20s);
  return calm.site.checker().failures();
}

// ---- A site that is recovered. (rule 22)

void part(Site& site, HostId one, HostId other) {
  site.befall(fault::Cut{one, other});
  site.befall(fault::Cut{other, one});
}

// Node 1 led. Now it is cut off, and node 2, which has no room for VMs, leads all the others,
// whatever is said of it on node 1. What node 1 ran runs elsewhere.
void part_from_node1(Calm& calm) {
  for (std::uint32_t id = 2; id <= calm.site.hosts(); ++id) part(calm.site, node1, HostId{id});
  calm.await([&] { return calm.site.leader() == node2; }, "node 2 leads");
  calm.site.run_for(10s);
}

// On node 1. The answer's status; 0: none.
int recover(Calm& calm, const std::vector<std::string>& lost) {
  api::RecoverRequest request;
  request.lost = lost;
  const auto reply = calm.site.request(node1, "POST", "/v1/site/recover", api::to_json(request));
  (void)calm.site.run_until([&] { return reply->has_value(); }, 10s);
  return reply->has_value() ? (*reply)->status : 0;
}

void must_recover(Calm& calm, const std::vector<std::string>& lost) {
  if (recover(calm, lost) != 200) calm.site.checker().fail(calm.site.now(), "setup: not recovered");
}

// Of node 3, which node 2 leads, nobody says that it is lost.
Failures recovered_beside_a_leader(const RulesOff& off) {
  Calm calm(Calm::options(off), manifest(shop), node2);
  part_from_node1(calm);
  must_recover(calm, {"node2"});
  calm.site.run_for(20s);
  return calm.site.checker().failures();
}

// The same with five hosts. Node 5, which has no vote, does not hear node 2 for longer than a lease
// and less than a permit; then it hears node 1 alone.
Failures called_while_it_is_led(const RulesOff& off) {
  SiteOptions options = Calm::options(off);
  options.hosts = 5;
  Calm calm(options, manifest(shop), node2);
  part_from_node1(calm);
  must_recover(calm, {"node2"});
  part(calm.site, node2, node5);
  calm.site.run_for(800ms);
  calm.site.befall(fault::Mend{});
  for (const HostId host : {node2, node3, node4}) part(calm.site, node1, host);
  part(calm.site, node2, node5);
  calm.site.run_for(20s);
  return calm.site.checker().failures();
}

// Node 1 hears the others again, and calls. A change is stored; then node 2, which leads, restarts,
// and for some instants nobody leads.
Failures leader_restarts_while_called(const RulesOff& off) {
  Calm calm(Calm::options(off), manifest(shop), node2);
  part_from_node1(calm);
  must_recover(calm, {"node2"});
  calm.site.befall(fault::Mend{});
  calm.site.run_for(5s);
  const Declared more{2, 4};
  const auto reply = calm.site.apply(node2, manifest(more));
  calm.await([&] { return reply->has_value() && (*reply)->status == 200; }, "stored");
  calm.site.befall(fault::RestartAgent{node2, 5ms});
  calm.site.run_for(20s);
  const auto status = calm.site.request(node3, "GET", "/v1/status", "");
  calm.await([&] { return status->has_value(); }, "answered");
  const auto view = api::from_json<api::StatusView>(status->value_or(api::ApiResponse{}).body);
  const auto* seen = std::get_if<api::StatusView>(&view);
  const bool is_there =
      seen != nullptr &&
      std::any_of(seen->resources.begin(), seen->resources.end(),
                  [&](const api::ResourceRow& row) { return row.name == name_of(more); });
  if (!is_there) calm.site.checker().fail(calm.site.now(), "S3: node 3 knows nothing of it");
  return calm.site.checker().failures();
}

// Nodes 2 and 3 lead and store a change; nobody says of either that it is lost.
Failures recovered_without_need(const RulesOff& off) {
  Calm calm(off);
  part_from_node1(calm);
  const Declared more{2, 4};
  const auto reply = calm.site.apply(node2, manifest(more));
  calm.await([&] { return reply->has_value() && (*reply)->status == 200; }, "stored");
  calm.site.promises().acknowledged(resource_key({name_of(more)}));
  (void)recover(calm, {});
  calm.site.run_for(5s);
  return calm.site.checker().failures();
}

// Nodes 2 and 3 lose their power, are called lost, and are switched on together, with their state.
Failures lost_hosts_come_back_together(const RulesOff& off) {
  Calm calm(off);
  for (const HostId host : {node2, node3}) calm.site.befall(fault::PowerCut{host});
  calm.site.run_for(10s);
  must_recover(calm, {"node2", "node3"});
  calm.site.run_for(20s);
  for (const HostId host : {node2, node3}) calm.site.befall(fault::Boot{host});
  calm.site.run_for(20s);
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
      {"10-late", "a forwarded request is late", "S3", forwarded_request_is_late},
      {"13-pause", "a host is cut off, and lives", "S2", host_is_cut_off},
      {"13-thaw", "a whole host stands still and goes on", "S2", host_thaws},
      {"13-generation", "a request to continue is late", "S2", late_request_to_continue},
      {"13-beyond", "an agent writes a deadline far ahead, and hangs", "S2", deadline_far_ahead},
      {"14-destroy", "a host with shared disks is cut off", "shared disk",
       shared_disks_are_cut_off},
      {"17", "every command arrives twice", "S2", commands_arrive_twice},
      {"19", "most hosts lose power at once", "rule 19", most_hosts_lose_power},
      {"22-unjoined", "recovered where others lead", "S2", recovered_beside_a_leader},
      {"22-alone", "called a moment after it was led", "S2", called_while_it_is_led},
      {"22-led", "a leader restarts while it is called", "S3", leader_restarts_while_called},
      {"22-suffice", "recovered without need", "S3", recovered_without_need},
      {"22-called", "hosts called lost come back together", "S2", lost_hosts_come_back_together},
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
