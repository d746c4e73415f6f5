// What a host says about itself: everything the leader may believe about it. A report is whole, so
// a lost one costs nothing but time, and a host that does not list an instance does not have it.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "resources/action.hpp"
#include "resources/ids.hpp"
#include "resources/world.hpp"

namespace cierzo {

// A command that the host accepted and has not finished. Reported without texts and inputs of
// scripts: what matters to a new leader is that something is under way, and what it reserves. (rule
// 17)
struct Unfinished {
  Stamp id;
  Action action;
};

struct Report {
  HostId host;
  std::string boot;  // /proc/sys/kernel/random/boot_id
  std::string
      state_id;  // Random, made with the state directory: another one is another machine. (rule 17)
  std::string process;  // Random for each start of the agent: a later start ends `held`. (rule 14)
  // Rises with every report that this process sends: one that was overtaken on its way says what
  // was, and may not even list what a command has started since.
  std::uint64_t number = 0;
  Term term;  // The highest that the host has seen. (rules 16, 17: inventories carry their term)
  std::uint64_t permit_spell =
      0;           // In which unbroken stretch of permits it was said; 0: in none. (rule 17)
  Stamp executed;  // High-water mark: commands up to here were accepted or will never be. (rule 17)
  std::vector<Unfinished> unfinished;
  // False: the hypervisor has not answered once since this agent started, so this is no inventory:
  // what it does not list may run all the same. (rule 18)
  bool surveyed = true;
  bool hypervisor_answers =
      false;  // False: `instances` is what was known before, and nothing of it is certain.
  std::string hypervisor_error;  // Why it does not answer, for people.
  std::string guard_error;       // Why no live guard looks after its VMs; empty: one does.
  std::uint64_t memory_total_kib = 0, memory_free_kib = 0;
  int cpus_total = 0, cpus_free = 0;
  std::map<std::string, std::string>
      images;  // Those of the folder by name and path, those asked for by path.
  std::vector<std::string> images_asked;  // Absolute paths that a leader wanted to know of; sorted.
  std::vector<std::string> networks;
  std::vector<Observed>
      instances;  // By name. Their times are ages at sending: a clock does not leave its host.
};

// Of what the report says, its number and ages left out: two hosts' clocks never make two equal
// reports differ. Carried by every acknowledgement of a heartbeat, so that the leader sees that it
// missed one.
[[nodiscard]] std::string report_digest(const Report& report);

}  // namespace cierzo
