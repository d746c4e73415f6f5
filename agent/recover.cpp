// agentctl site recover: makes the site anew from this host's state, where no majority of voters
// with state is left. (rule 22)
#include <algorithm>

#include "agent/membership.hpp"
#include "agent/net/codec_api.hpp"
#include "agent/requests.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration leads_within = 5s;  // It votes alone: it has only to write that down.
constexpr Duration look = 20ms;

std::string refusal(election::RecoveryRefusal why, const std::vector<std::string>& others) {
  std::string names;
  for (const std::string& name : others) names += (names.empty() ? "" : ", ") + name;
  switch (why) {
    case election::RecoveryRefusal::no_vote:
      return "this host does not vote, or has lost its state: recover on a voter that has its own; "
             "where none has, start a new site: stop the agents of all hosts, on each of them rm "
             "/var/lib/cierzo/state.db* (in the folder that its configuration calls state), and "
             "start them";
    case election::RecoveryRefusal::led:
      return "there is a leader, so nothing is to be recovered; see: agentctl hosts";
    case election::RecoveryRefusal::led_lately:
      return "this host was led, or its agent started, less than a permit ago: try again in some "
             "seconds, if there is no leader then";
    case election::RecoveryRefusal::others_suffice:
      return names +
             " could elect a leader without this host: bring them back, or say which hosts are "
             "gone for good, or have lost their state: --lost HOST";
  }
  return {};
}

std::string described(const Stamp& stamp, const election::Members& members) {
  if (stamp == Stamp{}) return "nothing was ever stored";
  return "change " + std::to_string(stamp.sequence) + " of term " +
         std::to_string(stamp.term.counter) + " by " + members.name(stamp.term.owner);
}

}  // namespace

void Requests::recover(const std::string& body, const api::Answer& answer) {
  auto parsed = api::from_json<api::RecoverRequest>(body);
  if (const auto* error = std::get_if<api::JsonError>(&parsed)) {
    return answer(api::usage("the request cannot be read: " + error->text));
  }
  const auto& request = std::get<api::RecoverRequest>(parsed);
  const election::Members members = hooks_.members();
  RecoveryJudged judged = judge_recovery(request, members, host_);
  const std::string failed = "recover on " + host_ + ": nothing was changed";
  if (!judged.mistakes.empty()) {
    return answer(api::refused(failed, std::move(judged.mistakes), "see: agentctl hosts"));
  }
  if (const auto why = hooks_.recovery_refused(judged.lost)) {
    std::vector<std::string> voters;
    for (const HostId id : members.voters()) {
      const std::string name = members.name(id);
      if (name != host_ && !judged.lost.contains(id)) voters.push_back(name);
    }
    return answer(api::refused(failed, {refusal(*why, voters)}));
  }
  api::RecoverView view;
  view.host = host_;
  view.catalog = described(hooks_.stored(), members);
  view.lost = judged.names_lost;
  view.others = judged.names_others;
  std::string text = api::to_json(view);
  if (request.dry_run) return answer({200, std::move(text)});
  hooks_.recover({hooks_.fresh_id(), std::move(judged.members), std::move(judged.lost)});
  recovered(std::move(text), answer, executor_.now() + leads_within);
}

// Answered when it leads: then what it has become is on disk.
void Requests::recovered(std::string text, const api::Answer& answer, Time give_up) {
  if (hooks_.leader() != nullptr) return answer({200, std::move(text)});
  if (executor_.now() >= give_up) {
    return answer(api::outcome_unknown("this host does not lead yet"));
  }
  executor_.after(look, [this, text = std::move(text), answer, give_up]() mutable {
    recovered(std::move(text), answer, give_up);
  });
}

}  // namespace cierzo
