#include "tests/simulation/site/fault.hpp"

namespace cierzo::simulation {
namespace {

std::string who(HostId host) {
  return host == whoever_leads ? "whoever leads" : "host " + std::to_string(host.value);
}

struct Sentence {
  std::string operator()(const fault::KillAgent& it) const {
    return "agent killed on " + who(it.host);
  }
  std::string operator()(const fault::StartAgent& it) const {
    return "agent started on " + who(it.host);
  }
  std::string operator()(const fault::PowerCut& it) const { return "power cut of " + who(it.host); }
  std::string operator()(const fault::Boot& it) const { return "boot of " + who(it.host); }
  std::string operator()(const fault::Freeze& it) const {
    return "agent frozen on " + who(it.host);
  }
  std::string operator()(const fault::Thaw& it) const { return "agent thawed on " + who(it.host); }
  std::string operator()(const fault::Isolate& it) const { return who(it.host) + " isolated"; }
  std::string operator()(const fault::Cut& it) const {
    return "cut from " + who(it.from) + " to " + who(it.to);
  }
  std::string operator()(const fault::Mend&) const { return "every cut mended"; }
  std::string operator()(const fault::Lose& it) const {
    return std::to_string(static_cast<int>(it.share * 100)) + " % of messages lost";
  }
  std::string operator()(const fault::HangHypervisor& it) const {
    return "hypervisor of " + who(it.host) + " hangs for " +
           std::to_string(
               std::chrono::duration_cast<std::chrono::milliseconds>(it.length).count()) +
           " ms";
  }
  std::string operator()(const fault::CrashGuest& it) const {
    return it.instance.value + " crashed on " + who(it.host);
  }
};

}  // namespace

std::string to_string(const Fault& fault) { return std::visit(Sentence{}, fault); }

}  // namespace cierzo::simulation
