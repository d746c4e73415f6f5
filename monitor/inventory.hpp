// What the leader knows of all hosts: their last reports, merged. It knows nothing at the start of
// a term, and says *unknown* for what it has not heard. (rules 15, 18)
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "monitor/report.hpp"
#include "resources/world.hpp"

namespace cierzo {

// How the election and the catalog see a host.
struct HostFacts {
  HostId id;
  std::string name, address;
  HostState state = HostState::suspect;
  std::set<InstanceName> held_instances;
  LostProof lost_proof = LostProof::permit_ended;  // Where it is lost. (rule 14)
  Time disks_released_at{};                        // See HostView.
  Time proof_due{};                                // Likewise.
  bool confirmed_lost = false;
  bool in_brake = false;   // See HostView.
  bool returning = false;  // It answers, but the proof of its loss is not yet taken back.
  bool added = false;      // It was never heard since it became a member: nothing can be there.
  bool unjoined = false;   // Not heard since the site was recovered: it may be led elsewhere.
};

class Inventory {
 public:
  // A report replaces all that was known of its host. `now`: the receiver's clock, read after
  // receipt. One that is no inventory (not `surveyed`) says only why there is none yet.
  void take(const Report& report, Time now);

  // A host that was lost is back: what it said before does not count any more, whatever it is.
  void forget(HostId host);

  [[nodiscard]] const Report* of(HostId host) const;

  // Why the hypervisor of that host does not answer, as the host said last; empty: it answers, or
  // the host has said nothing.
  [[nodiscard]] std::string hypervisor_error(HostId host) const;

  // The digest of the last report of that host; empty: none in this term.
  [[nodiscard]] std::string digest(HostId host) const;

  // What plan() sees. An instance of a host that is not alive, or whose hypervisor does not answer,
  // is unknown; that of a lost host too, since what it last reported decides what its loss proves
  // (rule 14); what a held host ran is listed from the catalog where it has not reported.
  // `room`: an earlier answer that is not needed any more; what it has allocated is used again.
  [[nodiscard]] std::vector<Observed> observed(const std::vector<HostFacts>& hosts,
                                               std::vector<Observed> room = {}) const;
  [[nodiscard]] std::vector<HostView> views(const std::vector<HostFacts>& hosts) const;

 private:
  struct Known {
    Report report;  // Its times are turned into the receiver's.
    std::string digest;
  };
  std::map<HostId, Known> known_;
  std::map<HostId, std::string> not_surveyed_;  // Hosts that have no inventory yet, and why.
};

}  // namespace cierzo
