// Grants and the authority that a majority of them makes. Pure arithmetic of rules 4, 8 and 9.
#pragma once
#include <map>

#include "election/members.hpp"
#include "resources/ids.hpp"

namespace cierzo::election {

// A voter's promise to the owner of `term` not to accept another before `until`. Only in memory: a
// restart forgets it, which is why rule 7 waits.
struct Grant {
  Term term;
  Time until{};

  bool held(Time now) const { return now < until; }
  bool held_by_other(HostId host, Time now) const { return held(now) && term.owner != host; }
};

// What a leader holds in one term while a majority's grants are certainly unexpired. (rule 9)
class Authority {
 public:
  Authority(const Members& members, HostId self) : members_(&members), self_(self) {}

  // Something that asks for grants of `lease` leaves now, or never: what counts is when it was
  // sent. Seq 0 is the Coordinator. The leader's own grant comes with it.
  void sent(std::uint64_t seq, Time at, const Timing& timing);
  // A voter granted `seq`; counted once per voter, at the newest.
  void granted(HostId voter, std::uint64_t seq);

  Time until() const { return until_; }
  // The same, were that voter's grants not there. (rule 22)
  Time until_without(HostId voter) const;

 private:
  const Members* members_;
  HostId self_;
  Time until_{};
  std::map<std::uint64_t, Time> ends_;  // By seq: sent_at + lease x (1 - drift)
  std::map<HostId, Time> granted_;      // By voter: the end of the newest it granted.
};

}  // namespace cierzo::election
