// What the parts of plan() share. plan.cpp holds the branches; running.cpp, unhealthy.cpp,
// breaker.cpp, members.cpp, outputs.cpp, stopping.cpp, retiring.cpp and leftovers.cpp what each of
// them does. Not for use outside of plan().
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "resources/brake.hpp"
#include "resources/brief.hpp"
#include "resources/desired.hpp"
#include "resources/ladder.hpp"
#include "resources/placement.hpp"
#include "resources/plan.hpp"
#include "resources/world_index.hpp"

namespace cierzo {

class Planner {
 public:
  explicit Planner(const World& world)
      : world_(world),
        index_(world),
        rooms_(world, index_),
        brake_(brake(world.hosts, world.brake_share)) {}

  Plan make();

 private:
  // One instance while it is decided upon.
  struct Subject {
    const DesiredResource& desired;
    std::size_t which;
    const Instance& instance;
    const Wanted& wanted;
    Copies copies;
  };
  // Of one resource: which it is, and what is computed only when something of it needs it.
  struct Shared {
    std::size_t resource = 0;  // world_.desired[resource]
    std::optional<std::map<RoleName, std::map<HostId, int>>> siblings;
    std::map<RoleName, std::optional<InstanceName>> not_ready;  // the first one of a role
    std::map<RoleName, int> depths;                             // longest chain of `after`
    std::optional<int> deepest_live;           // highest depth of a VM that still lives
    std::map<RoleName, std::string> still_up;  // what a role's stop waits for; empty: nothing
    std::vector<const Instance*> kept_for;     // absent ones that could not be started
  };

  // ---- plan.cpp
  void decide(std::size_t resource);
  std::vector<std::size_t> in_order(const DesiredResource& desired);
  Subject subject(const DesiredResource& desired, std::size_t which) const;
  void act(const InstanceName& instance, HostId on, Work work, std::string reason);
  void block(const InstanceName& instance, bool waiting, std::string reason);
  [[nodiscard]] std::string under_way(const Action& action) const;
  void look_again(Time at);
  // True, and the instance is blocked, where a failure must not be tried again yet.
  bool backs_off(const InstanceName& instance, const std::string& what, const Failure& failure);
  bool destroy_duplicate(const Subject& s);
  void await_proof();
  void count_starting();
  bool too_many_starting(const InstanceName& instance);

  // ---- running.cpp
  void keep_running(const Subject& s);
  void start(const Subject& s);
  void start_on_its_disk(const Subject& s, const Observed& disk);
  bool waits_for_answers(const Subject& s);
  void keep_room(const Subject& s);
  Wish wish_of(const Subject& s);
  const Instance* comes_after_kept(const Subject& s) const;
  void start_somewhere(const Subject& s, const Observed* worn);
  void serve(const Subject& s, const Observed& copy);
  void wait_for_guest(const Subject& s, const Observed& copy);
  bool start_role(const Subject& s, const Observed& copy, std::size_t role);
  std::optional<InstanceName> first_not_ready(const DesiredResource& desired, const RoleName& role);
  const std::map<HostId, int>& siblings(const DesiredResource& desired, const RoleName& role);
  void remove_stale_disk(const Subject& s);

  // ---- breaker.cpp
  void tend_breakers();
  bool knows_breaker(const InstanceName& instance) const;
  bool forget_failures(const Subject& s, const Observed& copy);
  bool waits_to_close(const Subject& s, const Observed& copy, std::size_t role);
  const Breaker* open_breaker(const Subject& s, const Observed& copy, std::size_t role) const;
  const Breaker* left_alone(const Subject& s, const Observed& copy,
                            std::vector<std::size_t>& others) const;
  void open(const Subject& s, const Observed& copy, std::size_t role, std::string reason);
  void tell_open(const Subject& s, const Breaker& breaker);

  // ---- unhealthy.cpp
  bool climb_ladder(const Subject& s, const Observed& copy, std::size_t role);
  static std::string why_attend(const Subject& s, const Observed& copy);
  void tell_flapping(const Subject& s, const Observed& copy, const RoleType& role);

  // ---- members.cpp
  bool let_go(const Subject& s, const Observed& copy);
  bool take_in(const Subject& s, const Observed& copy);
  bool take_in(const Subject& s, const Observed& copy, const RoleName& on, const RoleType& role);
  bool tell_deaf(const Subject& s, const Observed& copy);

  // ---- outputs.cpp
  void keep_outputs(std::size_t resource);
  bool tell_unsaid(const Subject& s, const Observed& copy);

  // ---- retiring.cpp
  bool retires(std::size_t resource, const Instance& idle, const Observed& copy);
  bool drains(const DesiredResource& desired, const Instance& idle, const Observed& copy);
  bool is_read(std::size_t resource, const Instance& idle);
  bool leaves(std::size_t resource, const Instance& idle);
  [[nodiscard]] bool still_drains(const DesiredResource& desired, const Joined& joined) const;

  // ---- stopping.cpp
  void keep_stopped(const Subject& s);
  bool stop_roles(const Subject& s, const Observed& copy);
  bool stop_role(const DesiredResource& desired, const Instance& instance, const Observed& copy,
                 const RoleType& role, const std::string& why, const std::string& wait_for);
  std::string still_up(const Subject& s, const RoleName& role);
  int depth(const DesiredResource& desired, const RoleName& role);
  int depth(const DesiredResource& desired, const Instance& instance);
  int deepest_live(const DesiredResource& desired);

  // ---- leftovers.cpp
  void remove_leftovers();
  [[nodiscard]] std::pair<std::size_t, const Instance*> idle_one(const InstanceName& name) const;

  const World& world_;
  WorldIndex index_;
  Rooms rooms_;
  Brake brake_;
  int starting_ = 0;  // VMs that are starting or booting; counted only where that is limited
  Shared shared_;     // of the resource that is being decided upon
  Plan plan_;
};

// May this instance lose its disk? Only where every role says so and the disk is its own.
[[nodiscard]] bool may_be_replaced(const DesiredResource& desired, const Instance& instance);

// Must its guest answer before it can serve? Not where no role has a script.
[[nodiscard]] bool needs_guest(const DesiredResource& desired, const Instance& instance);

// Has `start` run with the inputs that are wanted now, and not been undone by `stop`? True for a
// role without `start`.
[[nodiscard]] bool is_started(const RoleType& role, const Observed& copy,
                              const std::string& digest);

// Of a member, in a role, that is to be told to another role: what `join` is given, this copy of it
// included.
[[nodiscard]] std::string join_digest(const Wanted& wanted, const RoleName& role,
                                      const RoleName& on, const Observed& copy);

// Could this role of a copy be told that a member leaves? Not where its service does not run; one
// without a `start` always does.
[[nodiscard]] bool could_let_go(const DesiredResource& desired, const Observed& copy,
                                const RoleName& name);

// What this copy was told of that member in that role; nullptr: nothing.
[[nodiscard]] const Joined* joined_to(const Observed& copy, const RoleName& on,
                                      const InstanceName& member, const RoleName& role);

// Is one of its roles still to be told to another that could hear of it? That other instance;
// nullptr: none is.
[[nodiscard]] const Instance* not_told(const WorldIndex& index, const DesiredResource& desired,
                                       std::size_t resource, std::size_t which,
                                       const Observed& copy);

// Has all that its type says of its outputs been said, and is it in the catalog?
[[nodiscard]] bool outputs_kept(const DesiredResource& desired, const Instance& instance,
                                const RoleType& role, const Observed& copy);

// When its time to finish its work is up; none: it has none, or has finished it.
[[nodiscard]] std::optional<Time> drains_until(const RoleType& role, const Observed& copy,
                                               Time now);

// Made in the former site, and nobody has said since what its resource is to be. A disk without a
// domain need not know when it was made, nor whose it is: then it is taken for one of these.
[[nodiscard]] bool is_from_before(const Observed& seen, const std::optional<Recovered>& recovered);

// Why an instance that is declared, or was, is not wanted.
[[nodiscard]] std::string why_idle(const DesiredResource& desired, const Instance& idle);

// Does it serve, or did it, without its `stop` having run?
[[nodiscard]] bool to_be_stopped(const RoleType& role, const Observed& copy);

// The breaker of this role, where it is open for this copy with these inputs; nullptr: none is.
[[nodiscard]] const Breaker* open_breaker(const World& world, const InstanceName& instance,
                                          const RoleName& role, const Observed& copy,
                                          const std::string& inputs);

// What is known of a role of a copy; an empty value where nothing is.
[[nodiscard]] const RoleObserved& role_of(const Observed& copy, const RoleName& role);

}  // namespace cierzo
