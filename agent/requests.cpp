#include "agent/requests.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "agent/declared.hpp"
#include "agent/membership.hpp"
#include "agent/net/codec.hpp"
#include "agent/net/codec_api.hpp"
#include "agent/net/transport.hpp"
#include "agent/site_view.hpp"
#include "manifests/nearest.hpp"
#include "resources/world_index.hpp"

namespace cierzo {
namespace {

constexpr int outcome_unknown_status = 504;  // api::outcome_unknown()

api::ApiResponse ok(std::string body) { return {200, std::move(body)}; }

// What a write's outcome means to whoever asked for it; `body` answers where it is stored.
WriteDone answer_when_stored(std::string body, const api::Answer& answer) {
  return [body = std::move(body), answer](WriteOutcome outcome, const std::string& why) {
    switch (outcome) {
      case WriteOutcome::committed:
        return answer(ok(body));
      case WriteOutcome::unknown:
        return answer(api::outcome_unknown(why));
      case WriteOutcome::refused:
        return answer(api::no_leader(why));
      case WriteOutcome::busy:
        return answer(api::refused("too many changes are being stored", {}, "try again"));
      case WriteOutcome::rejected:
        return answer(api::refused(why, {}, "see who answers with: agentctl hosts"));
    }
  };
}

// Hosts that an administrator says are down. One that is alive is not: whoever names it has the
// wrong one before him.
struct Confirmed {
  std::vector<HostId> all, fresh;  // fresh: those that nobody has confirmed yet.
  api::ConfirmView view;
  std::vector<std::string> mistakes;
};

Confirmed to_confirm(const std::vector<std::string>& names, const std::vector<HostFacts>& hosts) {
  Confirmed made;
  std::vector<std::string> known;
  for (const HostFacts& host : hosts) known.push_back(host.name);
  if (names.empty()) made.mistakes.push_back("no host is named");
  for (const std::string& name : std::set<std::string>(names.begin(), names.end())) {
    const auto host = std::find_if(hosts.begin(), hosts.end(),
                                   [&](const HostFacts& one) { return one.name == name; });
    if (host == hosts.end()) {
      const auto near = manifests::nearest(name, known);
      made.mistakes.push_back(name + ": is no host of this site" +
                              (near ? "; did you mean '" + *near + "'?" : "; see: agentctl hosts"));
      continue;
    }
    if (host->state == HostState::alive || host->returning) {
      made.mistakes.push_back(name + ": is alive: it answers. To take it out of service stop its " +
                              "agent (systemctl stop agentd), which holds it");
      continue;
    }
    made.all.push_back(host->id);
    if (!host->confirmed_lost) made.fresh.push_back(host->id);
    made.view.hosts.push_back({name, host->confirmed_lost ? "unchanged" : "confirmed"});
    if (host->state == HostState::held) {
      made.view.warnings.push_back(
          name + " is held: its agent was stopped while its VMs ran, and no " + "guard stops them");
    }
  }
  return made;
}

// What a lost host may run all the same. One that this leader never heard may run anything that is
// declared so. (rule 14)
std::set<std::string> unproven_on(const World& world, const HostView& lost) {
  std::set<std::string> names;
  for (const Observed& observed : world.observed) {
    const bool ran = observed.host == lost.id && observed.presence != Presence::absent;
    if (ran && may_run_on(lost, observed.on_isolation, observed.disk)) {
      names.insert(observed.name.value);
    }
  }
  if (lost.inventory_known) return names;
  for (const DesiredResource& desired : world.desired) {
    for (const Instance& instance : desired.instances) {
      if (may_run_on(lost, instance.on_isolation, instance.disk)) names.insert(instance.name.value);
    }
  }
  return names;
}

HostTies ties_of(const World& world, HostId host) {
  HostTies ties;
  std::set<std::string> names;
  for (const HostView& view : world.hosts) {
    if (view.id != host) continue;
    ties.lost = view.state == HostState::lost;
    ties.alive = view.state == HostState::alive && view.inventory_known && view.hypervisor_answers;
    if (!ties.lost) continue;
    names = unproven_on(world, view);
    ties.instances.assign(names.begin(), names.end());
    return ties;
  }
  for (const Observed& observed : world.observed) {
    const bool there = observed.presence != Presence::absent || observed.overlay;
    if (observed.host == host && there) names.insert(observed.name.value);
  }
  for (const InFlight& sent : world.in_flight) {
    if (sent.action.on == host) names.insert(sent.action.instance.value);
  }
  ties.instances.assign(names.begin(), names.end());
  return ties;
}

}  // namespace

Requests::Requests(Executor& executor, Events& events, std::string software, std::string host,
                   RequestHooks hooks)
    : executor_(executor),
      events_(events),
      software_(std::move(software)),
      host_(std::move(host)),
      hooks_(std::move(hooks)) {}

// Reads show what this host knows itself, labelled as such; everything else is refused. (rule 21)
void Requests::without_leader(const api::Target& target, const api::Answer& answer) {
  if (target.route == api::Route::status || target.route == api::Route::hosts) {
    return answer(ok(api::to_json(status_view(target))));
  }
  if (target.route == api::Route::events) {
    return answer(ok(api::to_json(events_.after(target.after))));
  }
  answer(api::no_leader(hooks_.who_is_missing()));
}

api::StatusView Requests::status_view(const api::Target& target) const {
  api::StatusView view;
  view.hosts = hooks_.hosts();
  Leader* leader = hooks_.leader();
  if (leader != nullptr) {
    view.leader = hooks_.leader_view();
    view.brake = leader->brake().reason;
  } else {
    view.local_view = true;
    view.no_leader = hooks_.who_is_missing();
  }
  if (target.route == api::Route::hosts) return view;
  const auto status = leader != nullptr ? leader->status() : hooks_.local_status();
  view.resources = resource_rows(status, hooks_.host_facts());
  return view;
}

void Requests::lead(Leader& leader, const api::ApiRequest& request, const api::Target& target,
                    const api::Answer& answer) {
  switch (target.route) {
    case api::Route::status:
    case api::Route::hosts:
      return answer(ok(api::to_json(status_view(target))));
    case api::Route::events:
      return events(target, answer);
    case api::Route::plan:
      return plan(leader, request.body, answer);
    case api::Route::apply:
      return apply(leader, request.body, answer);
    case api::Route::stop:
    case api::Route::start:
    case api::Route::remove:
      return ensure(leader, target, answer);
    case api::Route::scale:
      return scale(leader, target, request.body, answer);
    case api::Route::reset:
      return reset(leader, target, request.body, answer);
    case api::Route::outputs:
      return outputs(leader, target, answer);
    case api::Route::confirm_lost:
      return confirm_lost(leader, request.body, answer);
    case api::Route::members:
      return members(leader, request.body, answer);
    case api::Route::types:
    case api::Route::version:
    case api::Route::health:
    case api::Route::recover:
      return answer(api::not_found("the leader is not asked for this"));
  }
}

void Requests::events(const api::Target& target, const api::Answer& answer) {
  api::EventsView view = events_.after(target.after);
  if (!view.events.empty() || target.wait <= Duration::zero())
    return answer(ok(api::to_json(view)));
  // Whichever comes first: the answer may be given twice, the second does nothing.
  const auto now = [this, after = target.after, answer] {
    answer(ok(api::to_json(events_.after(after))));
  };
  const std::uint64_t waiting = events_.on_next(now);
  executor_.after(target.wait, [this, waiting, now] {
    events_.forget(waiting);
    now();
  });
}

void Requests::plan(Leader& leader, const std::string& body, const api::Answer& answer) {
  Declared request;
  if (!body.empty()) {
    auto parsed = api::from_json<api::ApplyRequest>(body);
    if (const auto* error = std::get_if<api::JsonError>(&parsed)) {
      return answer(api::usage("the request cannot be read: " + error->text));
    }
    request = declared(std::get<api::ApplyRequest>(parsed), leader.desired(), hooks_.addresses(),
                       leader.world(), hooks_.fresh_secret);
  }
  if (!request.mistakes.empty()) {
    return answer(api::refused("this cannot be planned", std::move(request.mistakes)));
  }
  const Plan planned = cierzo::plan(leader.world(request.resources));
  api::PlanView view = plan_view(planned, hooks_.host_facts());
  view.warnings = std::move(request.warnings);
  answer(ok(api::to_json(view)));
}

void Requests::apply(Leader& leader, const std::string& body, const api::Answer& answer) {
  auto parsed = api::from_json<api::ApplyRequest>(body);
  if (const auto* error = std::get_if<api::JsonError>(&parsed)) {
    return answer(api::usage("the request cannot be read: " + error->text));
  }
  Declared request = declared(std::get<api::ApplyRequest>(parsed), leader.desired(),
                              hooks_.addresses(), leader.world(), hooks_.fresh_secret);
  if (!request.mistakes.empty()) {
    return answer(api::refused("nothing was changed", std::move(request.mistakes)));
  }
  api::ApplyAnswer accepted;
  accepted.warnings = std::move(request.warnings);
  std::map<std::string, std::string> values;
  for (const DesiredResource& resource : request.resources) {
    const Resource& changed = *resource.resource;
    for (auto& change : leader.desired().settling(changed.name)) {
      values[change.key] = std::move(*change.value);
    }
    const auto before = leader.desired().resources().find(changed.name);
    const bool known = before != leader.desired().resources().end();
    if (known && *before->second.resource == changed) {
      accepted.changes.push_back({changed.name.value, "unchanged"});
      continue;
    }
    accepted.changes.push_back({changed.name.value, known ? "changed" : "created"});
    values[resource_key(changed.name)] = encode_resource(changed);
    if (const auto files = request.type_files.find(changed.type_digest);
        files != request.type_files.end() && !leader.desired().type(changed.type_digest)) {
      values[type_key(changed.type_digest)] = encode_type_files(files->second);
    }
  }
  std::vector<election::CatalogChange> changes;
  for (auto& [key, value] : values) changes.push_back({key, std::move(value)});
  write(std::move(changes), std::move(accepted), answer);
}

void Requests::write(std::vector<election::CatalogChange> changes, api::ApplyAnswer accepted,
                     const api::Answer& answer) {
  if (changes.empty()) return answer(ok(api::to_json(accepted)));
  // A whole catalog must fit into one message, or no new leader could ever recover it. (rule 5)
  std::size_t bytes = hooks_.catalog_bytes();
  for (const election::CatalogChange& change : changes) {
    bytes += change.key.size() + change.value.value_or("").size();
  }
  if (bytes > catalog_bytes_max) {
    return answer(api::refused("the catalog would grow beyond " +
                                   std::to_string(catalog_bytes_max / (1024 * 1024)) + " MiB",
                               {}, "delete resources that are not needed: agentctl delete NAME"));
  }
  hooks_.write(std::move(changes), answer_when_stored(api::to_json(accepted), answer));
}

// An administrator says that these hosts are really down: all of them are noted, or none.
void Requests::confirm_lost(Leader& leader, const std::string& body, const api::Answer& answer) {
  auto parsed = api::from_json<api::ConfirmRequest>(body);
  if (const auto* error = std::get_if<api::JsonError>(&parsed)) {
    return answer(api::usage("the request cannot be read: " + error->text));
  }
  const auto& request = std::get<api::ConfirmRequest>(parsed);
  const std::vector<HostFacts> hosts = hooks_.host_facts();
  Confirmed confirmed = to_confirm(request.hosts, hosts);
  if (!confirmed.mistakes.empty()) {
    return answer(api::refused("nothing was changed", std::move(confirmed.mistakes)));
  }
  confirmed.view.actions = plan_view(leader.plan_without(confirmed.all), hosts).actions;
  std::erase_if(confirmed.view.actions,
                [](const api::ActionRow& row) { return row.action != "start"; });
  std::string text = api::to_json(confirmed.view);
  if (request.dry_run || confirmed.fresh.empty()) return answer(ok(std::move(text)));
  hooks_.confirm_lost(confirmed.fresh, answer_when_stored(std::move(text), answer));
}

void Requests::members(Leader& leader, const std::string& body, const api::Answer& answer) {
  auto parsed = api::from_json<api::HostChange>(body);
  if (const auto* error = std::get_if<api::JsonError>(&parsed)) {
    return answer(api::usage("the request cannot be read: " + error->text));
  }
  const auto& change = std::get<api::HostChange>(parsed);
  const World world = leader.world();
  MembersJudged judged = judge_change(change, hooks_.members(),
                                      [&world](HostId host) { return ties_of(world, host); });
  if (!judged.mistakes.empty()) {
    return answer(api::refused(change.action + " " + change.name + ": nothing was changed",
                               std::move(judged.mistakes), judged.next));
  }
  api::ApplyAnswer accepted;
  accepted.changes.push_back({change.name, judged.done});
  accepted.warnings = std::move(judged.warnings);
  if (judged.done == "unchanged") return answer(ok(api::to_json(accepted)));
  hooks_.change_members(std::move(judged.members), judged.leaves,
                        answer_when_stored(api::to_json(accepted), answer));
}

// The mark names the agent's run: only a later start of it ends the mark. (rule 14)
void Requests::hold(HostId host, const std::string& asked_by, const api::Answer& answer) {
  const std::string run = hooks_.held_run(host);
  if (run.empty()) return answer(api::refused("this host has not reported to this leader", {}));
  // An agent of an earlier version does not say which run it is.
  if (!asked_by.empty() && asked_by != run) {
    return answer(api::refused("the agent of this host was started again since", {}));
  }
  HeldRecord held;
  if (const Leader* leader = hooks_.leader()) held.instances = leader->may_hold(host);
  // It speaks, so whatever proved its loss is void; left there it would end what is written now.
  write({{election::held_key(host), run},
         {held_instances_key(host), encode_held(held)},
         {election::lost_key(host), std::nullopt}},
        {}, answer);
}

void Requests::hold_self(std::function<void(Hold)> done) {
  const api::Answer answer = [done = std::move(done)](const api::ApiResponse& response) {
    done(response.status == 200                      ? Hold::held
         : response.status == outcome_unknown_status ? Hold::unknown
                                                     : Hold::refused);
  };
  const std::string run = hooks_.own_run();
  if (hooks_.leader() != nullptr) {
    if (const auto view = hooks_.leader_view()) return hold(HostId{view->id}, run, answer);
  }
  const auto elsewhere = hooks_.leader_elsewhere();
  if (!elsewhere) return answer(api::no_leader(hooks_.who_is_missing()));
  const api::Target target{api::Route::stop, {}, 0, {}};
  forward(*elsewhere, {"HOLD", "/v1/hosts/self", run, 0, 0}, target, answer, executor_.now());
}

}  // namespace cierzo
