// The way of a request to whoever leads, and back. (rule 10)
#include <utility>

#include "agent/net/codec_api.hpp"
#include "agent/requests.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration leader_patience = 2s;  // An election takes less; so nobody is refused for one.
constexpr Duration leader_look = 50ms;
// For the answer, beyond what the leader shall wait with it; and so many leases: a change of the
// members may wait ten for those that it needs. (rule 23)
constexpr Duration forward_deadline = 10s;
constexpr int forward_leases = 11;
// A change is begun so long, and a lease, after the leader's last heartbeat before it was sent, or
// never: for the way, and for changes that are being stored. A lease, since that one may be as old.
constexpr Duration forward_valid = 3s;
static_assert(forward_valid < forward_deadline);  // Or it could be begun after "nobody knows".
constexpr int no_leader_status = 503;             // api::no_leader()
constexpr std::size_t forwards_max = 256;         // At once.
constexpr std::size_t forwards_kept = 4096;       // That were taken: a repeated one is known again.

bool only_here(api::Route route) {
  return route == api::Route::types || route == api::Route::version ||
         route == api::Route::health || route == api::Route::recover;
}

bool changes(api::Route route) {
  return route == api::Route::apply || route == api::Route::stop || route == api::Route::start ||
         route == api::Route::remove || route == api::Route::scale || route == api::Route::reset ||
         route == api::Route::confirm_lost || route == api::Route::members;
}

// As a leader answers what it will never begin; whoever forwarded it asks anew while it may.
api::ApiResponse too_late() {
  api::ErrorView view;
  view.error = "the request was on its way to the leader for too long: nothing was done";
  view.next = "try again";
  return {no_leader_status, api::to_json(view)};
}

}  // namespace

void Requests::handle(const api::ApiRequest& request, const api::Answer& answer) {
  const auto parsed = api::parse_target(request.method, request.target);
  if (const auto* refused = std::get_if<api::ApiResponse>(&parsed)) return answer(*refused);
  const auto& target = std::get<api::Target>(parsed);
  if (!only_here(target.route)) {
    return route(request, target, answer, executor_.now() + leader_patience);
  }
  if (target.route == api::Route::types) return answer({200, api::to_json(hooks_.types())});
  if (target.route == api::Route::recover) return recover(request.body, answer);
  answer({200, api::to_json(api::VersionView{software_, host_})});
}

// To the leader, wherever it is; while there is none, or it cannot answer yet, a moment's patience.
void Requests::route(const api::ApiRequest& request, const api::Target& target,
                     const api::Answer& answer, Time give_up) {
  // Woken late, after its client's patience perhaps.
  if (changes(target.route) && executor_.now() > give_up) return without_leader(target, answer);
  if (Leader* leader = hooks_.leader()) {
    const bool waits = changes(target.route) && hooks_.writing();
    if (!waits) return lead(*leader, request, target, answer);
  } else if (const auto elsewhere = hooks_.leader_elsewhere()) {
    return forward(*elsewhere, request, target, answer, give_up);
  }
  route_again(request, target, answer, give_up);
}

void Requests::route_again(const api::ApiRequest& request, const api::Target& target,
                           const api::Answer& answer, Time give_up) {
  if (executor_.now() >= give_up) return without_leader(target, answer);
  executor_.after(leader_look, [this, request, target, answer, give_up] {
    route(request, target, answer, give_up);
  });
}

void Requests::forward(HostId leader, const api::ApiRequest& request, const api::Target& target,
                       const api::Answer& answer, Time give_up) {
  const auto beat = hooks_.newest_beat();
  const bool heard = beat && beat->term.owner == leader;
  if (!heard || waiting_.size() >= forwards_max) {
    return route_again(request, target, answer, give_up);
  }
  const std::string id = hooks_.fresh_id();
  const Forward message{id,
                        request.method,
                        request.target,
                        request.body,
                        beat->term,
                        beat->at,
                        forward_valid + hooks_.lease()};
  if (!hooks_.send(leader, message)) return route_again(request, target, answer, give_up);
  waiting_[id] = {beat->term, request, target, answer, give_up};
  executor_.after(forward_deadline + forward_leases * hooks_.lease() + target.wait,
                  [this, id, target] {
                    const auto found = waiting_.find(id);
                    if (found == waiting_.end()) return;
                    const api::Answer late = std::move(found->second.answer);
                    waiting_.erase(found);
                    if (!changes(target.route)) return without_leader(target, late);
                    late(api::outcome_unknown("the leader has not answered"));
                  });
}

void Requests::forwarded(HostId from, const Forward& forward) {
  const api::Answer answer = [this, from, id = forward.id](const api::ApiResponse& response) {
    hooks_.send(from, ForwardAnswer{id, response.status, response.body});
  };
  // One that arrives again, late, would undo what was asked for since: a delete, what was applied.
  // So would one that was refused here at first, and that its sender has sent under another id.
  if (!forwards_seen_.insert({from, forward.id}).second) return;
  forwards_order_.push_back({from, forward.id});
  if (forwards_order_.size() > forwards_kept) {
    forwards_seen_.erase(forwards_order_.front());
    forwards_order_.pop_front();
  }
  if (hooks_.leader() == nullptr) return answer(api::no_leader(hooks_.who_is_missing()));
  if (forward.method == "HOLD") {
    // An agent of an earlier version names no heartbeat; its host shall be held when it is
    // upgraded.
    const bool in_time = forward.term == Term{} || hooks_.in_time(forward);
    return in_time ? hold(from, forward.body, answer) : answer(too_late());
  }
  const auto parsed = api::parse_target(forward.method, forward.target);
  if (const auto* refused = std::get_if<api::ApiResponse>(&parsed)) return answer(*refused);
  begin(from, forward, std::get<api::Target>(parsed), answer);
}

// A change waits while another is stored, but never beyond its time; and it is not sent on to the
// next leader: its sender knows nothing of that one, and asks it itself.
void Requests::begin(HostId from, const Forward& forward, const api::Target& target,
                     const api::Answer& answer) {
  Leader* leader = hooks_.leader();
  if (leader == nullptr) return answer(api::no_leader(hooks_.who_is_missing()));
  const api::ApiRequest request{forward.method, forward.target, forward.body, 0, 0};
  if (!changes(target.route)) return lead(*leader, request, target, answer);
  if (!hooks_.in_time(forward)) return answer(too_late());
  if (!hooks_.writing()) return lead(*leader, request, target, answer);
  executor_.after(leader_look,
                  [this, from, forward, target, answer] { begin(from, forward, target, answer); });
}

void Requests::forward_answered(HostId from, const ForwardAnswer& message) {
  const auto found = waiting_.find(message.id);
  if (found == waiting_.end() || found->second.leader.owner != from) return;
  const Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  // It did not lead any more, or not yet.
  const bool again = message.status == no_leader_status && executor_.now() < waiting.give_up;
  if (again) return route_again(waiting.request, waiting.target, waiting.answer, waiting.give_up);
  waiting.answer({message.status, message.body});
}

void Requests::leader_changed() {
  const auto leader = hooks_.leader_term();
  std::vector<Waiting> stale;
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    const bool still = leader && entry->second.leader == *leader;
    if (still || (!leader && changes(entry->second.target.route))) {
      ++entry;
      continue;
    }
    stale.push_back(std::move(entry->second));
    entry = waiting_.erase(entry);
  }
  for (const Waiting& waiting : stale) {
    if (!changes(waiting.target.route)) {
      route(waiting.request, waiting.target, waiting.answer, executor_.now() + leader_patience);
    } else {
      waiting.answer(api::outcome_unknown("the leader changed before it answered"));
    }
  }
}

}  // namespace cierzo
