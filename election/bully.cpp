#include "election/bully.hpp"

#include <algorithm>

namespace cierzo::election {

namespace {
constexpr int failures_max = 4;  // More do not make it more patient.
}

void Patience::measured(Duration round_trip, const Timing& timing) {
  // It may contain a pause of a process, which says nothing about the network.
  round_trip = std::min(round_trip, timing.lease / 4);
  round_trip_ = round_trip_ == Duration{0} ? round_trip : (7 * round_trip_ + round_trip) / 8;
}

Duration Patience::answer(const Timing& timing) const {
  return std::clamp(4 * round_trip_, timing.answer, std::max(timing.answer, timing.lease / 4));
}

Duration Patience::standing(const Timing& timing, int failures) const {
  const Duration once = 3 * answer(timing) + std::min(round_trip_, answer(timing));
  return once * (1 + std::min(failures, failures_max));
}

Duration Patience::round(const Timing& timing) const { return 4 * answer(timing); }

RoundDecision decide(const Round& round, const RoundContext& context, Time now) {
  RoundDecision decision;
  bool waits = false;
  const auto wait_until = [&](Time at) {
    if (now >= at) return;
    waits = true;
    decision.again = std::min(decision.again, at);
  };

  for (const HostId voter : context.members.voters()) {
    if (voter == context.self) continue;
    const auto answer = round.answers.find(voter);
    const bool answered = answer != round.answers.end();
    if (!answered && voter < context.self && voter != context.just_expired)
      wait_until(round.at + context.patience.answer(context.timing));
  }
  // Each that stands gets its time, one after the other: so two that wait for the same one do not
  // collide.
  int turn = 0;
  const Duration patience = context.patience.standing(context.timing, context.failures);
  for (const auto& [voter, since] : context.stood)
    if (voter < context.self) wait_until(since + ++turn * patience);

  const Time over = round.at + context.patience.round(context.timing);
  const bool agreed = context.members.majority([&](HostId voter) {
    const auto answer = round.answers.find(voter);
    const bool agrees = answer != round.answers.end() && answer->second != AnswerKind::leader;
    return voter == context.self || agrees;
  });
  if (!agreed) waits = true;
  decision.go = !waits;
  if (now < over) decision.again = std::min(decision.again, over);
  return decision;
}

}  // namespace cierzo::election
