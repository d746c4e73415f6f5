// A host's duties: obey commands (rule 17), look after what runs here, and report it. Main loop
// only.
//
//   command -> judged -> written down -> job on the provider -> survey -> report
//   domain event, time -> survey -> report;   guest, checks -> report
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/executor.hpp"
#include "agent/guard/guard.hpp"
#include "agent/guest_watch.hpp"
#include "agent/jobs.hpp"
#include "agent/messages.hpp"
#include "election/commands.hpp"
#include "monitor/report.hpp"
#include "resources/network.hpp"
#include "resources/provider.hpp"

namespace cierzo {

struct WorkerConfig {
  HostId self;
  std::string boot, state_id, process;
  std::vector<NetworkConfig> networks;
  // The host was booted since the state was last used: no domain of ours can run here, whatever the
  // hypervisor says later, since domains are transient. (rule 14: a new boot id proves it)
  bool fresh_boot = false;
  Stamp high_water;  // As it was on disk.
  std::vector<Command>
      unfinished;  // The same: accepted by an earlier process, and cut short with it.
  election::Mutations mutations{};  // For tests only.
};

// What the worker needs of the agent.
struct WorkerHooks {
  // Term heard and permit, by a fresh clock; boot, state_id and high_water are the worker's.
  std::function<election::CommandContext()> permit;
  // Writes mark and command in one transaction, then calls back. (rule 17: at receipt)
  std::function<void(const Command&, std::function<void()> done)> begin;
  // The command needs not be remembered any more.
  std::function<void(Stamp id)> end;
  std::function<void(const CommandResult&)> answer;
  // What is reported has changed; report() is new.
  std::function<void()> changed;
  std::function<void(const std::string&)> log;
  std::function<void(const std::string&)> warn;  // Somebody should look.
};

class Worker {
 public:
  Worker(Executor& executor, Provider& provider, Guard& guard, WorkerConfig config,
         WorkerHooks hooks);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  void command(const Command& command);
  void event(const DomainEvent& event);
  // The guard has stopped or continued some of them, or lives or does not live now.
  void guard_changed();
  // From now on every command is refused: the agent is about to stop.
  void retire() { retired_ = true; }
  // A leader wants to know whether this host has these images too: absolute paths.
  void ask_images(std::vector<std::string> paths);

  // Of now: its times are ages. Term and permit are those of the hooks.
  [[nodiscard]] Report report() const;

 private:
  struct Queued {
    Command command;
    bool durable = false;  // Written down: it may begin. (rule 17)
    bool begun = false;
  };
  // What is remembered of one instance beside what the hypervisor says.
  struct Local {
    std::optional<DomainSeen> domain;
    RunState run = RunState::running;  // Of it, the guard's pauses included.
    std::optional<Incarnation> died;   // The last one whose process was seen to end.
    bool overlay = false;
    Incarnation newest;  // That was seen here: of two disks without a domain it tells the newer.
    std::shared_ptr<GuestWatch> watch;
    Incarnation watched;
    Failure start, configure;
    std::map<RoleName, Failure> scripts, stops, drains;
    std::map<std::pair<RoleName, Member>, Failure> tells;  // join and leave
    std::map<RoleName, Time> restarted;
    std::map<RoleName, int> restarts;  // The ladder's rungs, kept when the domain ends.
    int resets = 0;
    int early_ends = 0;  // In a row: a domain that ended soon after its start.
    std::optional<Time> started;
    Time since{};
    std::deque<Queued> queue;  // One job at a time: the first.
  };
  struct Ended {  // A command whose effect the next survey will show.
    Stamp id;
    unsigned after_survey = 0;
  };

  void process_died(const InstanceName& name, const Incarnation& incarnation);
  void survey_soon();
  void survey();
  void take_survey(std::optional<Survey> survey, unsigned number);
  void note_answer(const Outcome& outcome, unsigned survey);
  void take_domains(const Survey& survey);
  void note_run(const InstanceName& name, Local& local);
  void note_end(Local& local);
  void note_health(Local& local);
  void keep_watch(const InstanceName& name, Local& local);
  void run_next(const InstanceName& name);
  void job_ended(const InstanceName& name, const Command& command, const JobResult& result);
  static Failure& counted(Local& local, const RunScript& run);
  void note_outcome(Local& local, const Action& action, const Outcome& outcome);
  void end_command(Stamp id);
  void changed_soon();
  [[nodiscard]] election::CommandContext context() const;
  [[nodiscard]] election::CommandHeader header(const Command& command) const;
  [[nodiscard]] Observed observe(const InstanceName& name, const Local& local, Time now) const;

  Executor& executor_;
  Provider& provider_;
  Guard& guard_;
  WorkerConfig config_;
  WorkerHooks hooks_;
  Stamp high_water_;
  std::map<InstanceName, Local> locals_;
  std::map<Stamp, Action> unfinished_;
  std::vector<Ended> ended_;
  Survey last_survey_;
  // Sorted. What the leader wants to know, and what the last survey has looked for: until it has,
  // an image is unknown, not absent.
  std::vector<std::string> images_asked_, images_looked_for_;
  bool retired_ = false;
  bool surveyed_ = false, hypervisor_answers_ = false;
  bool disks_surveyed_ = false;  // Of a host that was booted: all there can be. (WorkerConfig)
  std::string hypervisor_error_ = "it was not asked yet";
  std::optional<std::string> told_;  // The error that a person was told last; empty: none any more.
  bool survey_wanted_ = false, survey_running_ = false, changed_pending_ = false;
  unsigned surveys_ = 0, survey_turns_ = 0;
  Time changed_at_{};  // When `changed` was called last.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace cierzo
