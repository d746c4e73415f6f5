// The bully's challenge: one round of asking all voters, and when its candidate may go on.
//
// Pure decisions of rules 2, 3 and 6; Node sends the messages.
#pragma once
#include <map>
#include <optional>

#include "election/members.hpp"
#include "election/message.hpp"

namespace cierzo::election {

// When a candidate has waited long enough. Grows with the network's round trip, so that a slow
// network does not make every candidate impatient.
class Patience {
 public:
  void measured(Duration round_trip, const Timing& timing);
  Duration round_trip() const { return round_trip_; }
  Duration answer(const Timing& timing) const;  // How long for an answer. (rule 3)
  // How long for a Coordinator of one that stands; longer after candidacies of this host that
  // failed, so that two candidates cannot go on colliding. (rule 6)
  Duration standing(const Timing& timing, int failures) const;
  Duration round(const Timing& timing) const;  // Then all are asked again: messages get lost.

 private:
  Duration round_trip_{};
};

struct Round {
  Time at{};  // When it began; names it in the messages.
  std::map<HostId, AnswerKind> answers;
};

struct RoundContext {
  const Members& members;
  HostId self;
  HostId just_expired;  // The leader whose grant ran out: it had a whole lease to speak. (rule 3)
  const std::map<HostId, Time>&
      stood;  // Since when each lower id stands, in this election. (rule 6)
  const Timing& timing;
  const Patience& patience;
  int failures = 0;  // Candidacies of this host since the last leader.
};

// True: the candidate goes on. Otherwise `again` is when to look again if nothing arrives.
struct RoundDecision {
  bool go = false;
  Time again = Time::max();
};
RoundDecision decide(const Round& round, const RoundContext& context, Time now);

}  // namespace cierzo::election
