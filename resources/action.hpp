// What the leader can ask of a host. Plain values: the plan makes them, the leader numbers and
// sends them, the worker on the host performs them through the provider.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "resources/ids.hpp"
#include "resources/instance.hpp"

namespace cierzo {

// Create the domain and let it run. On an existing overlay of the instance unless `fresh_disk`.
struct StartVm {
  Instance instance;
  Incarnation incarnation;
  bool fresh_disk = false;
};

// ACPI shutdown, then destroy when `grace` has passed (0: destroy at once); verified gone. Only the
// copy with this incarnation: of two copies the wrong one is meant, and nothing else. Stopping what
// is absent is success.
struct StopVm {
  Incarnation incarnation;
  Duration grace{};
  bool remove_disk = false;
};

struct RemoveDisk {};  // The overlay of an instance that has no domain on that host.

struct ResetVm {
  Incarnation incarnation;
};

// Let a paused copy run again, under a new incarnation. (rule 16: a permit resumes nothing)
struct Resume {
  Incarnation paused, incarnation;
  // Of the pause that is to end, as the host reported it: its guard refuses any other, since the
  // copy may have been replaced in the later one. 0: not its guard has paused it. (rule 13)
  std::uint64_t generation = 0;
};

// Give the guest its address, host name and /etc/hosts, through the guest agent. Idempotent.
struct Configure {
  Incarnation incarnation;
  std::string address;  // The host adds prefix, gateway and DNS from the network that holds it.
  std::string mac;      // Of the interface that gets it.
  std::string hostname, hosts_file;
  std::string digest;  // Of all of these; the guest keeps it until it reboots.
};

// drain: asks for the end of the work in this guest. join, leave: tell it of another machine.
enum class ScriptKind { start, stop, drain, join, leave };
[[nodiscard]] std::string_view to_string(ScriptKind kind);

struct RunScript {
  Incarnation incarnation;
  RoleName role;
  ScriptKind kind = ScriptKind::start;
  std::string text;  // Of the script: hosts need no types of their own.
  ScriptInput input;
  Duration timeout{};
  Member member{};  // Of join and leave only: whom it is about.
};

// From now on the host checks these roles of the instance, and reports what it sees. Replaces what
// was attended.
struct RoleCheck {
  RoleName role;
  std::string text;
  ScriptInput input;
  Duration every{}, timeout{};
  int failures = 3;
};
struct Attend {
  Incarnation incarnation;
  std::vector<RoleCheck> checks;
  std::string digest;
  std::vector<RoleCheck> metrics{};  // Run likewise: what they print is how busy the role is.
};

// The host forgets what it has counted against this role of the instance: failed starts, restarts,
// and, where no other role was restarted, resets of the VM. The ladder begins at its foot, and
// without a wait.
struct ForgetFailures {
  Incarnation incarnation;
  RoleName role;
};

using Work = std::variant<StartVm, StopVm, RemoveDisk, ResetVm, Resume, Configure, RunScript,
                          Attend, ForgetFailures>;

// Does the host's hypervisor carry it out? The others are done by the guest itself, and may take as
// long as a script does, or by the agent, at once.
[[nodiscard]] bool loads_host(const Work& work);

struct Action {
  InstanceName instance;
  HostId on;
  Work work;
  std::string reason;  // "host node1 lost", "declared", "check of server failed 3 times: ..."
};

// "start myweb-server-1 on node2: host node1 lost". `host` is the name of action.on.
[[nodiscard]] std::string to_string(const Action& action, const std::string& host);

}  // namespace cierzo
