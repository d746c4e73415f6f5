// The requests about one resource that the catalog has: stop, start, delete, scale, reset, outputs.
#include <algorithm>
#include <utility>

#include "agent/net/codec.hpp"
#include "agent/net/codec_api.hpp"
#include "agent/requests.hpp"
#include "resources/scaling.hpp"

namespace cierzo {
namespace {

api::ApiResponse ok(const api::ApplyAnswer& accepted) { return {200, api::to_json(accepted)}; }

api::ApiResponse no_resource(const Desired& desired, const ResourceName& name) {
  std::string known;
  for (const auto& [other, resource] : desired.resources())
    known += (known.empty() ? "" : ", ") + other.value;
  return api::not_found(
      "there is no resource " + name.value,
      known.empty() ? "nothing was applied yet: agentctl apply FILE" : "the catalog has: " + known);
}

// Not declared, but there is something of it that the site's recovery has left alone. (rule 22)
bool is_kept(const Leader& leader, const ResourceName& name) {
  const auto& kept = leader.kept();
  return std::any_of(kept.begin(), kept.end(),
                     [&](const Kept& one) { return one.resource == name; });
}

}  // namespace

// stop, start and delete: one word of the resource changes.
void Requests::ensure(Leader& leader, const api::Target& target, const api::Answer& answer) {
  const auto& resources = leader.desired().resources();
  const auto found = resources.find(target.name);
  std::vector<election::CatalogChange> changes;
  if (target.route == api::Route::remove) changes = leader.desired().settling(target.name);
  if (found == resources.end()) {
    if (changes.empty() || !is_kept(leader, target.name)) {
      return answer(no_resource(leader.desired(), target.name));
    }
    return write(std::move(changes), {{{target.name.value, "removed"}}, {}}, answer);
  }
  Resource resource = *found->second.resource;
  Ensure wanted = Ensure::running;
  if (target.route == api::Route::stop) wanted = Ensure::stopped;
  if (target.route == api::Route::remove) wanted = Ensure::absent;
  if (resource.ensure == Ensure::absent && wanted != Ensure::absent) {
    return answer(api::refused(resource.name.value + " is being deleted", {},
                               "wait until it is gone, then apply its manifest"));
  }
  api::ApplyAnswer accepted;
  if (resource.ensure == wanted) {
    accepted.changes.push_back({resource.name.value, "unchanged"});
    return answer(ok(accepted));
  }
  resource.ensure = wanted;
  accepted.changes.push_back(
      {resource.name.value, wanted == Ensure::absent ? "removed" : "changed"});
  changes.push_back({resource_key(resource.name), encode_resource(resource)});
  write(std::move(changes), std::move(accepted), answer);
}

void Requests::scale(Leader& leader, const api::Target& target, const std::string& body,
                     const api::Answer& answer) {
  auto parsed = api::from_json<api::ScaleRequest>(body);
  if (const auto* error = std::get_if<api::JsonError>(&parsed)) {
    return answer(api::usage("the request cannot be read: " + error->text));
  }
  const auto& resources = leader.desired().resources();
  const auto found = resources.find(target.name);
  if (found == resources.end()) return answer(no_resource(leader.desired(), target.name));
  const Resource& before = *found->second.resource;
  Resource resource = before;
  std::vector<std::string> mistakes =
      cierzo::scale(resource, *found->second.type, std::get<api::ScaleRequest>(parsed).roles,
                    loads_of(leader.world(), target.name));
  if (before.ensure == Ensure::absent) mistakes = {before.name.value + " is being deleted"};
  if (!mistakes.empty()) return answer(api::refused("nothing was changed", std::move(mistakes)));
  api::ApplyAnswer accepted;
  const bool same = resource == before;
  accepted.changes.push_back({resource.name.value, same ? "unchanged" : "changed"});
  if (same) return answer(ok(accepted));
  auto changes = leader.desired().settling(resource.name);
  changes.push_back({resource_key(resource.name), encode_resource(resource)});
  write(std::move(changes), std::move(accepted), answer);
}

// What was counted against its roles is forgotten, so that each is tried again at once. The plan
// does it: what is written here outlives this leader.
void Requests::reset(Leader& leader, const api::Target& target, const std::string& body,
                     const api::Answer& answer) {
  auto parsed = api::from_json<api::ResetRequest>(body);
  if (const auto* error = std::get_if<api::JsonError>(&parsed)) {
    return answer(api::usage("the request cannot be read: " + error->text));
  }
  const InstanceName only{std::get<api::ResetRequest>(parsed).instance};
  const auto& resources = leader.desired().resources();
  const auto found = resources.find(target.name);
  if (found == resources.end()) return answer(no_resource(leader.desired(), target.name));
  const auto& instances = found->second.instances;
  const bool known =
      only.value.empty() || std::any_of(instances.begin(), instances.end(),
                                        [&](const Instance& one) { return one.name == only; });
  if (!known) {
    std::string names;
    for (const Instance& one : instances) names += (names.empty() ? "" : ", ") + one.name.value;
    return answer(
        api::not_found(target.name.value + " has no instance " + only.value, "it has: " + names));
  }
  api::ApplyAnswer accepted;
  std::vector<election::CatalogChange> changes;
  for (const Breaker& breaker : breakers_to_reset(leader.world(), target.name, only)) {
    accepted.changes.push_back({breaker.instance.value + " " + breaker.role.value, "reset"});
    changes.push_back({breaker_key({breaker.instance, breaker.role}), encode_breaker(breaker)});
  }
  if (changes.empty()) {
    accepted.changes.push_back({only.value.empty() ? target.name.value : only.value, "unchanged"});
  }
  write(std::move(changes), std::move(accepted), answer);
}

// What its roles have said about themselves; of secrets, that there is one.
void Requests::outputs(Leader& leader, const api::Target& target, const api::Answer& answer) {
  const auto& resources = leader.desired().resources();
  const auto found = resources.find(target.name);
  if (found == resources.end()) return answer(no_resource(leader.desired(), target.name));
  api::OutputsView view;
  for (const auto& [key, outputs] : found->second.outputs) {
    const RoleType* role = found->second.type->role(key.second);
    for (const auto& [name, value] : outputs) {
      // What the type does not name any more may have been a secret.
      const auto declared =
          role ? role->outputs.find(name) : std::map<std::string, bool>::const_iterator{};
      const bool shown = role && declared != role->outputs.end() && !declared->second;
      view.outputs.push_back({key.first.value, key.second.value, name, shown ? value : "", !shown});
    }
  }
  answer({200, api::to_json(view)});
}

}  // namespace cierzo
