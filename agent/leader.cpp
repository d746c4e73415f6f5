#include "agent/leader.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration coalesce = 5ms;  // Between two plans: several reports make one.
// The same for each instance: however large the site, planning takes a small part of a core.
constexpr Duration coalesce_per_instance = 20us;
constexpr std::size_t said_max = 256;      // Of each host.
constexpr Duration send_again_after = 1s;  // A command that no report knows of was lost on the way.
constexpr Duration image_patience = 3s;    // Until every host has said whether it has an image.

}  // namespace

Leader::Leader(Executor& executor, Term term, Duration converge, LeaderHooks hooks)
    : executor_(executor),
      hooks_(std::move(hooks)),
      converge_every_(converge),
      ledger_(term),
      term_(term) {}

Leader::~Leader() = default;

void Leader::start(const election::Catalog& catalog) {
  desired_.update(catalog);
  catalog_changed(catalog);
}

void Leader::catalog_changed(const election::Catalog& catalog) {
  const auto breakers = desired_.breakers();
  const auto outputs = outputs_of(desired_);
  desired_.update(catalog);
  tell_breakers(breakers);
  tell_outputs(outputs);
  desired_changed_ = true;
  for (const std::string& mistake : desired_.mistakes()) {
    if (mistakes_.insert(mistake).second) hooks_.event("resource", "", mistake);
  }
  types_stored_.clear();
  const std::string types = type_key("");
  for (auto entry = catalog.entries.lower_bound(types);
       entry != catalog.entries.end() && entry->first.starts_with(types); ++entry) {
    types_stored_.insert(entry->first.substr(types.size()));
  }
  std::set<std::string> images;
  for (const auto& [name, resource] : desired_.resources()) {
    for (const Instance& instance : resource.instances) {
      if (instance.image.starts_with('/')) images.insert(instance.image);
    }
  }
  images_wanted_.assign(images.begin(), images.end());
  for (const std::string& image : images) {
    images_awaited_.emplace(image, executor_.now() + image_patience);
  }
  std::erase_if(images_awaited_, [&](const auto& entry) { return !images.contains(entry.first); });
  for (const HostFacts& host : hooks_.hosts()) {
    names_[host.id] = host.name;
    want_report(host.id, inventory_.digest(host.id));
  }
  converge_soon();
}

void Leader::report(const Report& report) {
  // One that was said before the host's permit was interrupted may miss what was sent before that,
  // too.
  if (report.term != term_ || report.permit_spell < hooks_.permit_spell(report.host)) return;
  Newest& newest = newest_[report.host];
  if (newest.process == report.process && report.number < newest.number) return;
  newest = {report.process, report.number};
  inventory_.take(report, executor_.now());
  // What it obeyed may have an effect that it cannot see yet.
  if (!report.surveyed) return converge_soon();
  refused_.erase(report.host);
  ledger_.inventory(report.host, report.executed.term, report.executed.sequence);
  const auto& open = ledger_.outstanding(report.host);
  std::erase_if(sent_[report.host],
                [&open](const auto& sent) { return !open.contains(sent.first); });
  converge_soon();
}

void Leader::want_report(HostId host, const std::string& digest) {
  const Report* report = inventory_.of(host);
  const bool told = report != nullptr && inventory_.digest(host) == digest &&
                    report->images_asked == images_wanted_;
  if (!told) hooks_.send(host, ReportRequest{images_wanted_});
}

void Leader::result(HostId host, const CommandResult& result) {
  if (result.id.term != term_ || result.ok) return;
  auto& said = said_[host];
  if (const auto found = said.find(result.id.sequence); found != said.end()) {
    std::string text = (result.refused ? "refused: " : "failed: ") + found->second.what;
    // Where the reason is the failure of the last time, the same one needs no second mention.
    if (!text.ends_with(result.error)) text += ": " + result.error;
    hooks_.event("action", found->second.subject, text);
    said.erase(found);
  }
  if (!result.refused) return;
  // It was not begun, and never will be: a stretch of permits does not come back (rule 17). What it
  // was planned from is out of date: nothing more for that host before it has reported again.
  ledger_.answered(host, result.id.sequence);
  sent_[host].erase(result.id.sequence);
  refused_.insert(host);
  hooks_.send(host, ReportRequest{images_wanted_});
  converge_soon();
}

void Leader::host_changed(HostId host, HostState state) {
  if (state == HostState::lost) {
    // What was sent stays listed: of a lost host, too, the plan asks what it may still run. (rule
    // 14)
    lost_.insert(host);
    ledger_.lost(host);
  } else if (lost_.erase(host) > 0) {
    inventory_.forget(host);
  }
  converge_soon();
}

void Leader::host_heard(HostId host, const std::string& boot, const std::string& state_id,
                        const std::string& run) {
  if (withheld_.contains(host) && hooks_.permit_spell(host) != 0) converge_soon();
  const Report* report = inventory_.of(host);
  if (report == nullptr) return;
  const bool same_boot = report->boot == boot && report->state_id == state_id;
  if (same_boot && report->process == run) return;
  if (!same_boot) {
    // Commands for the earlier boot will never be obeyed.
    ledger_.lost(host);
    sent_.erase(host);
  }
  inventory_.forget(host);
  hooks_.send(host, ReportRequest{images_wanted_});
  converge_soon();
}

std::vector<InstanceName> Leader::may_hold(HostId host) const {
  std::set<InstanceName> names;
  if (const Report* report = inventory_.of(host)) {
    for (const Observed& seen : report->instances) {
      if (seen.presence != Presence::absent || seen.overlay) names.insert(seen.name);
    }
    for (const Unfinished& unfinished : report->unfinished)
      names.insert(unfinished.action.instance);
  }
  if (const auto sent = sent_.find(host); sent != sent_.end()) {
    for (const auto& [number, command] : sent->second) {
      names.insert(command.command.action.instance);
    }
  }
  return {names.begin(), names.end()};
}

std::string Leader::host_name(HostId host) const {
  const auto found = names_.find(host);
  return found == names_.end() ? "host " + std::to_string(host.value) : found->second;
}

World Leader::world(const std::vector<DesiredResource>& changed) const {
  World world;
  std::map<ResourceName, DesiredResource> desired = desired_.resources();
  for (const DesiredResource& resource : changed) {
    desired.insert_or_assign(resource.resource->name, resource);
  }
  for (auto& [name, resource] : desired) world.desired.push_back(std::move(resource));
  observe(world);
  return world;
}

// All of it but what is desired.
void Leader::observe(World& world) const {
  world.now = executor_.now();
  world.unreadable = desired_.unreadable();
  world.breakers = desired_.breakers();
  world.recovered = desired_.recovered();
  world.images_awaited = images_awaited_;
  world.brake_share = hooks_.brake_share;
  world.starts_max = hooks_.starts_max;
  const std::vector<HostFacts> hosts = hooks_.hosts();
  world.hosts = inventory_.views(hosts);
  world.observed = inventory_.observed(hosts, std::move(world.observed));
  world.in_flight.clear();
  for (const auto& [host, commands] : sent_) {
    for (const auto& [number, sent] : commands) {
      world.in_flight.push_back({sent.command.action, sent.command.id});
    }
  }
  // What an earlier leader had begun is under way as well, until its host says otherwise. (rule 17)
  for (const HostFacts& host : hosts) {
    const Report* report = inventory_.of(host.id);
    if (report == nullptr) continue;
    for (const Unfinished& unfinished : report->unfinished) {
      const auto mine = sent_.find(host.id);
      const bool listed = unfinished.id.term == term_ && mine != sent_.end() &&
                          mine->second.contains(unfinished.id.sequence);
      if (!listed) world.in_flight.push_back({unfinished.action, unfinished.id});
    }
  }
}

std::vector<ResourceStatus> Leader::status() const {
  const World now = world();
  return cierzo::status(now, plan(now));
}

Plan Leader::plan_without(const std::vector<HostId>& hosts) const {
  World assumed = world();
  const bool braked = cierzo::brake(assumed.hosts, assumed.brake_share).on;
  for (HostView& host : assumed.hosts) {
    if (std::find(hosts.begin(), hosts.end(), host.id) == hosts.end()) continue;
    host.state = HostState::lost;
    host.lost_proof = LostProof::proven;
    host.confirmed_lost = true;
    host.in_brake = braked;
  }
  return plan(assumed);
}

Brake Leader::brake() const {
  return cierzo::brake(inventory_.views(hooks_.hosts()), hooks_.brake_share);
}

void Leader::converge_soon() {
  if (converge_pending_) return;
  converge_pending_ = true;
  // At once where there was no plan lately: a single report must not wait for company.
  const Duration rest =
      coalesce + coalesce_per_instance * static_cast<std::int64_t>(world_.observed.size());
  const Duration pause = converged_at_ + rest - executor_.now();
  executor_.after(std::max(pause, Duration::zero()), [this, weak = std::weak_ptr<bool>(alive_)] {
    if (!weak.lock()) return;
    converge_pending_ = false;
    converged_at_ = executor_.now();
    converge();
  });
}

void Leader::converge() {
  if (!hooks_.may_act()) return;
  // Of a large site most is desired, and that seldom changes.
  if (std::exchange(desired_changed_, false)) world_.desired = desired_.list();
  observe(world_);
  const World& now = world_;
  const Plan planned = plan(now);
  withheld_.clear();
  for (const Action& action : planned.actions) issue(action);
  send_again();
  forget_stopped(now);
  write_breakers(planned);
  write_outputs(planned);
  tell_brake(planned);
  tell_kept(planned);
  if (hooks_.prove_lost) hooks_.prove_lost(planned.proof_wanted);
  tell_changes(cierzo::status(now, planned));
  look_again(planned);
}

void Leader::issue(const Action& action) {
  const Report* report = inventory_.of(action.on);
  const std::uint64_t spell = hooks_.permit_spell(action.on);
  if (report == nullptr || refused_.contains(action.on) || !hooks_.may_act()) return;
  // It would be refused. Its report may well be here before the acknowledgement that tells of its
  // permit, and may be the last for long: that acknowledgement makes the next plan.
  if (spell == 0) {
    withheld_.insert(action.on);
    return;
  }
  Command command;
  command.action = action;
  if (auto* start = std::get_if<StartVm>(&command.action.work)) {
    start->incarnation = ledger_.next_incarnation();
  } else if (auto* resume = std::get_if<Resume>(&command.action.work)) {
    if (!renew(action.instance, *resume)) return;
  }
  const auto header = ledger_.issue(action.on, report->boot, report->state_id, spell);
  command.id = header.stamp();
  command.boot = header.boot;
  command.state_id = header.state_id;
  command.permit_spell = header.permit_spell;
  sent_[action.on][header.number] = {command, executor_.now()};
  const bool starts = std::holds_alternative<StartVm>(action.work);
  const bool attends = std::holds_alternative<Attend>(action.work);
  const auto* script = std::get_if<RunScript>(&action.work);
  // Asked every few seconds; that the instance drains is told once, and that it has not drained yet
  // is no failure.
  const bool asks = script != nullptr && script->kind == ScriptKind::drain;
  if (!asks) remember(action.on, header.number, command.action);
  if (!asks && !attends) {
    hooks_.event(starts ? "start" : "action", action.instance.value,
                 to_string(action, host_name(action.on)));
  }
  hooks_.send(action.on, command);
}

// Results come after reports, when the command is not listed any more.
void Leader::remember(HostId host, std::uint64_t number, const Action& action) {
  auto& said = said_[host];
  said[number] = {action.instance.value, to_string(action, host_name(host))};
  if (said.size() > said_max) said.erase(said.begin());
}

// A command is sent again under its own number: whoever has seen it knows that. (rule 17)
void Leader::send_again() {
  const Time now = executor_.now();
  for (auto& [host, commands] : sent_) {
    const Report* report = inventory_.of(host);
    if (lost_.contains(host)) continue;
    for (auto& [number, sent] : commands) {
      const bool known = report != nullptr && report->executed >= sent.command.id;
      if (known || now - sent.at < send_again_after) continue;
      sent.at = now;
      hooks_.send(host, sent.command);
    }
  }
}

void Leader::look_again(const Plan& plan) {
  const Time now = executor_.now();
  Time next = now + converge_every_;
  if (plan.look_again) next = std::min(next, *plan.look_again);
  for (const auto& [host, commands] : sent_) {
    if (!commands.empty()) next = std::min(next, now + send_again_after);
  }
  const unsigned number = ++looks_;
  executor_.after(std::max<Duration>(next - now, coalesce),
                  [this, weak = std::weak_ptr<bool>(alive_), number] {
                    if (weak.lock() && number == looks_) converge();
                  });
}

}  // namespace cierzo
