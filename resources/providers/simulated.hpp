// A host that exists in memory only: the other implementation of the seam, which ships with it.
// Deterministic: it does what it was told, at the time it is told. No thread, no clock.
//
// Guests are simulated as far as anybody outside can tell: they boot, answer, know what was
// configured in this boot, and forget it with the next one. No shell is run: the scripts of
// guest.hpp say in their first line what they are for, and that is done.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "resources/guest.hpp"
#include "resources/provider.hpp"

namespace cierzo {

struct ScriptResult {
  int exit_code = 0;
  std::string output;
  Duration takes = std::chrono::milliseconds(100);  // At the command's timeout it is killed: 137.
};

struct SimulatedConfig {
  std::map<std::string, std::string> images = {{"mini.qcow2", "1"}};  // Name or path -> digest.
  std::uint64_t memory_total_kib = 16ULL * 1024 * 1024;
  int cpus_total = 16;
  Duration boot = std::chrono::seconds(3);      // From run() until the guest agent answers.
  Duration shutdown = std::chrono::seconds(1);  // From shutdown() until the domain is gone.
};

class SimulatedProvider : public Provider {
 public:
  SimulatedProvider(SimulatedConfig config, std::function<Time()> now);

  // ---- The seam. What is due by now has happened when a call looks.
  [[nodiscard]] Survey survey() override;
  [[nodiscard]] bool has_image(const std::string& path) override;
  [[nodiscard]] Outcome create(const StartVm& start) override;
  [[nodiscard]] Outcome find_process(const InstanceName& name, const Incarnation& incarnation,
                                     HypervisorProcess& found) override;
  [[nodiscard]] Outcome run(const InstanceName& name, const Incarnation& incarnation) override;
  [[nodiscard]] Outcome renew(const InstanceName& name, const Resume& resume) override;
  [[nodiscard]] Outcome set_guest_clock(const InstanceName& name) override;
  [[nodiscard]] Outcome shutdown(const InstanceName& name, const Incarnation& incarnation) override;
  [[nodiscard]] Outcome destroy(const InstanceName& name, const Incarnation& incarnation) override;
  [[nodiscard]] Outcome reset(const InstanceName& name, const Incarnation& incarnation) override;
  [[nodiscard]] Outcome remove_disk(const InstanceName& name) override;
  [[nodiscard]] bool guest_answers(const InstanceName& name) override;
  [[nodiscard]] Outcome guest_start(const InstanceName& name, const GuestCommand& command,
                                    GuestHandle& handle) override;
  [[nodiscard]] GuestProgress guest_progress(const InstanceName& name,
                                             const GuestHandle& handle) override;
  void listen(std::function<void(DomainEvent)> listener) override;

  // ---- What befalls the host. Any thread.

  // Lets what is due by now happen, events included.
  void tick();

  // The next `times` calls of that name ("create", "guest_start", ...) end so and do nothing.
  // guest_answers says no, survey and guest_progress carry the outcome.
  void fail_next(const std::string& call, Outcome outcome, int times);
  void forget_failures();  // That were ordered and have not come.

  void set_hypervisor_answers(bool answers);  // No: every call is `unreachable`.
  void set_disk_full(bool is);                // No disk of an instance can be made.
  void lose_disks();                          // With what is on them. After lose_power().
  void lose_power();                          // All domains are gone, without a word; disks stay.
  void set_images(std::map<std::string, std::string> images);
  void add_foreign_domain(std::uint64_t memory_kib, int vcpus);
  void set_name_taken(const InstanceName& name, bool is);  // By a domain that is not ours.

  void crash(const InstanceName& name);                      // Its process dies.
  void pause(const InstanceName& name);                      // Its CPUs, as a person does it.
  void reboot_guest(const InstanceName& name);               // From inside: what it knew is gone.
  void set_guest_silent(const InstanceName& name, bool is);  // Its agent hangs.
  void set_ignores_shutdown(const InstanceName& name, bool is);

  // Signals to a process: SIGSTOP and SIGCONT, and SIGKILL. Where it has ended: nothing.
  void set_stopped(const InstanceName& name, const HypervisorProcess& process, bool is);
  void kill(const InstanceName& name, const HypervisorProcess& process);

  // How a role's scripts end from now on, in one instance or (empty name) in all of them. A check
  // passes and a start works where nothing is said. What a start that works prints are its outputs,
  // KEY=VALUE, one a line.
  void set_script(const InstanceName& name, ScriptPurpose::Kind kind, const RoleName& role,
                  ScriptResult result);

  // ---- What happened, for assertions: one line a call that came through, "create web-server-1".
  [[nodiscard]] std::vector<std::string> calls() const;

  // ---- What is really there, for checkers: nobody asks the hypervisor, so it cannot hang.
  struct Copy {
    Incarnation incarnation;
    HypervisorProcess process;
    bool runs = false;        // Its CPUs do: neither they nor its process are stopped.
    bool fresh_disk = false;  // It was started on a disk that the start made, and says so.
    std::uint64_t disk = 0;   // Which one it has; 0: a shared one.
  };
  [[nodiscard]] std::map<InstanceName, Copy> domains() const;
  // Disks of instances, by their number.
  [[nodiscard]] std::map<InstanceName, std::uint64_t> overlays() const;
  // Rises with every domain or disk that comes or goes, is paused or let run, but for those that
  // end by themselves: these go when the next call looks.
  [[nodiscard]] std::uint64_t changes() const;

 private:
  struct Command {
    GuestCommand command;
    ScriptPurpose purpose;
    ScriptResult result;
    Time ends{};
    bool ended = false;
  };
  struct Guest {  // One boot of it.
    std::string boot;
    std::string network_digest;
    Time booted{};
    std::map<RoleName, std::string> facts;    // Role -> "start ROLE DIGEST", and the like.
    std::map<RoleName, std::string> outputs;  // What its last start has printed.
    // By role, and the other's name and role: "DIGEST NAME ROLE ADDRESS INDEX". Forgotten with the
    // boot, as where no disk keeps it.
    std::map<std::tuple<RoleName, InstanceName, RoleName>, std::string> joined;
    std::map<std::int64_t, Command> commands;
  };
  struct Domain {
    DomainMetadata metadata;
    std::uint64_t memory_kib = 0;
    int vcpus = 0;
    HypervisorProcess process;
    bool paused = true;
    bool stopped = false;              // The process: what libvirt asks of it waits.
    bool connected = false;            // The guest agent.
    std::optional<Time> answers_from;  // Set by the first run().
    std::optional<Time> gone_at;       // Set by shutdown().
    Guest guest;
  };
  struct Faults {
    bool silent = false, ignores_shutdown = false;
  };
  class Call;

  void settle();
  void boot(Domain& domain);
  void end_command(Guest& guest, Command& command);
  void remember(DomainEvent::What what, const InstanceName& name,
                const Incarnation& incarnation = {});
  [[nodiscard]] Domain* find(const InstanceName& name);
  [[nodiscard]] Domain* find(const InstanceName& name, const Incarnation& incarnation,
                             Outcome& outcome);
  [[nodiscard]] bool answers(const InstanceName& name, const Domain& domain) const;
  [[nodiscard]] ScriptResult result_of(const InstanceName& name,
                                       const ScriptPurpose& purpose) const;

  using ScriptKey = std::tuple<InstanceName, ScriptPurpose::Kind, RoleName>;

  const SimulatedConfig config_;
  const std::function<Time()> now_;
  mutable std::mutex mutex_;
  std::function<void(DomainEvent)> listener_;
  std::vector<DomainEvent> events_;  // Sent when the call that found them lets go of the mutex.
  std::vector<std::string> calls_;
  std::map<std::string, std::vector<Outcome>> failures_;
  std::map<std::string, std::string> images_;
  std::map<InstanceName, Domain> domains_;
  struct Overlay {
    std::string image;
    std::uint64_t number = 0;  // No two that were ever made on this host have the same.
    bool fresh = false;        // Made in place of another one.
  };
  std::map<InstanceName, Overlay> overlays_;
  std::map<InstanceName, Faults> faults_;
  std::map<ScriptKey, ScriptResult> scripts_;
  std::set<InstanceName> names_taken_;
  std::uint64_t foreign_memory_kib_ = 0;
  int foreign_vcpus_ = 0;
  bool hypervisor_answers_ = true, disk_full_ = false;
  std::uint64_t boots_ = 0, changes_ = 0, disks_made_ = 0;
  std::int64_t next_pid_ = 100;  // Of commands in guests.
  std::int64_t next_process_ = 1000;
};

}  // namespace cierzo
