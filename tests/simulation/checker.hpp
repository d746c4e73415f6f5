// What must hold in the simulated world, seen from outside the code under test and in true time.
//
// The names are LEADERSHIP.md's: S1 authority, S2 instances, S3 acknowledged writes, S4 commands.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "election/commands.hpp"
#include "election/node.hpp"

namespace cierzo::simulation {

class Checker {
 public:
  void fail(Time at, const std::string& what);
  const std::vector<std::string>& failures() const { return failures_; }

  // S3. Values are numbers that rise in the order of proposal, so a value below one that was
  // acknowledged for the same key shows that the acknowledged write is lost.
  void acknowledged(const std::string& key, std::uint64_t value);
  void reads(Time at, HostId leader, const election::Catalog& committed);

  // S3 of the members: a leader goes by none older than those of an acknowledged change.
  void changed_members(Stamp version);
  void goes_by(Time at, HostId leader, Stamp version);

  // S4. What each host has seen, whatever happened to its processes since.
  void heard(HostId host, Term term);
  struct Target {
    std::string boot;
    std::string state_id;
  };
  void obeyed(Time at, HostId host, const election::CommandHeader& header, const Target& truth);

 private:
  std::vector<std::string> failures_;
  std::map<std::string, std::uint64_t> acknowledged_;
  Stamp members_;
  std::map<HostId, Term> heard_;
  std::map<HostId, std::set<Stamp>> obeyed_;
};

std::string text(Time at);    // "12.345678s"
std::string text(Term term);  // "(3,1)"

}  // namespace cierzo::simulation
