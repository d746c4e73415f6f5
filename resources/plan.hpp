// From what is observed to what is desired, as a pure function. There is no state on the side: a
// new leader that knows only the catalog and what hosts report continues where the old one stopped.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "resources/world.hpp"

namespace cierzo {

struct Blocked {
  InstanceName instance;
  bool waiting = false;  // True: an earlier step is under way. False: the world lacks something.
  // "waits for database", "no host can take it: node1 has no image web.qcow2; ..."
  std::string reason;
};

// A copy, or a disk, that is left as it is: it was made before the site was recovered, and nobody
// has said since whether its resource is wanted. (rule 22)
struct Kept {
  InstanceName instance;
  HostId host;
  ResourceName resource;  // Empty: a disk alone does not always say whose it is.
  auto operator<=>(const Kept&) const = default;
};
// "is not declared since the site was recovered, so it is kept as it is: ..." and what to do.
[[nodiscard]] std::string why_kept(const Kept& kept);

struct Plan {
  // What to do now, in order. At most one for an instance. Incarnations are left empty: the leader
  // numbers them when it issues the command.
  std::vector<Action> actions;
  std::vector<Blocked> blocked;
  // When something that is backing off or settling must be looked at again.
  std::optional<Time> look_again;
  // Why nothing is replaced, though hosts are lost; empty: it is. (rule 19)
  std::string brake;
  // To be written into the catalog: breakers that open, and those that have no reason to stay.
  std::vector<Breaker> opened;
  std::vector<BreakerKey> closed;
  // Likewise: what roles have said about themselves, and of whom nothing is kept any more.
  std::vector<Said> said;
  std::vector<RoleKey> unsaid;
  // Lost hosts that may run what only proof frees, and silent ones that had no guard: to be fenced,
  // where they can be; none while too many are away. (rules 14, 19)
  std::set<HostId> proof_wanted;
  std::vector<Kept> kept;  // Each is blocked, too.
};

// Same world, same bytes. Nothing is ever done to an unknown instance; never two starts of one
// instance; a start only when every host that may hold it has reported or is lost (rules 14, 15);
// applying the plan and planning again gives nothing.
[[nodiscard]] Plan plan(const World& world);

// What an operator's reset writes: a breaker for every role of the resource, or of one instance of
// it (an empty name: all), that is open or has failures counted against it.
[[nodiscard]] std::vector<Breaker> breakers_to_reset(const World& world,
                                                     const ResourceName& resource,
                                                     const InstanceName& only);

// ---- What to tell people, from the same world and plan.

struct InstanceStatus {
  InstanceName name;
  std::vector<RoleName> roles;
  std::string address;
  std::optional<HostId> host;
  std::string state;   // absent starting booting configuring running draining paused
                       // stopping failed unknown
  std::string health;  // passing failing flapping unknown
  std::optional<Incarnation> incarnation;
  std::string reason;  // Why it is not simply running; "fresh disk"; "outdated: memory ..."; empty
                       // if nothing.
  std::string load{};  // How busy its roles say they are: "node=5 web=0"; empty: none says it.
};

// Of a role with several slots, or with other than all of them wanted.
struct RoleScale {
  RoleName role;
  int wanted = 0;    // Instances.
  int declared = 0;  // By the manifest; another number than `wanted` where it was scaled.
  int slots = 0;     // Addresses.
};

struct ResourceStatus {
  std::string type;
  ResourceName name;
  Ensure ensure = Ensure::running;
  std::string state;  // running converging degraded stopped failed
  std::vector<InstanceStatus> instances;
  std::vector<RoleScale> scale;
};

[[nodiscard]] std::vector<ResourceStatus> status(const World& world, const Plan& plan);

}  // namespace cierzo
