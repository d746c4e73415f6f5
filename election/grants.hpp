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
  // A host granted `seq`; counted once, at the newest, and only while it is a voter.
  void granted(HostId host, std::uint64_t seq);
  // Its machine was replaced. (rule 22)
  void forget(HostId host) { granted_.erase(host); }
  // The members have changed. (rule 23)
  void recount();

  Time until() const { return until_; }
  // The same, were that voter's grants not there. (rule 22)
  Time until_without(HostId voter) const;
  // The same, were these the members. (rule 23)
  Time until_under(const Members& members) const;

 private:
  const Members* members_;
  HostId self_;
  Time until_{};
  std::map<std::uint64_t, Time> ends_;  // By seq: sent_at + lease x (1 - drift)
  std::map<HostId, Time> granted_;      // By host: the end of the newest it granted.
};

}  // namespace cierzo::election
