#include "tests/simulation/site/cluster_faults.hpp"

#include <iterator>
#include <set>

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;

class Draw {
 public:
  Draw(Random& random, const Cluster& cluster) : random_(random), cluster_(cluster) {
    for (const Declared& resource : cluster.resources) names_.merge(instances_of(resource));
    disks_to_lose_ = (cluster.site.voters - 1) / 2;
    keeps_disks_ = cluster.site.spare > 0;
  }

  std::vector<PlannedFault> all() {
    const std::uint64_t count = 3 + random_.below(9 + cluster_.site.hosts / 5);
    for (std::uint64_t i = 0; i < count; ++i) {
      at_ = random_.between(0ms, bad_day);
      // Long enough for a host to be lost, or too short for that.
      until_ = at_ + (random_.chance(0.5) ? random_.between(5ms, 1500ms) : random_.between(1s, 9s));
      one();
    }
    return std::move(faults_);
  }

 private:
  HostId any_host() {
    if (random_.chance(0.3)) return whoever_leads;
    return named_host();
  }
  HostId named_host() {
    return HostId{static_cast<std::uint32_t>(1 + random_.below(cluster_.site.hosts))};
  }
  InstanceName any_instance() {
    const auto steps = static_cast<std::ptrdiff_t>(random_.below(names_.size()));
    return *std::next(names_.begin(), steps);
  }
  void now(Fault fault) { faults_.push_back({at_, std::move(fault)}); }
  void then(Fault fault) { faults_.push_back({until_, std::move(fault)}); }

  void one() {
    switch (random_.below(5)) {
      case 0:
        return hit_agent();
      case 1:
        return hit_host();
      case 2:
        return hit_network();
      case 3:
        return hit_hypervisor();
      default:
        return hit_guest();
    }
  }

  void hit_agent() {
    const HostId host = named_host();
    switch (random_.below(5)) {
      case 0:
        now(fault::KillAgent{host});
        return then(fault::StartAgent{host});
      case 1:
        return now(fault::RestartAgent{any_host(), random_.between(5ms, 700ms)});
      case 2:
        now(fault::Freeze{host});
        return then(fault::Thaw{host});
      case 3:
        now(fault::KillGuard{host});
        if (random_.chance(0.6)) then(fault::StartGuard{host});
        return;
      default:
        now(fault::StopAgent{host});
        return then(fault::StartAgent{host});
    }
  }

  void hit_host() {
    const HostId host = named_host();
    switch (random_.below(6)) {
      case 0:
        return now(fault::PowerCut{any_host()});
      case 1:
        now(fault::PowerCut{host});
        return then(fault::Boot{host});
      case 2:
        now(fault::FreezeHost{host});
        return then(fault::ThawHost{host});
      case 3:
        if (keeps_disks_) return now(fault::PowerCut{host});
        if (host.value <= cluster_.site.voters && !lost_.contains(host)) {
          if (disks_to_lose_ == 0) return;
          --disks_to_lose_;
        }
        lost_.insert(host);
        now(fault::LoseDisks{host});
        return then(fault::Boot{host});
      case 4:
        return hit_many();
      default:
        now(fault::FillDisk{host});
        return then(fault::FreeDisk{host});
    }
  }

  // So many that the brake must hold, unless somebody knows better. Some stay away.
  void hit_many() {
    const std::uint64_t many = cluster_.site.hosts / 2 + 1;
    std::set<HostId> hosts;
    while (hosts.size() < many) hosts.insert(named_host());
    for (const HostId host : hosts) {
      now(fault::PowerCut{host});
      if (random_.chance(0.5)) then(fault::Boot{host});
    }
  }

  void hit_network() {
    switch (random_.below(5)) {
      case 0:
        now(fault::Isolate{any_host()});
        break;
      case 1:
        now(fault::Cut{named_host(), named_host()});
        break;
      case 2:
        for (int i = 0; i < 4; ++i) now(fault::Cut{named_host(), named_host()});
        break;
      case 3:
        now(fault::Switch{});
        break;
      default:
        now(fault::Lose{static_cast<double>(random_.below(40)) / 100});
        return then(fault::Lose{0.01});
    }
    then(fault::Mend{});
  }

  void hit_hypervisor() {
    const HostId host = any_host();
    switch (random_.below(4)) {
      case 0:
        return now(fault::HangHypervisor{host, random_.between(100ms, 12s)});
      case 1:
        now(fault::StopHypervisor{host});
        return then(fault::StartHypervisor{host});
      case 2:
        return now(fault::FailStarts{host, static_cast<int>(1 + random_.below(5))});
      default:
        now(fault::SlowDisk{host, random_.between(50ms, 1500ms)});
        return then(fault::SlowDisk{host, 0ms});
    }
  }

  void hit_guest() {
    const InstanceName name = any_instance();
    switch (random_.below(4)) {
      case 0:  // Again and again.
        for (const std::uint64_t times = 2 + random_.below(4); at_ < until_ + times * 1s;) {
          now(fault::CrashGuest{name});
          at_ += random_.between(300ms, 3s);
        }
        return;
      case 1:
        return now(fault::RebootGuest{name});
      case 2:
        now(fault::SilenceGuest{name, true});
        return then(fault::SilenceGuest{name, false});
      default:
        for (int i = 0; i < 3; ++i) now(fault::CrashGuest{any_instance()});
    }
  }

  Random& random_;
  const Cluster& cluster_;
  std::set<InstanceName> names_;
  std::vector<PlannedFault> faults_;
  unsigned disks_to_lose_ = 0;
  bool keeps_disks_ =
      false;  // Voters change, or a machine is gone: no more of them are to be lost.
  std::set<HostId> lost_;
  Duration at_{}, until_{};
};

}  // namespace

std::vector<PlannedFault> draw_faults(Random& random, const Cluster& cluster) {
  return Draw(random, cluster).all();
}

}  // namespace cierzo::simulation
