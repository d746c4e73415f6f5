#include "tests/simulation/site/fault.hpp"

namespace cierzo::simulation {
namespace {

std::string who(HostId host) {
  return host == whoever_leads ? "whoever leads" : "host " + std::to_string(host.value);
}

std::string ms(Duration length) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(length).count()) +
         " ms";
}

struct Sentence {
  std::string operator()(const fault::KillAgent& it) const {
    return "agent killed on " + who(it.host);
  }
  std::string operator()(const fault::StartAgent& it) const {
    return "agent started on " + who(it.host);
  }
  std::string operator()(const fault::RestartAgent& it) const {
    return "agent killed and started again after " + ms(it.after) + " on " + who(it.host);
  }
  std::string operator()(const fault::StopAgent& it) const {
    return "agent stopped cleanly on " + who(it.host);
  }
  std::string operator()(const fault::PowerCut& it) const { return "power cut of " + who(it.host); }
  std::string operator()(const fault::Boot& it) const { return "boot of " + who(it.host); }
  std::string operator()(const fault::LoseDisks& it) const {
    return "power cut of " + who(it.host) + ", which loses its disks";
  }
  std::string operator()(const fault::NewMachine& it) const {
    return who(it.host) + " is gone for good, and another machine takes its place";
  }
  std::string operator()(const fault::Freeze& it) const {
    return "agent frozen on " + who(it.host);
  }
  std::string operator()(const fault::Thaw& it) const { return "agent thawed on " + who(it.host); }
  std::string operator()(const fault::FreezeHost& it) const {
    return who(it.host) + " frozen as a whole";
  }
  std::string operator()(const fault::ThawHost& it) const {
    return who(it.host) + " thawed as a whole";
  }
  std::string operator()(const fault::Isolate& it) const { return who(it.host) + " isolated"; }
  std::string operator()(const fault::Cut& it) const {
    return "cut from " + who(it.from) + " to " + who(it.to);
  }
  std::string operator()(const fault::Switch&) const { return "no host hears another"; }
  std::string operator()(const fault::Mend&) const { return "every cut mended"; }
  std::string operator()(const fault::Lose& it) const {
    return std::to_string(static_cast<int>(it.share * 100)) + " % of messages lost";
  }
  std::string operator()(const fault::KillGuard& it) const {
    return "guard killed on " + who(it.host);
  }
  std::string operator()(const fault::StartGuard& it) const {
    return "guard started on " + who(it.host);
  }
  std::string operator()(const fault::HangHypervisor& it) const {
    return "libvirtd of " + who(it.host) + " hangs for " + ms(it.length);
  }
  std::string operator()(const fault::StopHypervisor& it) const {
    return "libvirtd of " + who(it.host) + " is stopped";
  }
  std::string operator()(const fault::StartHypervisor& it) const {
    return "libvirtd of " + who(it.host) + " is back";
  }
  std::string operator()(const fault::FailStarts& it) const {
    return "the next " + std::to_string(it.times) + " starts on " + who(it.host) + " fail";
  }
  std::string operator()(const fault::FillDisk& it) const {
    return "the disk of " + who(it.host) + " is full";
  }
  std::string operator()(const fault::FreeDisk& it) const {
    return "the disk of " + who(it.host) + " has room again";
  }
  std::string operator()(const fault::SlowDisk& it) const {
    return "every write on " + who(it.host) + " takes " + ms(it.takes);
  }
  std::string operator()(const fault::CrashGuest& it) const {
    return it.instance.value + " crashed";
  }
  std::string operator()(const fault::RebootGuest& it) const {
    return it.instance.value + " reboots from inside";
  }
  std::string operator()(const fault::SilenceGuest& it) const {
    return "the guest agent of " + it.instance.value + (it.silent ? " hangs" : " answers again");
  }
};

}  // namespace

std::string to_string(const Fault& fault) { return std::visit(Sentence{}, fault); }

}  // namespace cierzo::simulation
