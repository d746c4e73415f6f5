#include "agent/worker.hpp"

#include <algorithm>
#include <utility>

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration survey_every = 2s;     // A safety net: events tell at once.
constexpr Duration survey_deadline = 5s;  // After which what runs here is unknown. (rule 18)
constexpr const char* no_reply = "no reply within 5 s";
constexpr Duration coalesce = 10ms;    // Between two reports: several changes make one.
constexpr Duration early_end = 20s;    // After a start: less than a useful VM lives.
constexpr Duration failure_kept = 1h;  // Of an instance that is not here any more.
constexpr std::uint64_t free_memory_step_kib = 64 * 1024;  // Reports do not follow every page.

// What matters to a new leader of a command under way: never texts, inputs or secrets.
Action without_texts(Action action) {
  if (auto* run = std::get_if<RunScript>(&action.work)) {
    run->text.clear();
    run->input = ScriptInput{};
  } else if (auto* attend = std::get_if<Attend>(&action.work)) {
    attend->checks.clear();
  } else if (auto* start = std::get_if<StartVm>(&action.work)) {
    start->instance.domain_template.clear();
  }
  return action;
}

// Gives the guard every process that it does not hold yet. False: there is one that it could not
// take, or that is not known: whether that one runs nobody can say. (rule 18)
bool hand_over(const Survey& survey, Guard& guard) {
  bool all = true;
  for (const DomainSeen& domain : survey.domains) {
    if (domain.process.pid == 0) {
      all = all && !survey.has_processes;
      continue;
    }
    const DomainMetadata& metadata = domain.metadata;
    const Outcome outcome =
        guard.manage({metadata.instance, domain.process,
                      metadata.on_isolation == OnIsolation::ignore, metadata.disk == Disk::shared});
    all = all && (outcome.ok() || outcome.kind == FailureKind::not_found);
  }
  return all;
}

}  // namespace

Worker::Worker(Executor& executor, Provider& provider, Guard& guard, WorkerConfig config,
               WorkerHooks hooks)
    : executor_(executor),
      provider_(provider),
      guard_(guard),
      config_(std::move(config)),
      hooks_(std::move(hooks)),
      high_water_(config_.high_water) {
  // What an earlier process had begun may still have an effect until the hypervisor was looked at.
  for (const Command& command : config_.unfinished) {
    unfinished_.emplace(command.id, without_texts(command.action));
    ended_.push_back({command.id, 0});
  }
}

Worker::~Worker() {
  for (auto& [name, local] : locals_) {
    if (local.watch) local.watch->stop();
  }
}

void Worker::start() {
  // Domains are transient: after a boot there is none that the guard could not know of. (rule 13)
  if (config_.fresh_boot) guard_.note_complete(guard_.era());
  survey();
}

election::CommandContext Worker::context() const {
  election::CommandContext context = hooks_.permit();
  context.boot = config_.boot;
  context.state_id = config_.state_id;
  context.high_water = high_water_;
  return context;
}

election::CommandHeader Worker::header(const Command& command) const {
  return {command.id.term, command.id.sequence, command.boot, command.state_id,
          command.permit_spell};
}

void Worker::command(const Command& command) {
  auto verdict = election::judge_at_receipt(header(command), context(), config_.mutations);
  if (retired_ && verdict == election::CommandVerdict::accepted) {
    verdict = election::CommandVerdict::no_permit;
  }
  // A repeated one was answered, or will be by the report: silence is right.
  if (verdict == election::CommandVerdict::repeated) return;
  if (verdict != election::CommandVerdict::accepted) {
    CommandResult refused;
    refused.id = command.id;
    refused.refused = true;
    refused.error = election::to_string(verdict);
    hooks_.log("refused " + to_string(command.action, "this host") + ": " + refused.error);
    return hooks_.answer(refused);
  }
  high_water_ = command.id;
  unfinished_.emplace(command.id, without_texts(command.action));
  locals_[command.action.instance].queue.push_back({command});
  hooks_.begin(command, [this, name = command.action.instance, id = command.id] {
    for (Queued& queued : locals_[name].queue) {
      if (queued.command.id == id) queued.durable = true;
    }
    run_next(name);
  });
  changed_soon();
}

void Worker::run_next(const InstanceName& name) {
  const auto found = locals_.find(name);
  if (found == locals_.end() || found->second.queue.empty()) return;
  Queued& next = found->second.queue.front();
  if (!next.durable || next.begun) return;
  next.begun = true;
  const Command command = next.command;
  if (std::holds_alternative<StopVm>(command.action.work)) {
    found->second.started.reset();  // Its end will be no surprise.
  }
  const auto* run = std::get_if<RunScript>(&command.action.work);
  if (run != nullptr && run->kind == ScriptKind::start && found->second.watch &&
      found->second.watch->role_failing(run->role)) {
    found->second.restarted[run->role] = executor_.now();
  }
  JobContext job;
  job.executor = &executor_;
  job.provider = &provider_;
  job.guard = &guard_;
  job.networks = config_.networks;
  job.may_begin = [this, command] {
    return election::judge_at_begin(header(command), context(), config_.mutations) ==
           election::CommandVerdict::accepted;
  };
  job.watch = [this, name]() -> std::shared_ptr<GuestWatch> {
    const auto local = locals_.find(name);
    return local == locals_.end() ? nullptr : local->second.watch;
  };
  hooks_.log(to_string(command.action, "this host"));
  perform(command.action, std::move(job),
          [this, name, command](const JobResult& result) { job_ended(name, command, result); });
}

void Worker::job_ended(const InstanceName& name, const Command& command, const JobResult& result) {
  Local& local = locals_[name];
  if (!result.refused) note_outcome(local, command.action, result.outcome);
  CommandResult answer;
  answer.id = command.id;
  answer.refused = result.refused;
  answer.ok = !result.refused && result.outcome.ok();
  answer.error = result.outcome.text;
  if (!answer.ok)
    hooks_.log("failed: " + to_string(command.action, "this host") + ": " + answer.error);
  if (loads_host(command.action.work)) {
    // Only a survey that begins from now on shows what it did; until then it is under way.
    ended_.push_back({command.id, surveys_ + 1});
    survey_soon();
  } else {
    end_command(command.id);
  }
  hooks_.answer(answer);
  if (!local.queue.empty()) local.queue.pop_front();
  run_next(name);
  changed_soon();
}

// What counts the failures of such a script.
Failure& Worker::counted(Local& local, const RunScript& run) {
  switch (run.kind) {
    case ScriptKind::start:
      return local.scripts[run.role];
    case ScriptKind::stop:
      return local.stops[run.role];
    case ScriptKind::drain:
      return local.drains[run.role];
    case ScriptKind::join:
    case ScriptKind::leave:
      break;
  }
  return local.tells[{run.role, run.member}];
}

void Worker::note_outcome(Local& local, const Action& action, const Outcome& outcome) {
  const auto note = [&](Failure& failure) {
    if (outcome.ok()) {
      failure = Failure{};
    } else {
      ++failure.count;
      failure.last = executor_.now();
      failure.error = outcome.text;
    }
  };
  if (const auto* start = std::get_if<StartVm>(&action.work)) {
    // A hypervisor that does not answer is no failure of this instance's, nor of its disk's.
    if (outcome.kind == FailureKind::unreachable) return;
    // Success clears the count only once the domain has lived for a while: see note_end().
    if (!outcome.ok() || local.early_ends == 0) note(local.start);
    if (outcome.ok()) local.started = executor_.now();
    local.scripts.clear();
    local.stops.clear();
    local.drains.clear();
    local.tells.clear();
    local.configure = Failure{};
    if (start->fresh_disk) {
      local.restarts.clear();
      local.resets = 0;
    }
  } else if (const auto* run = std::get_if<RunScript>(&action.work)) {
    note(counted(local, *run));
    if (run->kind == ScriptKind::start) local.drains.erase(run->role);
  } else if (std::holds_alternative<Configure>(action.work)) {
    note(local.configure);
  } else if (std::holds_alternative<ResetVm>(action.work) && outcome.ok()) {
    ++local.resets;
  } else if (const auto* forget = std::get_if<ForgetFailures>(&action.work)) {
    local.scripts.erase(forget->role);
    local.restarts.erase(forget->role);
    local.restarted.erase(forget->role);
    std::erase_if(local.tells, [&](const auto& tell) { return tell.first.first == forget->role; });
    // What the VM was reset for may be another role, whose ladder goes on.
    const auto counts = [](const auto& entry) { return entry.second > 0; };
    if (std::none_of(local.restarts.begin(), local.restarts.end(), counts)) local.resets = 0;
    if (local.watch) local.watch->forgive(forget->role);
  }
}

void Worker::end_command(Stamp id) {
  unfinished_.erase(id);
  hooks_.end(id);
}

void Worker::event(const DomainEvent& event) {
  if (event.what == DomainEvent::What::died) process_died(event.instance, event.incarnation);
  if (event.what == DomainEvent::What::guest_connected ||
      event.what == DomainEvent::What::guest_gone) {
    const auto found = locals_.find(event.instance);
    if (found != locals_.end() && found->second.watch) found->second.watch->look_now();
  }
  survey_soon();
}

// Reported at once, not with the next survey: a survey waits for the daemon, which is busy with the
// very domain that died, or hangs. That one frees the name and the rest.
void Worker::process_died(const InstanceName& name, const Incarnation& incarnation) {
  const auto found = locals_.find(name);
  if (found == locals_.end()) return;
  Local& local = found->second;
  local.died = incarnation;
  if (!local.domain || local.domain->metadata.incarnation != incarnation) return;
  hooks_.log("the hypervisor process of " + name.value + " has ended");
  // What it took is free: the plan that starts it again must not find the host full of it.
  Survey& survey = last_survey_;
  survey.memory_used_kib -= std::min(survey.memory_used_kib, local.domain->memory_kib);
  survey.cpus_used -= std::min(survey.cpus_used, local.domain->vcpus);
  note_end(local);
  local.domain.reset();
  local.since = executor_.now();
  keep_watch(name, local);
  changed_soon();
}

void Worker::survey_soon() {
  survey_wanted_ = true;
  if (!survey_running_) survey();
}

void Worker::survey() {
  survey_wanted_ = false;
  survey_running_ = true;
  const unsigned number = ++surveys_;
  offload<Survey>(
      executor_, survey_strand, survey_deadline,
      [&provider = provider_, &guard = guard_, asked = images_asked_] {
        const std::uint64_t era = guard.era();
        Survey survey = provider.survey();
        if (survey.outcome.ok() && hand_over(survey, guard)) guard.note_complete(era);
        for (const std::string& path : asked) {
          if (!survey.images.contains(path) && provider.has_image(path)) survey.images[path] = path;
        }
        return survey;
      },
      [this, weak = std::weak_ptr<bool>(alive_), number,
       asked = images_asked_](std::optional<Survey> survey) {
        if (!weak.lock()) return;
        if (survey && survey->outcome.ok()) images_looked_for_ = asked;
        take_survey(std::move(survey), number);
      });
}

void Worker::take_survey(std::optional<Survey> survey, unsigned number) {
  survey_running_ = false;
  note_answer(survey ? survey->outcome : Outcome{FailureKind::timeout, no_reply}, number);
  if (hypervisor_answers_) {
    surveyed_ = true;
    last_survey_ = *survey;
    take_domains(*survey);
    for (const Ended& ended : ended_) {
      if (ended.after_survey <= number) end_command(ended.id);
    }
    std::erase_if(ended_, [number](const Ended& ended) { return ended.after_survey <= number; });
  } else if (config_.fresh_boot && !surveyed_ && survey && survey->disks_known) {
    disks_surveyed_ = true;
    take_domains(*survey);  // None, and the disks.
  }
  changed_soon();
  if (survey_wanted_) return this->survey();
  const unsigned turn = ++survey_turns_;
  executor_.after(survey_every, [this, weak = std::weak_ptr<bool>(alive_), turn] {
    if (weak.lock() && turn == survey_turns_ && !survey_running_) this->survey();
  });
}

void Worker::note_answer(const Outcome& outcome, unsigned survey) {
  hypervisor_answers_ = outcome.ok();
  hypervisor_error_ = outcome.text;
  // The first one finds a connection that is not open yet, also where all is well.
  if (told_ == outcome.text || (survey == 1 && !outcome.ok())) return;
  told_ = outcome.text;
  if (outcome.ok()) return hooks_.log("the hypervisor answers");
  hooks_.warn("the hypervisor does not answer: " + outcome.text +
              "; until it does, nothing is known of this host's VMs and none is started here. " +
              "Look with: systemctl status libvirtd");
}

void Worker::take_domains(const Survey& survey) {
  const Time now = executor_.now();
  std::map<InstanceName, const DomainSeen*> domains;
  for (const DomainSeen& domain : survey.domains) {
    const DomainMetadata& metadata = domain.metadata;
    const auto known = locals_.find(metadata.instance);
    // A survey that began before its process died does not bring it back.
    if (known != locals_.end() && known->second.died == metadata.incarnation) continue;
    domains[metadata.instance] = &domain;
  }
  const std::set<InstanceName> overlays(survey.overlays.begin(), survey.overlays.end());
  for (const auto& [name, domain] : domains) locals_[name];
  for (const InstanceName& name : overlays) locals_[name];

  for (auto& [name, local] : locals_) {
    const auto found = domains.find(name);
    const bool here = found != domains.end();
    if (local.domain && !here) note_end(local);
    if (here != local.domain.has_value()) local.since = now;
    local.domain = here ? std::optional<DomainSeen>(*found->second) : std::nullopt;
    if (here) local.newest = std::max(local.newest, found->second->metadata.incarnation);
    local.overlay = overlays.contains(name);
    note_run(name, local);
    keep_watch(name, local);
  }
  std::erase_if(locals_, [now](const auto& entry) {
    const Local& local = entry.second;
    return !local.domain && !local.overlay && local.queue.empty() &&
           (local.start.count == 0 || now - local.start.last > failure_kept);
  });
}

// libvirt does not notice that a process is stopped: for it the domain runs. (rule 16)
void Worker::note_run(const InstanceName& name, Local& local) {
  if (!local.domain) return;
  const bool stopped = guard_.stopped_under(name) != 0;
  const RunState run = stopped ? RunState::paused : local.domain->run;
  if (std::exchange(local.run, run) != run) local.since = executor_.now();
}

void Worker::guard_changed() {
  for (auto& [name, local] : locals_) {
    note_run(name, local);
    keep_watch(name, local);
  }
  changed_soon();
}

// A domain that ends by itself again and again, each time soon after its start, is a start that
// fails: the plan backs off. The first time is free, so that what happens to a VM once is mended at
// once.
void Worker::note_end(Local& local) {
  if (!local.started) return;
  const Duration lived = executor_.now() - *local.started;
  local.started.reset();
  local.early_ends = lived < early_end ? local.early_ends + 1 : 0;
  if (local.early_ends < 2) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lived).count();
  local.start = {local.early_ends - 1, executor_.now(),
                 "its domain ended " + std::to_string(seconds) + " s after its start, " +
                     std::to_string(local.early_ends) + " times in a row"};
}

void Worker::keep_watch(const InstanceName& name, Local& local) {
  const bool runs = local.domain && local.run == RunState::running;
  const bool other = local.watch && runs && local.watched != local.domain->metadata.incarnation;
  if (local.watch && (!runs || other)) {
    local.watch->stop();
    local.watch.reset();
  }
  if (!runs || local.watch) return;
  local.watched = local.domain->metadata.incarnation;
  local.watch =
      std::make_shared<GuestWatch>(executor_, provider_, name, [this] { changed_soon(); });
  local.watch->start();
}

void Worker::changed_soon() {
  if (changed_pending_) return;
  changed_pending_ = true;
  // At once where nothing was told lately: a single change must not wait for company.
  const Duration pause = changed_at_ + coalesce - executor_.now();
  executor_.after(std::max(pause, Duration::zero()), [this, weak = std::weak_ptr<bool>(alive_)] {
    if (!weak.lock()) return;
    changed_pending_ = false;
    changed_at_ = executor_.now();
    for (auto& [name, local] : locals_) note_health(local);
    hooks_.changed();
  });
}

// The rungs of the ladder that were climbed count until every role has been well for a while.
void Worker::note_health(Local& local) {
  if (!local.watch) return;
  if (local.watch->all_settled()) {
    local.resets = 0;
    local.restarts.clear();
    return;
  }
  Observed seen;
  local.watch->describe(seen);
  for (const auto& [role, observed] : seen.roles) {
    int& restarts = local.restarts[role];
    restarts = std::max(restarts, observed.restarts);
  }
}

Observed Worker::observe(const InstanceName& name, const Local& local, Time now) const {
  const auto aged = [now](Failure failure) {
    failure.last = now - failure.last;
    return failure;
  };
  Observed seen;
  seen.name = name;
  seen.host = config_.self;
  seen.overlay = local.overlay;
  seen.start = aged(local.start);
  seen.configure = aged(local.configure);
  seen.resets = local.resets;
  seen.since =
      now - (local.watch ? std::max(local.since, local.watch->answers_since()) : local.since);
  seen.presence = local.domain ? Presence::present : Presence::absent;
  seen.incarnation = local.newest;
  if (local.domain) {
    const DomainMetadata& metadata = local.domain->metadata;
    seen.run = local.run;
    if (local.run == RunState::paused) seen.paused_under = guard_.stopped_under(name);
    seen.resource = metadata.resource;
    seen.incarnation = metadata.incarnation;
    seen.spec_digest = metadata.spec_digest;
    seen.fresh_disk = metadata.fresh_disk;
    seen.role_names.insert(metadata.roles.begin(), metadata.roles.end());
    if (local.watch) local.watch->describe(seen);
    for (const auto& [role, failure] : local.scripts) seen.roles[role].start = aged(failure);
    for (const auto& [role, failure] : local.stops) seen.roles[role].stop = aged(failure);
    for (const auto& [role, failure] : local.drains) seen.roles[role].drain = aged(failure);
    // Also of one that the guest could not even write down: it must not be tried all the time.
    for (const auto& [key, failure] : local.tells) {
      if (failure.count == 0) continue;
      auto known = std::find_if(seen.joined.begin(), seen.joined.end(), [&](const Joined& one) {
        return one.on == key.first && one.member.same_as(key.second);
      });
      if (known == seen.joined.end()) {
        known = seen.joined.insert(known, {key.first, key.second, {}, {}});
      }
      known->failure = aged(failure);
    }
    for (auto& [role, observed] : seen.roles) {
      observed.drain_since = now - observed.drain_since;
      const auto restarted = local.restarted.find(role);
      observed.last_restart =
          now - (restarted == local.restarted.end() ? Time{} : restarted->second);
    }
    seen.on_isolation = metadata.on_isolation;
    seen.disk = metadata.disk;
  }
  for (const auto& [role, restarts] : local.restarts) {
    int& counted = seen.roles[role].restarts;
    counted = std::max(counted, restarts);
  }
  return seen;
}

void Worker::ask_images(std::vector<std::string> paths) {
  std::sort(paths.begin(), paths.end());
  if (paths == images_asked_) return;
  images_asked_ = std::move(paths);
  survey_soon();
}

Report Worker::report() const {
  const Time now = executor_.now();
  const election::CommandContext permit = hooks_.permit();
  Report report;
  report.host = config_.self;
  report.boot = config_.boot;
  report.state_id = config_.state_id;
  report.process = config_.process;
  report.term = permit.heard;
  report.permit_spell = permit.permit_spell;
  report.executed = high_water_;
  for (const auto& [id, action] : unfinished_) report.unfinished.push_back({id, action});
  // After a boot no domain of ours can be there, seen or not; but disks can.
  report.surveyed = surveyed_ || disks_surveyed_;
  report.hypervisor_answers = hypervisor_answers_;
  if (!hypervisor_answers_) report.hypervisor_error = hypervisor_error_;
  report.guard_error = guard_.error(now);
  const Survey& survey = last_survey_;
  report.memory_total_kib = survey.memory_total_kib;
  const std::uint64_t used = std::min(survey.memory_used_kib, survey.memory_total_kib);
  report.memory_free_kib =
      (survey.memory_total_kib - used) / free_memory_step_kib * free_memory_step_kib;
  report.cpus_total = survey.cpus_total;
  report.cpus_free = survey.cpus_total - survey.cpus_used;
  report.images = survey.images;
  report.images_asked = images_looked_for_;
  for (const NetworkConfig& network : config_.networks) report.networks.push_back(network.cidr);
  for (const auto& [name, local] : locals_) {
    if (local.domain || local.overlay || local.start.count > 0) {
      report.instances.push_back(observe(name, local, now));
    }
  }
  return report;
}

}  // namespace cierzo
