#include "agent/guest_watch.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "resources/brief.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration ping_every =
    250ms;  // While a guest boots: it decides how soon it is configured.
constexpr Duration ping_every_slow = 2s;  // After `ping_patience` of silence.
constexpr Duration ping_patience = 60s;
constexpr Duration slow_ping = 500ms;
// Notices a guest that rebooted from the inside where no event of its agent told it. Where services
// are checked, a check that is not answered is followed by a probe at once: so it can be seldom.
constexpr Duration probe_every = 5s, probe_every_checked = 15s;
constexpr Duration call_deadline = 8s;  // Of one call to the guest agent.
constexpr Duration probe_timeout = 10s;
constexpr Duration poll_first = 40ms, poll_slowest = 500ms;
constexpr Duration poll_grace = 10s;  // Beyond a command's own timeout, which the guest keeps.

GuestProgress no_answer(const std::string& text) {
  GuestProgress progress;
  progress.outcome = Outcome{FailureKind::timeout, text};
  return progress;
}

// But for how long it has been up.
bool same_facts(const GuestKnowledge& one, const GuestKnowledge& other) {
  const auto facts = [](const GuestKnowledge& of) {
    return std::tie(of.network_digest, of.configured, of.outputs, of.stopped, of.drained,
                    of.joined);
  };
  return facts(one) == facts(other);
}

}  // namespace

GuestWatch::GuestWatch(Executor& executor, Provider& provider, InstanceName name,
                       std::function<void()> changed)
    : executor_(executor),
      provider_(provider),
      name_(std::move(name)),
      changed_(std::move(changed)),
      answers_since_(executor.now()) {}

void GuestWatch::start() { turn(); }

void GuestWatch::stop() { stopped_ = true; }

void GuestWatch::look_now() {
  probe_due_ = executor_.now();
  turn_after(0ms);
}

void GuestWatch::turn_after(Duration delay) {
  const unsigned number = ++turns_;
  executor_.after(delay, [weak = weak_from_this(), number] {
    const auto self = weak.lock();
    if (self && !self->stopped_ && self->turns_ == number) self->turn();
  });
}

// One step of: answer -> tell what you know -> checks, for ever.
void GuestWatch::turn() {
  if (stopped_ || asking_) return;
  const Time now = executor_.now();
  if (!answers_) return ping();
  if (commands_ > 0) return;  // The end of the last one makes the next turn.
  if (probe_due_ <= now) return probe();
  for (const RoleCheck& check : checks_.take_due(configured_roles(), now)) run_check(check);
  for (const RoleCheck& one : metrics_.take_due(configured_roles(), now)) run_metrics(one);
  Time next = probe_due_;
  for (const Checks* due : {&checks_, &metrics_}) {
    if (const auto at = due->next_due(configured_roles())) next = std::min(next, *at);
  }
  turn_after(std::max<Duration>(next - now, 20ms));
}

// A guest without an agent is known at once to libvirt, one that hangs only after seconds. It is
// asked ever more rarely the longer it lets wait, and where it holds up only its like.
void GuestWatch::ping() {
  asking_ = true;
  const Time asked = executor_.now();
  offload<bool>(
      executor_, slow_ ? silent_strand(name_) : guest_strand(name_), call_deadline,
      [&provider = provider_, name = name_] { return provider.guest_answers(name); },
      [weak = weak_from_this(), asked](std::optional<bool> answers) {
        const auto self = weak.lock();
        if (!self || self->stopped_) return;
        self->asking_ = false;
        const Time now = self->executor_.now();
        const Duration took = now - asked;
        self->slow_ = !answers.value_or(false) && took >= slow_ping;
        if (answers.value_or(false)) return self->probe();
        const bool patient = now - self->answers_since_ < ping_patience;
        self->turn_after(std::max(patient ? ping_every : ping_every_slow, 2 * took));
      });
}

void GuestWatch::probe() {
  asking_ = true;
  GuestCommand command;
  command.script = probe_script();
  command.timeout = probe_timeout;
  start_command(std::move(command),
                [weak = weak_from_this(), changes = changes_](const GuestProgress& progress) {
                  const auto self = weak.lock();
                  if (!self || self->stopped_) return;
                  self->asking_ = false;
                  self->take_probe(progress, changes);
                });
}

void GuestWatch::take_probe(const GuestProgress& progress, unsigned changes) {
  const Time now = executor_.now();
  if (changes != changes_) return turn();
  GuestKnowledge knowledge;
  if (progress.outcome.ok() && progress.finished) knowledge = read_probe(progress.last_lines);
  if (knowledge.boot.empty()) {
    answered(false);
    return turn_after(ping_every);
  }
  const bool rebooted = !knowledge_.boot.empty() && knowledge_.boot != knowledge.boot;
  if (rebooted) forget_results();
  const bool same = answers_ && !rebooted && same_facts(knowledge_, knowledge);
  knowledge_ = std::move(knowledge);
  known_at_ = now;
  probe_due_ = now + (checks_.attends_anything() ? probe_every_checked : probe_every);
  answered(true);
  if (!same) changed_();
  turn();
}

void GuestWatch::answered(bool answers) {
  if (answers == answers_) return;
  answers_ = answers;
  answers_since_ = executor_.now();
  if (!answers) forget_results();
  changed_();
}

void GuestWatch::forget_results() {
  checks_.forget(executor_.now());
  metrics_.forget(executor_.now());
  loads_.clear();
}

void GuestWatch::run_check(const RoleCheck& check) {
  GuestCommand command;
  command.script = check_script(check);
  command.environment = check.input.environment;
  command.log = check.role.value + "-check";
  command.timeout = check.timeout;
  start_command(std::move(command), [weak = weak_from_this(), role = check.role,
                                     changes = changes_](const GuestProgress& progress) {
    const auto self = weak.lock();
    if (!self || self->stopped_) return;
    if (self->changes_ != changes) {
      self->checks_.overtaken(role, self->executor_.now());
    } else {
      self->take_check(role, progress);
    }
    self->turn();
  });
}

void GuestWatch::take_check(const RoleName& role, const GuestProgress& progress) {
  Checks::Result result;
  result.text = brief(progress.last_lines);
  if (!progress.outcome.ok() || !progress.finished) {
    result.kind = Checks::Result::Kind::unanswered;
    result.text = "the guest agent does not answer: " + progress.outcome.text;
    probe_due_ = executor_.now();
  } else if (progress.exit_code == 0) {
    result.kind = Checks::Result::Kind::passed;
  } else {
    result.kind = Checks::Result::Kind::failed;
    if (was_killed(progress)) {
      result.text =
          "killed, as at its time limit" + (result.text.empty() ? "" : ": " + result.text);
    } else if (result.text.empty()) {
      result.text = "exit status " + std::to_string(progress.exit_code) + ", nothing printed";
    }
  }
  const auto told = [this, &role] {
    std::map<RoleName, RoleObserved> roles;
    checks_.describe(roles);
    const RoleObserved& seen = roles[role];
    return std::tuple(seen.health, seen.failures, seen.restarts, all_settled());
  };
  const auto before = told();
  checks_.finished(role, result, executor_.now());
  if (told() != before) changed_();
}

void GuestWatch::run_metrics(const RoleCheck& metrics) {
  GuestCommand command;
  command.script = metrics_script(metrics);
  command.environment = metrics.input.environment;
  command.log = metrics.role.value + "-metrics";
  command.timeout = metrics.timeout;
  start_command(std::move(command),
                [weak = weak_from_this(), role = metrics.role](const GuestProgress& progress) {
                  const auto self = weak.lock();
                  if (!self || self->stopped_) return;
                  self->take_metrics(role, progress);
                  self->turn();
                });
}

// One that fails says nothing: how busy the role is, is not known then.
void GuestWatch::take_metrics(const RoleName& role, const GuestProgress& progress) {
  metrics_.finished(role, {Checks::Result::Kind::passed, {}}, executor_.now());
  const bool ended = progress.outcome.ok() && progress.finished && progress.exit_code == 0;
  const std::optional<int> load = ended ? read_load(progress.last_lines) : std::nullopt;
  const auto before = loads_;
  loads_.erase(role);
  // One that was drained or stopped meanwhile does not serve any more.
  if (load && knowledge_.configured.contains(role)) loads_[role] = *load;
  if (loads_ != before) changed_();
}

void GuestWatch::run(GuestCommand command, std::function<void(GuestProgress)> done) {
  ++commands_;
  ++changes_;
  start_command(std::move(command),
                [weak = weak_from_this(), done = std::move(done)](GuestProgress progress) {
                  if (const auto self = weak.lock()) {
                    --self->commands_;
                    ++self->changes_;
                    self->turn_after(0ms);
                  }
                  done(std::move(progress));
                });
}

void GuestWatch::start_command(GuestCommand command, std::function<void(GuestProgress)> done) {
  struct Started {
    Outcome outcome;
    GuestHandle handle;
  };
  Asking asking;
  asking.started = executor_.now();
  asking.give_up = asking.started + command.timeout + poll_grace;
  asking.log = command.log;
  const auto usual = usual_.find(command.log);
  asking.pause = usual == usual_.end() ? poll_first : usual->second;
  offload<Started>(
      executor_, guest_strand(name_), call_deadline,
      [&provider = provider_, name = name_, command = std::move(command)] {
        Started started;
        started.outcome = provider.guest_start(name, command, started.handle);
        return started;
      },
      [self = shared_from_this(), asking = std::move(asking),
       done = std::move(done)](std::optional<Started> started) mutable {
        if (!started) return done(no_answer("the guest agent did not take the command in time"));
        if (!started->outcome.ok()) {
          GuestProgress progress;
          progress.outcome = started->outcome;
          return done(std::move(progress));
        }
        asking.handle = std::move(started->handle);
        self->poll(std::move(asking), std::move(done));
      });
}

void GuestWatch::poll(Asking asking, std::function<void(GuestProgress)> done) {
  const Duration pause = asking.pause;
  executor_.after(pause, [self = shared_from_this(), asking = std::move(asking),
                          done = std::move(done)]() mutable {
    if (self->stopped_) return done(no_answer("the domain is gone"));
    const GuestHandle handle = asking.handle;
    offload<GuestProgress>(
        self->executor_, guest_strand(self->name_), call_deadline,
        [&provider = self->provider_, name = self->name_, handle] {
          return provider.guest_progress(name, handle);
        },
        [self, asking, done](std::optional<GuestProgress> progress) mutable {
          if (!progress) return done(no_answer("the guest agent stopped answering"));
          const Time now = self->executor_.now();
          if (progress->finished) {
            self->learn(asking.log, now - asking.started, asking.first);
            return done(std::move(*progress));
          }
          if (!progress->outcome.ok()) return done(std::move(*progress));
          if (now >= asking.give_up) {
            return done(no_answer("the command did not end in time, nor could the guest end it"));
          }
          // The end is seen at most a quarter late.
          asking.pause = std::clamp((now - asking.started) / 4, poll_first, poll_slowest);
          asking.first = false;
          self->poll(std::move(asking), std::move(done));
        });
  });
}

// What had ended by the first question is asked after a little sooner next time, so that the
// question follows the end and not the other way round.
void GuestWatch::learn(const std::string& log, Duration took, bool at_first_question) {
  const Duration guess = at_first_question ? took * 9 / 10 : took;
  usual_[log] = std::clamp(guess, poll_first, poll_slowest);
}

void GuestWatch::attend(const Attend& attend) {
  checks_.attend(attend, executor_.now());
  metrics_.attend({attend.incarnation, attend.metrics, attend.digest, {}}, executor_.now());
  turn_after(0ms);
}

void GuestWatch::configured(const std::string& network_digest) {
  knowledge_.network_digest = network_digest;
}

void GuestWatch::role_started(const RoleName& role, const std::string& digest, bool ok) {
  checks_.started(role, role_failing(role), executor_.now());
  knowledge_.drained.erase(role);
  if (!ok) return;
  knowledge_.stopped.erase(role);
  knowledge_.configured[role] = digest;
}

void GuestWatch::ask_outputs() { probe_due_ = executor_.now(); }

void GuestWatch::role_drained(const RoleName& role, bool done) {
  knowledge_.configured.erase(role);
  loads_.erase(role);
  const Duration up = knowledge_.up + (executor_.now() - known_at_);
  const auto drained = knowledge_.drained.try_emplace(role).first;
  if (drained->second.asked_at == Duration::zero()) drained->second.asked_at = up;
  drained->second.done = done;
}

void GuestWatch::told(const RunScript& run, bool ok) {
  auto& joined = knowledge_.joined;
  const bool joins = run.kind == ScriptKind::join;
  const auto known = std::find_if(joined.begin(), joined.end(), [&run](const Joined& one) {
    return one.on == run.role && one.member.same_as(run.member);
  });
  if (!joins) {
    if (ok && known != joined.end()) joined.erase(known);
    return;
  }
  const Joined now{run.role, run.member, ok ? run.input.digest : "", {}};
  if (known == joined.end()) {
    joined.push_back(now);
  } else {
    *known = now;
  }
}

void GuestWatch::role_stopped(const RoleName& role, const std::string& digest) {
  knowledge_.configured.erase(role);
  loads_.erase(role);
  knowledge_.drained.erase(role);
  knowledge_.stopped[role] = digest;
}

void GuestWatch::was_reset() {
  ++changes_;
  knowledge_ = GuestKnowledge{};
  answered(false);
  answers_since_ = executor_.now();  // Also where it did not answer before.
  turn_after(ping_every);
}

bool GuestWatch::all_settled() const { return answers_ && checks_.all_settled(executor_.now()); }

bool GuestWatch::role_failing(const RoleName& role) const {
  std::map<RoleName, RoleObserved> roles;
  checks_.describe(roles);
  const auto found = roles.find(role);
  return found != roles.end() && found->second.health == Health::failing;
}

std::set<RoleName> GuestWatch::configured_roles() const {
  std::set<RoleName> roles;
  for (const auto& [role, digest] : knowledge_.configured) roles.insert(role);
  return roles;
}

void GuestWatch::describe(Observed& observed) const {
  observed.guest_answers = answers_;
  observed.network_digest = knowledge_.network_digest;
  observed.checks_digest = checks_.digest();
  for (const auto& [role, digest] : knowledge_.configured) {
    observed.roles[role].configured_digest = digest;
  }
  for (const auto& [role, outputs] : knowledge_.outputs) observed.roles[role].outputs = outputs;
  for (const auto& [role, digest] : knowledge_.stopped)
    observed.roles[role].stopped_digest = digest;
  for (const auto& [role, drained] : knowledge_.drained) {
    RoleObserved& seen = observed.roles[role];
    seen.draining = drained.done ? Draining::done : Draining::asked;
    seen.drain_since = known_at_ - knowledge_.up + drained.asked_at;
  }
  observed.joined = knowledge_.joined;
  for (const auto& [role, load] : loads_) observed.roles[role].load = load;
  checks_.describe(observed.roles);
}

}  // namespace cierzo
