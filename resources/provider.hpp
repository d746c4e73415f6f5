// The seam to the hypervisor of one host. Two implementations: providers/libvirt (real) and
// providers/simulated (scriptable, ships with the seam, used by tests).
//
// Every call blocks, for a bounded time where the hypervisor is well; the agent calls it on pools,
// one call at a time for an instance and one for its guest, with a deadline of its own: a call that
// overruns makes its subject unknown. Calls may come from several threads at once. Nothing is
// thrown: the world's refusals are values.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/action.hpp"
#include "resources/domain_xml.hpp"
#include "resources/world.hpp"

namespace cierzo {

enum class FailureKind {
  none,
  not_found,
  already_exists,
  no_capacity,
  timeout,
  unreachable,
  other
};

struct Outcome {
  FailureKind kind = FailureKind::none;
  std::string text;  // For people. Never branch on it.
  [[nodiscard]] bool ok() const { return kind == FailureKind::none; }
};

// The process that runs a domain. A pid alone proves nothing, it may be another process by now:
// with its start (ticks since boot, as /proc/PID/stat has it) it names one for the boot.
struct HypervisorProcess {
  std::int64_t pid = 0;  // 0: there is none, as under libvirt's test driver, or it has ended.
  std::uint64_t started = 0;
  bool dma = false;  // It has devices that write to memory by themselves (vfio). (rule 14)
  bool operator==(const HypervisorProcess&) const = default;
};

// A domain that carries our metadata.
struct DomainSeen {
  DomainMetadata metadata;
  RunState run = RunState::running;  // As the hypervisor's daemon has it, whatever the guard does.
  std::uint64_t memory_kib = 0;
  int vcpus = 0;
  HypervisorProcess process{};
};

struct Survey {
  Outcome outcome;  // Not ok: nothing below is known, but for the overlays if disks_known.
  // The overlays are known: they are files, and need no hypervisor.
  bool disks_known = false;
  std::vector<DomainSeen> domains;
  // Every domain has a process, also where it could not be told. False: libvirt's test driver.
  bool has_processes = true;
  std::vector<InstanceName> overlays;  // Disks of instances on this host, with or without a domain.
  std::map<std::string, std::string> images;  // Name -> digest (size and time of change will do).
  std::uint64_t memory_total_kib = 0,
                memory_used_kib = 0;  // Used: by every domain of the host, ours or not,
  int cpus_total = 0, cpus_used = 0;  // but never more than what is really free is left.
};

// Something happened to a domain: look again. Sent from any thread; copies nothing of libvirt.
struct DomainEvent {
  enum class What {
    started,
    stopped,
    // The hypervisor process of that incarnation has ended. Proof and not only a hint, since the
    // kernel says it: told within milliseconds, and also while the hypervisor's daemon hangs.
    died,
    paused,
    resumed,
    guest_connected,
    guest_gone,
    hypervisor_gone,
    hypervisor_back
  };
  What what;
  InstanceName instance;      // Empty for hypervisor_*.
  Incarnation incarnation{};  // Of `died` only.
};

struct GuestCommand {
  std::string script;                              // For /bin/sh in the guest.
  std::map<std::string, std::string> environment;  // PATH is added.
  // Base name of the file under /run/cierzo/log that keeps its output. Empty: none does, and
  // nothing but the host's patience ends it; for scripts that start no process.
  std::string log;
  // After which the guest itself kills it with all that it has started (status 124 or 137).
  Duration timeout{};
};

struct GuestHandle {  // A command that runs in a guest.
  std::int64_t pid = 0;
  std::string token{};  // What the command prints first: a rebooted guest gives pids again.
  bool whole = false;   // All that it prints is wanted: nothing keeps it in the guest.
};

struct GuestProgress {
  Outcome
      outcome;  // Not ok: the guest or its agent does not answer, or knows nothing of the command.
  bool finished = false;
  int exit_code = 0;  // 128 + signal where it was killed.
  // Of its output: at most 20 lines and 4 KiB, of a command without a log 64 KiB; valid UTF-8.
  std::string last_lines;
};

// Was it ended by the guest, after its time limit or by the kernel for lack of memory?
[[nodiscard]] inline bool was_killed(const GuestProgress& progress) {
  return progress.exit_code == 124 || progress.exit_code == 137;
}

class Provider {
 public:
  Provider() = default;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  virtual ~Provider() = default;

  [[nodiscard]] virtual Survey survey() = 0;
  // Is there an image at this absolute path? The survey lists those of the images' folder only.
  [[nodiscard]] virtual bool has_image(const std::string& path) = 0;

  // Creates the (transient) domain, paused: its CPUs do not run before run() (rule 17). Makes the
  // overlay where there is none, or anew with fresh_disk. Fails with already_exists where the name
  // is taken.
  [[nodiscard]] virtual Outcome create(const StartVm& start) = 0;
  // The process of the domain with this incarnation; not ok where there must be one and it cannot
  // be told. The guard gets it before the CPUs run. (rule 17)
  [[nodiscard]] virtual Outcome find_process(const InstanceName& name,
                                             const Incarnation& incarnation,
                                             HypervisorProcess& found) = 0;
  // Lets the CPUs run, if the domain still has this incarnation.
  [[nodiscard]] virtual Outcome run(const InstanceName& name, const Incarnation& incarnation) = 0;
  // Writes the new incarnation of a copy that is about to be resumed; needs nothing of its process,
  // which may be stopped. Success where it has it already. (rule 16)
  [[nodiscard]] virtual Outcome renew(const InstanceName& name, const Resume& resume) = 0;
  // Tells the guest what time it is: its clock stood still while it was paused. Asks its agent.
  [[nodiscard]] virtual Outcome set_guest_clock(const InstanceName& name) = 0;
  // Asks the guest to power off (ACPI and guest agent). Returns at once.
  [[nodiscard]] virtual Outcome shutdown(const InstanceName& name,
                                         const Incarnation& incarnation) = 0;
  // Ends the domain with this incarnation and sees it gone. A domain that is not there is success.
  [[nodiscard]] virtual Outcome destroy(const InstanceName& name,
                                        const Incarnation& incarnation) = 0;
  [[nodiscard]] virtual Outcome reset(const InstanceName& name, const Incarnation& incarnation) = 0;
  // Removes the overlay; refuses while a domain of that name exists.
  [[nodiscard]] virtual Outcome remove_disk(const InstanceName& name) = 0;

  // Does the guest agent answer? At most about a second.
  [[nodiscard]] virtual bool guest_answers(const InstanceName& name) = 0;
  // Starts a command in the guest; it goes on by itself. Daemons that it leaves cannot hold it up:
  // its output goes to a file in the guest.
  [[nodiscard]] virtual Outcome guest_start(const InstanceName& name, const GuestCommand& command,
                                            GuestHandle& handle) = 0;
  [[nodiscard]] virtual GuestProgress guest_progress(const InstanceName& name,
                                                     const GuestHandle& handle) = 0;

  // One listener; called from any thread, until another takes its place or the provider is
  // destroyed. An empty one ends the listening: when this has returned nobody is called any more.
  virtual void listen(std::function<void(DomainEvent)> listener) = 0;
};

}  // namespace cierzo
