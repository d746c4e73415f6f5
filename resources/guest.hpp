// What is run inside guests, as text for /bin/sh. Pure: the worker passes these texts to the
// provider.
//
// What is configured is the guest's own knowledge (RESOURCES.md): it keeps, under /run/cierzo, the
// digest of the inputs of each role's last successful `start`, beside the boot id it was made in,
// so that a new leader neither repeats nor forgets, and a rebooted guest is configured again. Which
// machines it was told of by `join` stays on its disk, under /var/lib/cierzo: so does what the
// script made of it, and it must be told that they are gone, in this boot or a later one.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resources/world.hpp"

namespace cierzo {

struct GuestNetwork {
  int prefix = 24;
  std::string gateway;           // Empty: none.
  std::vector<std::string> dns;  // Empty: the guest's own is left alone.
};

// Address, host name and /etc/hosts. Works with busybox and iproute2, with and without systemd;
// idempotent; leaves an interface that already has the address as it is. Picks the interface by
// MAC; with none given, the first that is a device; with one that no interface has, the only one.
[[nodiscard]] std::string configure_script(const Configure& configure, const GuestNetwork& network,
                                           const std::string& mac);

// Writes /run/cierzo/resource.json, runs the script's text, and notes what was done. The
// environment of the input is not in here: it is GuestCommand::environment, because values in it
// may be secrets and belong in no text. Exit status: the script's. Of one role one script runs at a
// time in a guest, whoever asks for it; the next one waits.
[[nodiscard]] std::string role_script(const RunScript& run);

// Runs a check the same way; writes and notes nothing, and costs no process of its own.
[[nodiscard]] std::string check_script(const RoleCheck& check);

// The same for a role's metrics, and what it has printed: N of its last line "load=N"; none: there
// is no such line.
[[nodiscard]] std::string metrics_script(const RoleCheck& metrics);
[[nodiscard]] std::optional<int> read_load(std::string_view printed);

// Prints what the guest knows, one fact a line, for read_probe. Shell builtins only: a guest under
// emulation needs 30 to 50 ms for each process.
[[nodiscard]] std::string probe_script();

struct GuestKnowledge {
  std::string boot;            // The guest's boot id; empty: the text was not a probe's.
  std::string network_digest;  // Of the Configure applied in this boot.
  std::map<RoleName, std::string> configured;  // Role -> digest of its last successful start in
  std::map<RoleName, Outputs> outputs;         // What those starts have said.
  std::map<RoleName, std::string> stopped;     // this boot, or of its stop where that came after.
  struct Drained {
    bool done = false;
    Duration asked_at{};  // Since its boot.
    bool operator==(const Drained&) const = default;
  };
  std::map<RoleName, Drained> drained;  // Asked since the last start in this boot.
  std::vector<Joined> joined;           // By role and name, without failures.
  Duration up{};                        // Since its boot.
};
[[nodiscard]] GuestKnowledge read_probe(std::string_view printed);

// What a script made here is for. Each says so in its first line, for whoever looks at a guest and
// for the simulated provider, which runs no shell.
struct ScriptPurpose {
  enum class Kind { other, configure, start, stop, drain, join, leave, check, metrics, probe };
  Kind kind = Kind::other;
  RoleName role;       // Of all but configure and probe.
  std::string digest;  // Of configure, start, stop and join.
  Member member{};     // Of join and leave.
};
[[nodiscard]] ScriptPurpose script_purpose(std::string_view script);

}  // namespace cierzo
