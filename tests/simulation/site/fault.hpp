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
struct PowerCut {  // Agent, domains and what was not synced are gone.
  HostId host;
};
struct Boot {
  HostId host;
};
struct Freeze {  // SIGSTOP of the agent alone: its VMs run on.
  HostId host;
};
struct Thaw {
  HostId host;
};
struct Isolate {  // Cut off from every other host, in both directions.
  HostId host;
};
struct Cut {  // In this direction only.
  HostId from, to;
};
struct Mend {};  // Every cut.
struct Lose {    // This share of all messages from now on.
  double share = 0;
};
struct HangHypervisor {  // No call begins for so long.
  HostId host;
  Duration length{};
};
struct CrashGuest {  // The process of one domain dies, if it runs on that host.
  HostId host;
  InstanceName instance;
};

}  // namespace fault

using Fault = std::variant<fault::KillAgent, fault::StartAgent, fault::PowerCut, fault::Boot,
                           fault::Freeze, fault::Thaw, fault::Isolate, fault::Cut, fault::Mend,
                           fault::Lose, fault::HangHypervisor, fault::CrashGuest>;

struct PlannedFault {
  Duration after{};  // From when it is planned.
  Fault fault;
};

// "power cut of host 2"
[[nodiscard]] std::string to_string(const Fault& fault);

}  // namespace cierzo::simulation
