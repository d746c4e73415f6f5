#include "agent/ctl/wait.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"

namespace cierzo::ctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Duration look_deadline = std::chrono::seconds(10);
constexpr std::size_t live_columns = 79;

// Lines that stay, and below them one that is overwritten. With JSON on stdout they go to stderr.
class Lines {
 public:
  Lines(const Options& options, Terminal& terminal)
      : out_(options.output == Output::table ? terminal.out : terminal.err),
        live_(terminal.live && options.output == Output::table) {}
  ~Lines() { clear(); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  void say(Duration elapsed, const std::string& text) {
    clear();
    char time[32];
    const auto s = std::chrono::duration_cast<std::chrono::seconds>(elapsed).count();
    std::snprintf(time, sizeof time, "%4lld s  ", static_cast<long long>(s));
    out_ << time << text << std::endl;
  }
  void overwrite(const std::string& text) {
    if (!live_) return;
    clear();
    out_ << text.substr(0, live_columns) << std::flush;
    shown_ = true;
  }

 private:
  void clear() {
    if (shown_) out_ << "\r\x1b[K" << std::flush;
    shown_ = false;
  }
  std::ostream& out_;
  bool live_, shown_ = false;
};

enum class Outcome { converged, failed, timed_out };

Outcome wait_for(const Options& options, Terminal& terminal, Progress& progress, Duration& waited) {
  Lines lines(options, terminal);
  const auto begin = Clock::now();
  std::string trouble;  // Said once, until it is another or over.
  while (true) {
    auto answer = ask_view<api::StatusView>(options, "GET", "/v1/status", {}, look_deadline);
    waited = Clock::now() - begin;
    std::string now;
    if (const auto* refusal = std::get_if<Refusal>(&answer)) {
      now = refusal->error.error + "; waiting";
    } else if (const auto& view = std::get<api::StatusView>(answer); view.local_view) {
      now = "no leader now, waiting: " + view.no_leader;
    } else {
      for (const std::string& line : progress.look(view, waited)) lines.say(waited, line);
      if (progress.reached()) return Outcome::converged;
      if (progress.failed()) return Outcome::failed;
      lines.overwrite(progress.summary());
    }
    if (now != trouble && !now.empty()) lines.say(waited, now);
    trouble = now;
    if (options.timeout.count() > 0 && waited >= options.timeout) return Outcome::timed_out;
    std::this_thread::sleep_for(terminal.poll);  // A poll: the status or --timeout ends the loop.
  }
}

const char* reached_text(Ensure goal) {
  switch (goal) {
    case Ensure::running:
      return "running";
    case Ensure::stopped:
      return "stopped";
    case Ensure::absent:
      return "deleted";
  }
  return "";
}

}  // namespace

int finish_change(const Options& options, Terminal& terminal, api::ApplyAnswer answer,
                  const Goals& goals) {
  std::ostream& words = options.output == Output::table ? terminal.out : terminal.err;
  words << show_changes(answer) << std::flush;
  if (options.no_wait) {
    const bool same = std::all_of(answer.changes.begin(), answer.changes.end(),
                                  [](const auto& row) { return row.change == "unchanged"; });
    print(options, terminal, answer,
          same ? "stored before; look with: agentctl status\n"
               : "stored; look with: agentctl status\n");
    return exit_done;
  }
  Progress progress(goals);
  Duration waited{};
  const Outcome outcome = wait_for(options, terminal, progress, waited);
  answer.waited_s = std::chrono::duration<double>(waited).count();
  if (outcome == Outcome::converged) {
    answer.outcome = "converged";
    const auto s = std::chrono::duration_cast<std::chrono::seconds>(waited).count();
    std::string text;
    for (const auto& [name, goal] : goals) text += name + ": " + reached_text(goal) + "\n";
    print(options, terminal, answer, text + "done in " + std::to_string(s) + " s\n");
    return exit_done;
  }
  answer.outcome = outcome == Outcome::failed ? "failed" : "timed out";
  for (const std::string& line : progress.open()) terminal.err << line << "\n";
  terminal.err
      << options.verb << " failed: "
      << (outcome == Outcome::failed
              ? "it does not come up"
              : "not reached within " + std::to_string(options.timeout.count()) + " s")
      << "; it is stored, and the site goes on trying, but for what an open breaker has ended\n"
      << "look with: agentctl status\n";
  print(options, terminal, answer, {});
  return exit_failed;
}

int change_resource(const Options& options, Terminal& terminal, const std::string& method,
                    const std::string& target, Ensure goal) {
  auto answer = ask_view<api::ApplyAnswer>(options, method, target);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) return fail(options, terminal, *refusal);
  return finish_change(options, terminal, std::get<api::ApplyAnswer>(answer),
                       {{options.name, goal}});
}

}  // namespace cierzo::ctl
