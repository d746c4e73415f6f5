#include "agent/jobs.hpp"

#include <utility>
#include <variant>

#include "resources/brief.hpp"
#include "resources/guest.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration create_deadline = 120s;  // Copying nothing: an overlay, libvirt, QEMU's start.
constexpr Duration call_deadline = 20s;     // Of any other call to the hypervisor.
constexpr Duration destroy_deadline = 60s;
constexpr Duration gone_every = 250ms;   // How often a guest that shuts down is looked at.
constexpr Duration press_every = 3s;     // A guest that still boots does not hear the power button.
constexpr Duration clock_patience = 5s;  // For a guest agent that has just woken up.
constexpr Duration clock_again = 500ms;
constexpr Duration configure_timeout = 30s;

using Done = std::function<void(JobResult)>;

JobResult result(Outcome outcome) {
  JobResult made;
  made.outcome = std::move(outcome);
  return made;
}

Outcome overdue(const std::string& what) {
  return {FailureKind::timeout, what + " did not return in time; its outcome is unknown"};
}

// "exit status 1: port 80 is in use", in one line of bounded length: it is kept, reported and
// shown. The guest has the whole output.
Outcome how_it_failed(const GuestProgress& progress, Duration limit) {
  const std::string printed = brief(progress.last_lines);
  const std::string output = printed.empty() ? "it printed nothing" : printed;
  if (was_killed(progress)) {
    return {FailureKind::timeout, "killed (its time limit is " + in_words(limit) + "): " + output};
  }
  return {FailureKind::other, "exit status " + std::to_string(progress.exit_code) + ": " + output};
}

void note_script(GuestWatch& watch, const RunScript& run, bool ok) {
  switch (run.kind) {
    case ScriptKind::start:
      watch.role_started(run.role, run.input.digest, ok);
      if (ok && run.text.find("CIERZO_OUTPUTS") != run.text.npos) watch.ask_outputs();
      return;
    case ScriptKind::stop:
      if (ok) watch.role_stopped(run.role, run.input.digest);
      return;
    case ScriptKind::drain:
      return watch.role_drained(run.role, ok);
    case ScriptKind::join:
    case ScriptKind::leave:
      return watch.told(run, ok);
  }
}

// One action under way. Kept alive by the callbacks that it waits for.
class Job : public std::enable_shared_from_this<Job> {
 public:
  Job(Action action, JobContext context, Done done)
      : action_(std::move(action)), context_(std::move(context)), done_(std::move(done)) {}

  void start() {
    if (!context_.may_begin()) return refuse();
    std::visit([this](const auto& work) { begin(work); }, action_.work);
  }

 private:
  void finish(Outcome outcome) { done_(result(std::move(outcome))); }

  void refuse() {
    JobResult made;
    made.refused = true;
    made.outcome = {FailureKind::other, "the permit of this term ended before it could begin"};
    done_(std::move(made));
  }

  // Calls the provider on the pool; a call that overruns is a failure with an unknown outcome.
  template <class Call>
  void call(const std::string& what, Duration deadline, Call function,
            std::function<void(Outcome)> then) {
    offload<Outcome>(*context_.executor, action_.instance.value, deadline, std::move(function),
                     [what, then = std::move(then)](std::optional<Outcome> outcome) {
                       then(outcome ? std::move(*outcome) : overdue(what));
                     });
  }

  void begin(const StartVm& start);
  void begin(const StopVm& stop);
  void begin(const RemoveDisk&);
  void begin(const ResetVm& reset);
  void begin(const Resume& resume);
  void begin(const Configure& configure);
  void begin(const RunScript& run);
  void begin(const Attend& attend);
  // The worker keeps the counts: it forgets them when this is done.
  void begin(const ForgetFailures&) { finish({}); }

  void hand_over(const StartVm& start);
  void undo(const StartVm& start, std::function<void()> then);
  void let_run(const StartVm& start);
  void go_on(const Resume& resume);
  void set_clock(const Resume& resume, Time give_up);
  void press(const StopVm& stop, Time deadline, bool again);
  void await_gone(const StopVm& stop, Time deadline, Time press_again);
  void destroy(const StopVm& stop);
  void remove_disk();
  void script_ended(const RunScript& run, const GuestProgress& progress);

  Action action_;
  JobContext context_;
  Done done_;
};

void Job::begin(const StartVm& start) {
  call(
      "creating the domain", create_deadline,
      [provider = context_.provider, start] { return provider->create(start); },
      [self = shared_from_this(), start](Outcome outcome) {
        if (!outcome.ok()) return self->finish(std::move(outcome));
        self->hand_over(start);
      });
}

// Rule 17: the domain exists and is paused. The guard gets its process before its CPUs run; so it
// is stopped with the others if the permit ends from here on.
void Job::hand_over(const StartVm& start) {
  call(
      "handing the domain to the guard", call_deadline,
      [provider = context_.provider, guard = context_.guard, start] {
        ManagedDomain domain{start.instance.name, {}, false, false};
        Outcome outcome = provider->find_process(domain.name, start.incarnation, domain.process);
        if (!outcome.ok() || domain.process.pid == 0) return outcome;
        domain.ignore = start.instance.on_isolation == OnIsolation::ignore;
        domain.shared = start.instance.disk == Disk::shared;
        return guard->manage(domain);
      },
      [self = shared_from_this(), start](Outcome outcome) {
        if (outcome.ok()) return self->let_run(start);
        self->undo(start, [self, outcome] { self->finish(outcome); });
      });
}

// A domain that must not run after all.
void Job::undo(const StartVm& start, std::function<void()> then) {
  call(
      "ending the domain", destroy_deadline,
      [provider = context_.provider, name = start.instance.name, incarnation = start.incarnation] {
        return provider->destroy(name, incarnation);
      },
      [then = std::move(then)](const Outcome&) { then(); });
}

// And only if this is still allowed.
void Job::let_run(const StartVm& start) {
  const InstanceName name = start.instance.name;
  if (!context_.may_begin()) return undo(start, [self = shared_from_this()] { self->refuse(); });
  call(
      "letting the domain run", call_deadline,
      [provider = context_.provider, name, incarnation = start.incarnation] {
        return provider->run(name, incarnation);
      },
      [self = shared_from_this()](Outcome outcome) { self->finish(std::move(outcome)); });
}

void Job::begin(const StopVm& stop) {
  // A stopped process hears nobody: what must go is killed. (rule 13)
  const bool stopped = context_.guard->stopped_under(action_.instance) != 0;
  if (stop.grace <= Duration::zero() || stopped) return destroy(stop);
  press(stop, context_.executor->now() + stop.grace, false);
}

void Job::press(const StopVm& stop, Time deadline, bool again) {
  const Time press_again = context_.executor->now() + press_every;
  call(
      "asking the guest to power off", call_deadline,
      [provider = context_.provider, name = action_.instance, stop] {
        return provider->shutdown(name, stop.incarnation);
      },
      [self = shared_from_this(), stop, deadline, press_again, again](const Outcome& outcome) {
        // A guest that cannot be asked is not waited for. One that was asked keeps its time: it may
        // be powering off, whatever became of asking it once more.
        if (!outcome.ok() && !again) return self->destroy(stop);
        self->await_gone(stop, deadline, press_again);
      });
}

void Job::await_gone(const StopVm& stop, Time deadline, Time press_again) {
  context_.executor->after(gone_every, [self = shared_from_this(), stop, deadline, press_again] {
    offload<Survey>(
        *self->context_.executor, self->action_.instance.value, call_deadline,
        [provider = self->context_.provider] { return provider->survey(); },
        [self, stop, deadline, press_again](std::optional<Survey> survey) {
          bool there = true;  // Unknown is not gone. (rule 18)
          if (survey && survey->outcome.ok()) {
            there = false;
            for (const DomainSeen& domain : survey->domains) {
              if (domain.metadata.instance != self->action_.instance) continue;
              there = domain.run != RunState::shut_off && domain.run != RunState::crashed;
            }
          }
          const Time now = self->context_.executor->now();
          if (!there || now >= deadline) return self->destroy(stop);
          if (now >= press_again && self->context_.may_begin()) {
            return self->press(stop, deadline, true);
          }
          self->await_gone(stop, deadline, press_again);
        });
  });
}

// Also after a guest that powered itself off: destroy() is what sees it gone.
void Job::destroy(const StopVm& stop) {
  // The guest had its time to power off; meanwhile another leader may want it to run. (rule 17)
  if (!context_.may_begin()) return refuse();
  call(
      "ending the domain", destroy_deadline,
      [provider = context_.provider, name = action_.instance, stop] {
        return provider->destroy(name, stop.incarnation);
      },
      [self = shared_from_this(), stop](Outcome outcome) {
        if (!outcome.ok() || !stop.remove_disk) return self->finish(std::move(outcome));
        self->remove_disk();
      });
}

void Job::remove_disk() {
  if (!context_.may_begin()) return refuse();
  call(
      "removing the disk", call_deadline,
      [provider = context_.provider, name = action_.instance] {
        return provider->remove_disk(name);
      },
      [self = shared_from_this()](Outcome outcome) { self->finish(std::move(outcome)); });
}

void Job::begin(const RemoveDisk&) { remove_disk(); }

void Job::begin(const ResetVm& reset) {
  call(
      "resetting the domain", call_deadline,
      [provider = context_.provider, name = action_.instance, reset] {
        return provider->reset(name, reset.incarnation);
      },
      [self = shared_from_this()](Outcome outcome) {
        if (const auto watch = self->context_.watch(); watch && outcome.ok()) watch->was_reset();
        self->finish(std::move(outcome));
      });
}

// The new incarnation is there before the copy runs: whoever sees it run sees which one it is, also
// if this agent ends in between. (rule 16)
void Job::begin(const Resume& resume) {
  call(
      "writing the new incarnation", call_deadline,
      [provider = context_.provider, name = action_.instance, resume] {
        return provider->renew(name, resume);
      },
      [self = shared_from_this(), resume](Outcome outcome) {
        if (!outcome.ok()) return self->finish(std::move(outcome));
        if (!self->context_.may_begin()) return self->refuse();
        self->go_on(resume);
      });
}

// Only the guard continues a process, and only what this command is about. (rule 13)
void Job::go_on(const Resume& resume) {
  call(
      "resuming the domain", call_deadline,
      [provider = context_.provider, guard = context_.guard, name = action_.instance, resume] {
        const Outcome outcome = guard->go_on(name, resume.generation);
        return outcome.ok() ? provider->run(name, resume.incarnation) : outcome;
      },
      [self = shared_from_this(), resume](Outcome outcome) {
        if (!outcome.ok()) return self->finish(std::move(outcome));
        self->set_clock(resume, self->context_.executor->now() + clock_patience);
      });
}

// Its clock stood still. The VM runs, whatever becomes of this; a guest without an agent, or one
// that is still booting, sets its clock by itself or not at all.
void Job::set_clock(const Resume& resume, Time give_up) {
  call(
      "setting the guest's clock", call_deadline,
      [provider = context_.provider, name = action_.instance] {
        return provider->set_guest_clock(name);
      },
      [self = shared_from_this(), resume, give_up](const Outcome& outcome) {
        Executor& executor = *self->context_.executor;
        if (outcome.ok() || executor.now() >= give_up) return self->finish({});
        executor.after(clock_again, [self, resume, give_up] { self->set_clock(resume, give_up); });
      });
}

void Job::begin(const Configure& configure) {
  const auto watch = context_.watch();
  if (!watch) return finish({FailureKind::not_found, "the domain is not running here"});
  const NetworkConfig* network = network_of(context_.networks, configure.address);
  if (network == nullptr) {
    return finish({FailureKind::other, "no network of this host holds " + configure.address +
                                           "; add it to `networks:` of its configuration"});
  }
  GuestCommand command;
  command.script = configure_script(configure, guest_network(*network), configure.mac);
  command.log = "configure";
  command.timeout = configure_timeout;
  watch->run(std::move(command),
             [self = shared_from_this(), watch, configure](const GuestProgress& progress) {
               if (!progress.outcome.ok()) return self->finish(progress.outcome);
               if (progress.exit_code != 0) {
                 return self->finish(how_it_failed(progress, configure_timeout));
               }
               watch->configured(configure.digest);
               self->finish({});
             });
}

void Job::begin(const RunScript& run) {
  const auto watch = context_.watch();
  if (!watch) return finish({FailureKind::not_found, "the domain is not running here"});
  GuestCommand command;
  command.script = role_script(run);
  command.environment = run.input.environment;
  command.log = run.role.value + "-" + std::string(to_string(run.kind));
  command.timeout = run.timeout;
  watch->run(std::move(command), [self = shared_from_this(), run](const GuestProgress& progress) {
    self->script_ended(run, progress);
  });
}

void Job::script_ended(const RunScript& run, const GuestProgress& progress) {
  Outcome outcome = progress.outcome;
  if (outcome.ok() && !progress.finished) {
    outcome = {FailureKind::timeout, "it did not end"};
  } else if (outcome.ok() && progress.exit_code != 0) {
    outcome = how_it_failed(progress, run.timeout);
  }
  if (const auto watch = context_.watch()) note_script(*watch, run, outcome.ok());
  finish(std::move(outcome));
}

void Job::begin(const Attend& attend) {
  const auto watch = context_.watch();
  if (!watch) return finish({FailureKind::not_found, "the domain is not running here"});
  watch->attend(attend);
  finish({});
}

}  // namespace

void perform(const Action& action, JobContext context, std::function<void(JobResult)> done) {
  std::make_shared<Job>(action, std::move(context), std::move(done))->start();
}

}  // namespace cierzo
