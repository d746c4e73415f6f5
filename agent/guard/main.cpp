// cierzo-guard: pauses this host's VMs when its permit ends, whatever becomes of the agent and of
// libvirtd (rule 13). Links next to nothing and does next to nothing, so that little can stop it.
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

#include "agent/guard/keeper.hpp"
#include "agent/guard/voice.hpp"

namespace {

constexpr int exit_usage = 1, exit_failed = 2;
constexpr int priority = 10;  // Above everything that is not real-time; below the kernel's own.
constexpr const char* usage =
    "cierzo-guard [--page FILE] [-- AGENT ARGUMENT...]\n"
    "\n"
    "Pauses this host's VMs when the agent's permit to run them ends.\n"
    "\n"
    "  --page FILE  what it shares with the agent (guard.page of its configuration);\n"
    "               default: /run/cierzo/guard.page\n"
    "  -- AGENT...  start the agent again by this command when it has died or hangs; without it\n"
    "               somebody else does (systemd)\n";

volatile std::sig_atomic_t stop_wanted = 0;

// What keeps it in time on a host that is short of memory or CPU. It does its work without, and
// says what to allow.
void claim_resources(const cierzo::guard::Voice& voice) {
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
    voice.say("its memory is not locked: ", std::strerror(errno),
              "; allow it: CAP_IPC_LOCK, or LimitMEMLOCK=infinity");
  }
  sched_param wanted{};
  wanted.sched_priority = priority;
  // What it starts (the agent) is an ordinary process again.
  if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &wanted) != 0) {
    voice.say("it has no real-time priority, so a busy host may pause its VMs late: ",
              std::strerror(errno), "; allow it: CAP_SYS_NICE, or LimitRTPRIO=10");
    setpriority(PRIO_PROCESS, 0, -20);
  }
  if (FILE* const score = std::fopen("/proc/self/oom_score_adj", "we")) {
    std::fputs("-1000", score);
    if (std::fclose(score) != 0) {
      voice.say("it may be killed when memory runs out: ", std::strerror(errno),
                "; allow it: OOMScoreAdjust=-1000");
    }
  }
}

}  // namespace

int main(int count, char** words) {
  cierzo::guard::KeeperConfig config;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--help") {
      std::fputs(usage, stdout);
      return 0;
    }
    if (word == "--version") {
      std::puts("cierzo-guard " CIERZO_VERSION);
      return 0;
    }
    if (word == "--") {
      config.agent.assign(words + i + 1, words + count);
      break;
    }
    if (word != "--page" || i + 1 == count) {
      std::fprintf(stderr, "cierzo-guard: %s: unknown, or its value is missing\n%s", words[i],
                   usage);
      return exit_usage;
    }
    config.page = words[++i];
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stop_wanted = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  const cierzo::guard::Voice voice;
  try {
    cierzo::guard::Keeper keeper(std::move(config));
    claim_resources(voice);
    voice.say(CIERZO_VERSION " looks after this host's VMs");
    while (stop_wanted == 0) keeper.go_round();
    keeper.end();
  } catch (const std::exception& error) {
    voice.say(error.what());
    return exit_failed;
  }
  return 0;
}
