// Follows the guest of one running domain: does it answer, what does it know of itself, are its
// services healthy. Main loop only; blocking calls go through the executor.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/executor.hpp"
#include "monitor/checks.hpp"
#include "resources/guest.hpp"
#include "resources/provider.hpp"

namespace cierzo {

class GuestWatch : public std::enable_shared_from_this<GuestWatch> {
 public:
  // `changed` is called when anything that a report would say has changed.
  GuestWatch(Executor& executor, Provider& provider, InstanceName name,
             std::function<void()> changed);

  void start();
  void stop();  // The domain is gone: whatever is still under way says nothing any more.

  // The guest was seen to connect or to go: look now instead of at the next turn.
  void look_now();

  // Runs a command in the guest to its end. Checks wait meanwhile, so that a service that is being
  // started is not found dead. Not ok: the guest did not answer.
  void run(GuestCommand command, std::function<void(GuestProgress)> done);

  void attend(const Attend& attend);

  // What commands did to the guest, known without asking it.
  void configured(const std::string& network_digest);
  void role_started(const RoleName& role, const std::string& digest, bool ok);
  void role_stopped(const RoleName& role, const std::string& digest);
  void ask_outputs();  // A start may have said something: at once, not with the next probe.
  void role_drained(const RoleName& role, bool done);
  void told(const RunScript& run, bool ok);  // join or leave
  void was_reset();
  void forgive(const RoleName& role) { checks_.forgive(role); }

  [[nodiscard]] bool answers() const { return answers_; }
  // Since when it answers, or does not.
  [[nodiscard]] Time answers_since() const { return answers_since_; }
  [[nodiscard]] bool role_failing(const RoleName& role) const;
  // Fills in what is known of the guest, its roles and their checks.
  void describe(Observed& observed) const;
  [[nodiscard]] bool all_settled() const;

 private:
  void turn();
  void turn_after(Duration delay);
  void ping();
  void probe();
  void take_probe(const GuestProgress& progress, unsigned changes);
  void take_check(const RoleName& role, const GuestProgress& progress);
  void run_check(const RoleCheck& check);
  void run_metrics(const RoleCheck& metrics);
  void take_metrics(const RoleName& role, const GuestProgress& progress);
  void forget_results();
  // A command under way, and when to ask after it next.
  struct Asking {
    GuestHandle handle;
    Time give_up{};
    Time started{};
    Duration pause{};   // Before the next question.
    bool first = true;  // The next question is the first.
    std::string log;    // Of the command: what runs again and again is known by it.
  };
  void start_command(GuestCommand command, std::function<void(GuestProgress)> done);
  void poll(Asking asking, std::function<void(GuestProgress)> done);
  void learn(const std::string& log, Duration took, bool at_first_question);
  void answered(bool answers);
  [[nodiscard]] std::set<RoleName> configured_roles() const;

  Executor& executor_;
  Provider& provider_;
  InstanceName name_;
  std::function<void()> changed_;
  Checks checks_;
  Checks metrics_;  // When which is due; what they say is in `loads_`.
  std::map<RoleName, int> loads_;
  GuestKnowledge knowledge_;
  Time known_at_{};  // When it was so long up as it says.
  bool answers_ = false;
  bool stopped_ = false;
  bool asking_ = false;  // A ping or probe is under way.
  bool slow_ = false;    // The last ping waited for an answer: others must not wait for the next.
  int commands_ = 0;     // Commands under way for the worker: checks wait.
  // Counts what changed the guest: a probe or check that began before is late news.
  unsigned changes_ = 0;
  Time answers_since_{}, probe_due_{};
  unsigned turns_ = 0;  // Numbers the timers, so that only the newest one counts.
  // How long probes and checks took lately: asking after one before it can have ended is a waste,
  // many times a minute in every guest.
  std::map<std::string, Duration> usual_;
};

}  // namespace cierzo
