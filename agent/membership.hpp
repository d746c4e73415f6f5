// What an administrator may change about the members of the site, judged before it is asked of the
// election: who they would be then, or what is against it and what to do. Pure. (rule 23)
#pragma once
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "agent/api/views.hpp"
#include "election/members.hpp"
#include "resources/ids.hpp"

namespace cierzo {

// What keeps a host from being taken out of the site.
struct HostTies {
  bool alive = false;  // It answers: what it says it runs, it runs.
  bool lost = false;   // Its permit has certainly ended.
  // That it runs, has a disk of, or is being told to start; of a lost one what its loss does not
  // prove to run no more. (rule 14)
  std::vector<std::string> instances;
};

struct MembersJudged {
  std::vector<election::Member> members;  // Where there are no mistakes.
  HostId leaves;                          // Must be given nothing to run from now on; 0: nobody.
  std::string done;                       // "added", "removed", ...; "unchanged": nothing to store.
  std::vector<std::string> mistakes;
  std::string next;  // What to do about them.
  std::vector<std::string> warnings;
};

struct RecoveryJudged {
  std::vector<election::Member> members;  // With their addresses corrected.
  std::set<HostId> lost;
  std::vector<std::string> names_lost, names_others;
  std::vector<std::string> mistakes;
};

// What a recovery on the host named `self` makes of the members, or what is wrong with what was
// asked. (rule 22)
[[nodiscard]] RecoveryJudged judge_recovery(const api::RecoverRequest& request,
                                            const election::Members& members,
                                            const std::string& self);

[[nodiscard]] MembersJudged judge_change(const api::HostChange& change,
                                         const election::Members& members,
                                         const std::function<HostTies(HostId)>& ties);

}  // namespace cierzo
