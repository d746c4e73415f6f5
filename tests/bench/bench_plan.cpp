// What the leader pays to look at a site that is as it should be: make_desired once for each change
// of a resource, plan and status again and again.
//
//     build/bin/bench_plan [--benchmark_filter=plan]
//
// The site: 1,000 hosts, resources of 100 instances each, all running and healthy. A converged site
// is the one that a leader looks at for most of its life.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>

#include "resources/desired.hpp"
#include "resources/plan.hpp"

namespace cierzo {
namespace {

constexpr int host_count = 1000;
constexpr int instances_of_a_resource = 100;
constexpr Time now = std::chrono::hours(1);

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "bench_plan: %s\n", why.c_str());
  std::abort();
}

std::shared_ptr<const Type> shop_type() {
  TypeRead read = read_type({{"type.yaml", R"(
type: shop
roles:
  database: {count: 1, start: go, stop: halt, check: {run: look}}
  server: {count: 1.., after: [database], start: go, stop: halt, check: {run: look}}
  balancer: {count: 1, after: [server], reads: [server], start: go, stop: halt, check: {run: look}}
)"},
                             {"go", "start"},
                             {"halt", "stop"},
                             {"look", "check"}},
                            "bench");
  for (const auto& diagnostic : read.diagnostics) give_up(to_string(diagnostic));
  return std::make_shared<const Type>(std::move(read.type.value()));
}

std::shared_ptr<const Resource> shop(const Type& type, int number) {
  Resource resource;
  resource.name.value = "shop" + std::to_string(1000 + number);
  resource.type = type.name;
  resource.type_digest = type.digest;
  const auto add = [&](const std::string& role, int count) {
    auto& slots = resource.slots[RoleName{role}];
    for (int i = 1; i <= count; ++i) {
      const int last = role == "database" ? 1 : role == "balancer" ? 2 : 2 + i;
      slots.push_back({"10." + std::to_string(number / 250) + "." + std::to_string(number % 250) +
                           "." + std::to_string(last),
                       "vm.qcow2", i});
    }
  };
  add("database", 1);
  add("server", instances_of_a_resource - 2);
  add("balancer", 1);
  return std::make_shared<const Resource>(resource);
}

HostView host(std::uint32_t number) {
  HostView host;
  host.id = HostId{number};
  host.name = "node" + std::to_string(number);
  host.address = "192.168.0.1";
  host.state = HostState::alive;
  host.inventory_known = true;
  host.memory_total_kib = host.memory_free_kib = 256ULL << 20;
  host.cpus_total = host.cpus_free = 128;
  host.images["vm.qcow2"] = "1";
  return host;
}

// As a host reports it when everything that was wanted has been done.
Observed running(const DesiredResource& desired, std::size_t which, HostId on) {
  const Instance& instance = desired.instances[which];
  const Wanted& wanted = desired.wanted[which];
  Observed seen;
  seen.name = instance.name;
  seen.host = on;
  seen.resource = instance.resource;
  seen.presence = Presence::present;
  seen.overlay = true;
  seen.guest_answers = true;
  seen.incarnation = {{1, HostId{1}}, which + 1};
  seen.spec_digest = instance.spec_digest;
  seen.network_digest = wanted.network_digest;
  seen.checks_digest = wanted.checks_digest;
  for (std::size_t i = 0; i < instance.roles.size(); ++i) {
    RoleObserved& role = seen.roles[instance.roles[i]];
    role.configured_digest = wanted.start_digests[i];
    role.health = Health::passing;
    seen.role_names.insert(instance.roles[i]);
  }
  return seen;
}

World converged_site(int instance_count) {
  const auto type = shop_type();
  World world;
  world.now = now;
  for (std::uint32_t i = 1; i <= host_count; ++i) world.hosts.push_back(host(i));
  std::uint32_t next = 0;
  for (int i = 0; i < instance_count / instances_of_a_resource; ++i) {
    world.desired.push_back(make_desired(shop(*type, i), type));
    const DesiredResource& desired = world.desired.back();
    for (std::size_t which = 0; which < desired.instances.size(); ++which) {
      world.observed.push_back(running(desired, which, HostId{next++ % host_count + 1}));
    }
  }
  // Otherwise something else would be measured than what is written above.
  const Plan nothing = plan(world);
  if (world.observed.size() != static_cast<std::size_t>(instance_count) ||
      !nothing.actions.empty() || !nothing.blocked.empty()) {
    give_up("the site is not converged: " + std::to_string(nothing.actions.size()) + " actions, " +
            std::to_string(nothing.blocked.size()) + " blocked");
  }
  return world;
}

void plan_converged(benchmark::State& state) {
  const World world = converged_site(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(plan(world));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(plan_converged)->Arg(1'000)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void status_converged(benchmark::State& state) {
  const World world = converged_site(static_cast<int>(state.range(0)));
  const Plan made = plan(world);
  for (auto _ : state) benchmark::DoNotOptimize(status(world, made));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(status_converged)->Arg(1'000)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);

void make_desired_of_a_resource(benchmark::State& state) {
  const auto type = shop_type();
  const auto resource = shop(*type, 1);
  for (auto _ : state) benchmark::DoNotOptimize(make_desired(resource, type));
  state.SetItemsProcessed(state.iterations() * instances_of_a_resource);
}
BENCHMARK(make_desired_of_a_resource)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cierzo

BENCHMARK_MAIN();
