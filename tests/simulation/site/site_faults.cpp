// What befalls the hosts of a simulated site.
#include <cstdio>
#include <utility>

#include "agent/log.hpp"
#include "tests/simulation/site/site.hpp"

namespace cierzo::simulation {

void Site::trace(const std::string& line) const {
  if (!options_.trace) return;
  std::fprintf(stderr, "%9.3f s  %s\n", std::chrono::duration<double>(now()).count(), line.c_str());
}

void Site::boot(Host& host) {
  if (host.scrapped || std::exchange(host.up, true)) return;
  host.boot = "boot-" + host.name + "-" + std::to_string(++host.boots);
  host.machine.clock.booted = now();
  host.machine.hangs_until = Time{};
  host.guard->boot();
  brake_watch_.boots(host.index);
  start_agent(host);
}

void Site::power_cut(Host& host) {
  checker_.fault_ends_all(host.index);
  if (host.up) brake_watch_.loses_power(now(), host.index, *host.hypervisor);
  kill_agent(host);
  if (!std::exchange(host.up, false)) return;
  thaw_host(host);
  host.machine.clock.booted = Time{-1};  // What this boot had under way does not end any more.
  host.guard->kill();
  host.hypervisor->lose_power();
  look(host);
}

// As a management controller does it: whatever state the host is in.
FenceEnd Site::fence(const FenceDevice& device) {
  for (const auto& host : hosts_) {
    if (host->name != device.options.at("plug")) continue;
    if (options_.fences_failing.contains(host->id)) return {false, "no route to its controller"};
    power_cut(*host);
    return {true, {}};
  }
  return {false, "no such plug"};
}

void Site::lose_disks(Host& host) {
  power_cut(host);
  promises_.disks_lost(host.index);
  promises_.forgets(host.index);
  host.disk = {};
  host.hypervisor->lose_disks();
}

void Site::start_agent(Host& host) {
  if (host.agent || !host.up || host.machine.frozen || host.machine.disk_full) return;
  host.told = 0;
  host.process = std::make_shared<Process>();
  host.executor = std::make_unique<HostExecutor>(timeline_, host.index, host.machine,
                                                 options_.hypervisor_call, random, host.process);
  SimulatedStore::Hooks hooks;
  hooks.look = [this, &host](const Batch& batch) {
    for (const Command& command : batch.received) promises_.takes(host.index, command.id);
  };
  const auto end = [this, &host] {
    timeline_.at(now(), host.index, [this, &host] {
      keep_one(host);
      kill_agent(host);
    });
  };
  hooks.failed = end;
  host.store = std::make_unique<SimulatedStore>(host.disk, host.boot, *host.executor, timeline_,
                                                host.machine, random, std::move(hooks));
  AgentSeams seams{
      *host.executor,
      *host.store,
      *host.hypervisor,
      *host.guard,
      [this, &host](HostId to, const PeerMessage& message) { return send(host, to, message); },
      [this] { return "id-" + std::to_string(++ids_); },
      end,
      options_.mutations};
  seams.members = [this, &host](const election::Members& members) {
    host.let_in = machines_of(members);
  };
  seams.fence = [this](const FenceDevice& device) { return fence(device); };
  host.agent = std::make_unique<Agent>(config(host), host.boot, std::move(seams));
  host.agent->start();
  look(host);
}

// Before the host's agent is gone. (SiteOptions::guard_or_agent)
void Site::keep_one(Host& host) {
  const bool may = options_.guard_or_agent && host.up && !host.machine.frozen;
  if (may && !host.guard->alive(Time{})) host.guard->start();
}

void Site::kill_agent(Host& host) {
  if (!host.agent) return;
  host.process->alive = false;
  host.process->ended = now();
  host.hypervisor->listen({});
  host.agent.reset();
  host.store->cut_short();
  host.store.reset();
  host.executor.reset();
  look(host);
}

// A killed process' connections are closed by its host; of a host without power nothing comes.
void Site::break_connections(HostId with) {
  for (const auto& host : hosts_) {
    if (host->id == with || !host->agent || cut_.contains({with, host->id})) continue;
    const Duration delay = random.between(options_.network.min, options_.network.max);
    host->executor->at(now() + delay,
                       [agent = host->agent.get(), with] { agent->connection_broken(with); });
  }
}

void Site::freeze(Host& host) {
  if (host.agent) host.process->frozen = true;
}

void Site::thaw(Host& host) {
  if (!host.agent || host.machine.frozen || !std::exchange(host.process->frozen, false)) return;
  for (auto& then : std::exchange(host.process->waiting, {})) host.executor->post(std::move(then));
}

void Site::freeze_host(Host& host) {
  if (!host.up || std::exchange(host.machine.frozen, true)) return;
  checker_.fault_ends_all(host.index);  // Others may replace what stands still.
  host.machine.frozen_since = now();
  checker_.frozen(host.index);
  freeze(host);
}

void Site::thaw_host(Host& host) {
  if (!std::exchange(host.machine.frozen, false)) return;
  host.machine.frozen_in_all += now() - host.machine.frozen_since;
  // Its VMs may run for an instant before its guard does. (S2)
  const Duration excused = host.machine.clock.true_length(options_.timing.guard_delay);
  timeline_.at(now() + excused, host.index, [this, &host, thaws = ++host.thaws] {
    if (thaws == host.thaws && !host.machine.frozen) checker_.counts_again(now(), host.index);
  });
  thaw(host);
  for (auto& call : std::exchange(host.machine.waiting, {})) {
    timeline_.at(now(), host.index, std::move(call));
  }
}

void Site::plan_fault(const PlannedFault& fault) {
  timeline_.at(now() + fault.after, 0, [this, it = fault.fault] { befall(it); });
}

namespace {

// The host that a fault names, to be replaced where it is whoever leads.
HostId* host_in(Fault& fault) {
  return std::visit(
      [](auto& it) -> HostId* {
        if constexpr (requires { it.host; }) {
          return &it.host;
        } else {
          return nullptr;
        }
      },
      fault);
}

}  // namespace

void Site::befall(const Fault& ordered) {
  Fault fault = ordered;
  if (HostId* const named = host_in(fault); named != nullptr && *named == whoever_leads) {
    const auto leads = leader();
    if (!leads) return;
    *named = *leads;
  }
  trace("-- " + to_string(fault));
  struct Happen {
    Site& site;
    void operator()(const fault::KillAgent& it) const {
      site.keep_one(site.host_of(it.host));
      site.kill_agent(site.host_of(it.host));
      site.break_connections(it.host);
    }
    void operator()(const fault::StartAgent& it) const { site.start_agent(site.host_of(it.host)); }
    void operator()(const fault::RestartAgent& it) const {
      (*this)(fault::KillAgent{it.host});
      Host& host = site.host_of(it.host);
      site.timeline_.at(site.now() + it.after, host.index,
                        [&site = site, &host] { site.start_agent(host); });
    }
    void operator()(const fault::StopAgent& it) const {
      Host& host = site.host_of(it.host);
      if (!host.agent || host.process->frozen) return;
      site.brake_watch_.is_stopped(host.index);
      host.agent->stop();
    }
    void operator()(const fault::LoseDisks& it) const { site.lose_disks(site.host_of(it.host)); }
    void operator()(const fault::NewMachine& it) const {
      site.lose_disks(site.host_of(it.host));
      ++site.host_of(it.host).machines;
    }
    void operator()(const fault::FreezeHost& it) const { site.freeze_host(site.host_of(it.host)); }
    void operator()(const fault::ThawHost& it) const { site.thaw_host(site.host_of(it.host)); }
    void operator()(const fault::Switch&) const {
      for (const auto& host : site.hosts_) (*this)(fault::Isolate{host->id});
    }
    void operator()(const fault::PowerCut& it) const { site.power_cut(site.host_of(it.host)); }
    void operator()(const fault::Boot& it) const { site.boot(site.host_of(it.host)); }
    void operator()(const fault::Freeze& it) const {
      site.keep_one(site.host_of(it.host));
      site.freeze(site.host_of(it.host));
    }
    void operator()(const fault::Thaw& it) const { site.thaw(site.host_of(it.host)); }
    void operator()(const fault::Isolate& it) const {
      for (const auto& other : site.hosts_) {
        if (other->id == it.host) continue;
        site.cut_.insert({it.host, other->id});
        site.cut_.insert({other->id, it.host});
      }
    }
    void operator()(const fault::Cut& it) const { site.cut_.insert({it.from, it.to}); }
    void operator()(const fault::Mend&) const { site.cut_.clear(); }
    void operator()(const fault::Lose& it) const { site.options_.loss = it.share; }
    void operator()(const fault::KillGuard& it) const {
      Host& host = site.host_of(it.host);
      const bool alone = !host.agent || host.process->frozen;
      if (!alone || !site.options_.guard_or_agent) host.guard->kill();
    }
    void operator()(const fault::StartGuard& it) const {
      Host& host = site.host_of(it.host);
      if (host.machine.frozen)
        return host.machine.waiting.push_back([&host] { start_guard(host); });
      start_guard(host);
    }
    static void start_guard(Host& host) {
      if (host.up && !host.guard->alive(Time{})) host.guard->start();
    }
    void operator()(const fault::HangHypervisor& it) const {
      site.host_of(it.host).machine.hangs_until = site.now() + it.length;
    }
    void operator()(const fault::StopHypervisor& it) const {
      site.host_of(it.host).hypervisor->set_hypervisor_answers(false);
    }
    void operator()(const fault::StartHypervisor& it) const {
      site.host_of(it.host).hypervisor->set_hypervisor_answers(true);
    }
    void operator()(const fault::FailStarts& it) const {
      site.host_of(it.host).hypervisor->fail_next(
          "create", {FailureKind::other, "cannot set up its cgroup"}, it.times);
    }
    void operator()(const fault::FillDisk& it) const { fill(it.host, true); }
    void operator()(const fault::FreeDisk& it) const { fill(it.host, false); }
    void fill(HostId id, bool full) const {
      Host& host = site.host_of(id);
      host.machine.disk_full = full;
      host.hypervisor->set_disk_full(full);
    }
    void operator()(const fault::SlowDisk& it) const {
      const bool mended = it.takes == Duration::zero();
      site.host_of(it.host).machine.sync =
          mended ? site.options_.sync : Latency{it.takes, it.takes};
    }
    void operator()(const fault::CrashGuest& it) const {
      for (const auto& host : site.hosts_) {
        if (!host->hypervisor->domains().contains(it.instance)) continue;
        site.checker_.fault_ends(host->index, it.instance);
        host->hypervisor->crash(it.instance);
        site.look(*host);
      }
    }
    void operator()(const fault::RebootGuest& it) const {
      for (const auto& host : site.hosts_) host->hypervisor->reboot_guest(it.instance);
    }
    void operator()(const fault::SilenceGuest& it) const {
      if (it.silent) site.silenced_.insert(it.instance);
      for (const auto& host : site.hosts_)
        host->hypervisor->set_guest_silent(it.instance, it.silent);
    }
  };
  std::visit(Happen{*this}, fault);
  if (const HostId* const named = host_in(fault)) look(host_of(*named));
}

void Site::heal() {
  trace("-- healed");
  cut_.clear();
  options_.loss = options_.duplication = options_.straggling = 0;
  for (const InstanceName& name : std::exchange(silenced_, {})) {
    befall(fault::SilenceGuest{name, false});
  }
  for (const auto& host : hosts_) {
    for (const Fault& mended : std::vector<Fault>{
             fault::ThawHost{host->id}, fault::FreeDisk{host->id}, fault::SlowDisk{host->id, {}},
             fault::StartHypervisor{host->id}, fault::HangHypervisor{host->id, {}}}) {
      befall(mended);
    }
    host->hypervisor->forget_failures();
    boot(*host);
    host->guard->start();
    start_agent(*host);
    thaw(*host);
  }
}

}  // namespace cierzo::simulation
