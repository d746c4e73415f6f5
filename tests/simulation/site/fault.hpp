// What can befall a simulated site, as values: a schedule is a list of them with their times, so
// that it can be made from a seed, printed, shortened and replayed.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "resources/ids.hpp"

namespace cierzo::simulation {

inline constexpr HostId whoever_leads{0};

namespace fault {

struct KillAgent {  // SIGKILL; nobody starts it again but StartAgent.
  HostId host;
};
struct StartAgent {
  HostId host;
};
struct RestartAgent {  // Killed, and started again `after` that.
  HostId host;
  Duration after{};
};
struct StopAgent {  // Cleanly: its host is held from then on. (rule 14)
  HostId host;
};
struct PowerCut {  // Agent, domains and what was not synced are gone.
  HostId host;
};
struct Boot {
  HostId host;
};
struct LoseDisks {  // With a power cut: what the agent knew and the VMs' disks.
  HostId host;
};
struct NewMachine {  // It is gone for good; another, with a key of its own, waits to be switched
                     // on.
  HostId host;
};
struct Freeze {  // SIGSTOP of the agent alone: its VMs run on.
  HostId host;
};
struct Thaw {
  HostId host;
};
struct FreezeHost {  // Agent, guard, hypervisor and VMs.
  HostId host;
};
struct ThawHost {
  HostId host;
};
struct Isolate {  // Cut off from every other host, in both directions.
  HostId host;
};
struct Cut {  // In this direction only.
  HostId from, to;
};
struct Switch {  // Reboots: no host hears another.
};
struct Mend {};  // Every cut.
struct Lose {    // This share of all messages from now on.
  double share = 0;
};
struct KillGuard {  // SIGKILL of the guard; nobody starts it again but StartGuard.
  HostId host;
};
struct StartGuard {
  HostId host;
};
struct HangHypervisor {  // No call begins for so long.
  HostId host;
  Duration length{};
};
struct StopHypervisor {  // libvirtd is not there: every call fails at once. VMs run on.
  HostId host;
};
struct StartHypervisor {
  HostId host;
};
struct FailStarts {  // So many of the next domains cannot be made on that host.
  HostId host;
  int times = 0;
};
struct FillDisk {  // Nothing can be written: neither the agent's state nor a new disk for a VM.
  HostId host;
};
struct FreeDisk {
  HostId host;
};
struct SlowDisk {  // Every write takes so long; 0: as long as before.
  HostId host;
  Duration takes{};
};
struct CrashGuest {  // The process of its domain dies, wherever it runs.
  InstanceName instance;
};
struct RebootGuest {  // From inside.
  InstanceName instance;
};
struct SilenceGuest {  // Its guest agent hangs, until it is told to speak again.
  InstanceName instance;
  bool silent = true;
};

}  // namespace fault

using Fault =
    std::variant<fault::KillAgent, fault::StartAgent, fault::RestartAgent, fault::StopAgent,
                 fault::PowerCut, fault::Boot, fault::LoseDisks, fault::NewMachine, fault::Freeze,
                 fault::Thaw, fault::FreezeHost, fault::ThawHost, fault::Isolate, fault::Cut,
                 fault::Switch, fault::Mend, fault::Lose, fault::KillGuard, fault::StartGuard,
                 fault::HangHypervisor, fault::StopHypervisor, fault::StartHypervisor,
                 fault::FailStarts, fault::FillDisk, fault::FreeDisk, fault::SlowDisk,
                 fault::CrashGuest, fault::RebootGuest, fault::SilenceGuest>;

struct PlannedFault {
  Duration after{};  // From when it is planned.
  Fault fault;
};

// "power cut of host 2"
[[nodiscard]] std::string to_string(const Fault& fault);

}  // namespace cierzo::simulation
