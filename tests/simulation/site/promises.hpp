// What else must hold on a simulated site, judged from outside like site_checker's S1 and S2: by
// what clients were told, what crossed the network, what reaches disks and what hypervisors have.
//
// S3     A write that was acknowledged is in the catalog of whoever may act from then on.
// S4     No host takes a command of a term below one whose leader it has heard.
// Disks  An instance that is started again gets its own disk: the one it had last. It gets another
//        only by a start that says so (a fresh disk), or when the permit of that one's host ended
//        meanwhile (an older disk of its own is better than a fresh one); and as long as neither
//        happened nobody removes that one, unless the instance is not declared any more.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/messages.hpp"
#include "election/catalog.hpp"
#include "resources/providers/simulated.hpp"
#include "tests/simulation/site/timeline.hpp"

namespace cierzo::simulation {

class Promises {
 public:
  using Fail = std::function<void(const std::string&)>;
  Promises(std::size_t hosts, Fail fail) : fail_(std::move(fail)), heard_(hosts), hosts_(hosts) {}

  // ---- S3
  // A client was told that this key is stored.
  void acknowledged(const std::string& key);
  // What the host that may act has, whenever something happened there.
  void acts(HostIndex host, const election::Catalog& committed);

  // ---- S4
  void heard(HostIndex host, const Term& leads);
  // The host writes down that it will do this.
  void takes(HostIndex host, const Stamp& command);
  void forgets(HostIndex host) { heard_[host] = Term{}; }  // It lost its disks.

  // ---- Disks
  void look(Time now, HostIndex host, const SimulatedProvider& hypervisor);
  // A leader sends it.
  void ordered(const Command& command);
  // Until when, in true time, the host's VMs may run, by what its agent says now.
  void permit(Time now, HostIndex host, Time until);
  void disks_lost(HostIndex host);
  // These are not declared any more: their disks may go.
  void undeclared(const std::set<InstanceName>& names);
  void declared(const std::set<InstanceName>& names);

 private:
  struct Disk {
    HostIndex host = 0;
    std::uint64_t number = 0;
    Incarnation incarnation;  // That had it last,
    unsigned spell = 0;       // and in which unbroken stretch of permits of that host.
    bool operator==(const Disk& other) const {
      return host == other.host && number == other.number;
    }
  };
  struct Host {
    std::map<InstanceName, std::uint64_t> disks;  // When it was looked at.
    Time permit_until{};
    unsigned spell = 0;
  };
  void has(Time now, const InstanceName& name, const SimulatedProvider::Copy& copy, HostIndex host);

  const Fail fail_;
  std::set<std::string> acknowledged_;
  struct Seen {
    HostIndex host = 0;
    Stamp stamp;
    std::size_t acknowledged = 0;
  } seen_;
  std::vector<Term> heard_;
  std::set<InstanceName> undeclared_;
  // Of what was undeclared and is declared again: disks from before. Commands of that time may
  // still remove them. So may they those that a start of that time makes only now, since it waited
  // for a hypervisor: what a copy has whose incarnation is no newer than the last start before.
  std::map<InstanceName, std::set<std::pair<HostIndex, std::uint64_t>>> condemned_;
  Incarnation ordered_;  // The newest of any start.
  std::map<InstanceName, Incarnation> ordered_before_;
  std::map<InstanceName, Disk> last_;
  std::map<InstanceName, std::set<std::pair<HostIndex, std::uint64_t>>> fresh_;  // Starts said so.
  std::vector<Host> hosts_;
};

}  // namespace cierzo::simulation
