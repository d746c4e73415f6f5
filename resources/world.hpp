// Everything that plan() looks at: what should exist, what is known to exist, and where things can
// be.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "resources/action.hpp"
#include "resources/ids.hpp"
#include "resources/instance.hpp"

namespace cierzo {

// Unknown is not absent (rule 18): nothing is started or destroyed because of it.
enum class Presence { absent, present, unknown };
enum class RunState { running, paused, stopping, shut_off, crashed };
// flapping: its check passes and fails in turn; no single result of it is believed.
enum class Health { unknown, passing, failing, flapping };

// Something that was tried on a host and did not work. Counted by the host since the last success.
struct Failure {
  int count = 0;
  Time last{};  // On the clock of whoever holds the value: hosts send ages, the leader turns them
                // into its time.
  std::string error;
  bool operator==(const Failure&) const = default;
};

// Does the work in a guest end? Since its last `start`, in this boot of the guest.
enum class Draining { no, asked, done };

struct RoleObserved {
  std::string configured_digest;  // Inputs of the last successful `start` in this boot of the
                                  // guest; empty: none.
  Health health = Health::unknown;
  int failures = 0;     // Consecutive failed checks.
  int restarts = 0;     // Runs of `start` because of failing checks since it was last well for a
                        // while (ladder.hpp): the ladder's rung.
  Time last_restart{};  // When the last of these ran, on the leader's clock; 0 before the first.
  std::string error;    // Last lines of the check that failed.
  Failure start;        // Of the `start` script.
  Failure stop;         // Of the `stop` script.
  Draining draining = Draining::no;
  Time drain_since{};          // When it was first asked, on the leader's clock.
  Failure drain;               // Of the `drain` script: that the work has not ended yet.
  std::string stopped_digest;  // Not empty: `stop` succeeded since the last `start`.
  Outputs outputs;             // Of the last `start` that worked in this boot.
  // How busy it is, as its `metrics` has last said in this boot; none: that is not known.
  std::optional<int> load;
};

// Another machine that a role of this guest was told of by `join`, as the guest has it on its disk:
// until it is told by `leave` that it is gone.
struct Joined {
  RoleName on;  // The role of this guest.
  Member member;
  std::string digest;  // Of the inputs of the last join that worked in this boot; empty: of none.
  Failure failure;     // Of join or leave, since one worked.
  bool operator==(const Joined&) const = default;
};

// What one host says about one instance. There can be two of an instance: an old copy on a host
// that came back.
struct Observed {
  InstanceName name;
  HostId host;
  ResourceName resource;
  Presence presence = Presence::unknown;
  RunState run = RunState::running;
  std::uint64_t paused_under = 0;  // The pause in which its host's guard holds it; 0: in none.
  bool overlay = false;            // A disk of it is on that host (also where it is absent).
  bool fresh_disk = false;         // It was started on a new disk.
  bool guest_answers = false;      // The guest agent answered lately.
  Incarnation incarnation;
  std::string spec_digest;
  std::string network_digest;  // Of the Configure that was applied in this boot of the guest;
                               // empty: none.
  std::string checks_digest;   // Of what is attended; empty: nothing.
  std::map<RoleName, RoleObserved> roles;
  std::vector<Joined> joined;                     // By `on` and member.
  std::set<RoleName> role_names;                  // As the domain's metadata has them.
  OnIsolation on_isolation = OnIsolation::pause;  // Likewise: what the host last reported is what
  Disk disk = Disk::local;                        // counts, not what is declared now. (rule 14)
  Failure start;                                  // Of starting the domain on that host.
  Failure configure;                              // Of setting its guest's address.
  int resets = 0;                                 // Since every role was last well for a while.
  Time since{};  // When `run` or `guest_answers` last changed, on the leader's clock.
};

enum class HostState { alive, suspect, lost, held };

// What a lost host certainly runs no more. (rule 14)
enum class LostProof {
  permit_ended,    // VMs on their own disk: its guard has paused them.
  disks_released,  // Also those on shared disks: they are killed by now.
  proven,  // Everything, `on_isolation: ignore` included: a fence program, a new boot id or an
           // administrator's confirm-lost says so.
};

struct HostView {
  HostId id;
  std::string name, address;
  HostState state = HostState::suspect;
  LostProof lost_proof = LostProof::permit_ended;  // Where the state is lost.
  // When time alone makes that disks_released; 0: never.
  Time disks_released_at{};
  // Where the state is suspect: its guard did not run when it was heard last, so time never makes
  // it lost. From then on proof is wanted. 0: it is not so. (rules 13, 14)
  Time proof_due{};
  bool confirmed_lost = false;  // By an administrator, and not heard since: the brake lets it go.
  // It was confirmed while the brake was on: as one of many, it counts until no other is away.
  bool in_brake = false;
  bool unjoined = false;  // Not heard since the site was recovered: suspect, however long.
  // It has reported under this leader: what it does not report it does not have.
  bool inventory_known = false;
  bool hypervisor_answers = true;
  std::string hypervisor_error;  // Why it does not, for people.
  // Why no live guard looks after its VMs; empty: one does. Without one it gets no permit.
  std::string guard_error;
  std::uint64_t memory_total_kib = 0;  // Capacity.
  int cpus_total = 0;
  std::uint64_t memory_free_kib = 0;          // Capacity less what runs there.
  int cpus_free = 0;                          // May be negative only where `capacity` was lowered.
  std::map<std::string, std::string> images;  // Name or path -> digest.
  // Absolute paths it was asked about, sorted: of these it has what `images` lists, and no other.
  std::vector<std::string> images_asked;
  std::vector<std::string> networks;      // CIDRs, "10.77.0.0/16"; empty: any address will do.
  std::set<InstanceName> held_instances;  // Of a held host: what ran on it, or had its disk
                                          // there, when it was stopped.
};

// A command that was sent and not yet seen executed: it counts as executed until proven otherwise.
// (rule 17)
struct InFlight {
  Action action;
  Stamp id;
};

// Nothing that was tried for a role of this copy, with these inputs, has made it well: it is left
// alone until an operator resets it, or another copy or other inputs give a reason to try again.
// Kept in the catalog, since hosts forget what they counted when their agents are restarted.
struct Breaker {
  InstanceName instance;
  RoleName role;
  Incarnation incarnation;
  std::string inputs;  // The digest of the inputs of its `start`.
  std::string reason;  // What failed, how often; for people.
  // An operator wants it tried again: the host is told to forget its failures, then this goes.
  bool reset = false;
  bool operator==(const Breaker&) const = default;
};
using BreakerKey = RoleKey;

// What an instance is compared with. Made once, by make_desired (desired.hpp): plans are made far
// more often than resources change.
struct Wanted {
  std::string network_digest;              // Of its Configure.
  std::string checks_digest;               // Of its Attend; empty: nothing is attended.
  std::vector<std::string> start_digests;  // Of the inputs of each role, beside Instance::roles.
  // Of what `join` of a role says to another, without the copy: by (its role, the other).
  std::map<std::pair<RoleName, RoleName>, std::string> join_digests;
};

// Made by make_desired.
struct DesiredResource {
  std::shared_ptr<const Resource> resource;
  std::shared_ptr<const Type> type;
  std::vector<Instance> instances;  // expand(*resource, *type), kept.
  std::vector<Wanted> wanted;       // Beside `instances`.
  // Declared, but beyond what its roles are scaled to, or declared before: what runs of these has
  // to go.
  std::map<InstanceName, Instance> idle;
  std::string hosts_file;              // hosts_file(), of the idle ones too.
  std::map<RoleKey, Outputs> outputs;  // As the catalog has them: what scripts are given.
};

// The site was made anew from one host's catalog, which may have missed what was declared last.
// (rule 22)
struct Recovered {
  Term first_term;                 // Whatever is of an older one was made in the former site.
  std::set<ResourceName> settled;  // Of these somebody has said since what they are to be.
};

struct World {
  std::vector<DesiredResource> desired;  // Ordered by name.
  // Declared, but not understood by this version: what of them runs or has a disk stays as it is.
  std::set<ResourceName> unreadable;
  std::map<BreakerKey, Breaker> breakers;
  std::optional<Recovered> recovered;  // None: the site never was.
  std::vector<Observed> observed;
  std::vector<HostView> hosts;  // Every host of the site, by id.
  std::vector<InFlight> in_flight;
  // Absolute images that hosts were asked about only lately: until then, or until every host that
  // could take it has answered, nothing is placed by such an image. The first to answer would get
  // more than its share.
  std::map<std::string, Time> images_awaited;
  double brake_share = 0.5;  // Of the hosts: with more of them away nothing is replaced. (rule 19)
  int starts_max = 0;        // VMs of the site that may be starting or booting at once; 0: any.
  Time now{};                // The leader's clock.
};

}  // namespace cierzo
