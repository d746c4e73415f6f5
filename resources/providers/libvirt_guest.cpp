#include "resources/providers/libvirt_guest.hpp"

#include <libvirt/libvirt-qemu.h>

#include <chrono>
#include <random>
#include <string>

#include "resources/providers/guest_agent.hpp"

namespace cierzo::libvirt {
namespace {

constexpr int ping_seconds = 1, power_off_seconds = 1, start_seconds = 5, status_seconds = 3;

Text ask(const DomainFound& domain, const std::string& request, int seconds) {
  return Text(virDomainQemuAgentCommand(domain.handle.get(), request.c_str(), seconds, 0));
}

// Tells one command's output from another's; no secret.
std::string new_token() {
  std::random_device random;
  return "cierzo-" + std::to_string(random()) + "-" + std::to_string(random());
}

}  // namespace

bool guest_answers(const DomainFound& domain) {
  return ask(domain, R"({"execute":"guest-ping"})", ping_seconds) != nullptr;
}

// The agent answers only failures, and virDomainShutdownFlags would wait for the end of the guest:
// a minute, where it does not end.
void ask_to_power_off(const DomainFound& domain) {
  (void)ask(domain, R"({"execute":"guest-shutdown","arguments":{"mode":"powerdown"}})",
            power_off_seconds);
}

// Says the time in the request, not "read your hardware clock": that one stood still as well.
bool set_guest_clock(const DomainFound& domain) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  return ask(domain,
             R"({"execute":"guest-set-time","arguments":{"time":)" + std::to_string(nanoseconds) +
                 "}}",
             start_seconds) != nullptr;
}

GuestHandle guest_start(Link& link, const Connection& connection, const DomainFound& domain,
                        const GuestCommand& command) {
  if (auto mistake = command_mistake(command)) {
    throw Refused{{FailureKind::other, std::move(*mistake)}};
  }
  GuestHandle handle;
  handle.token = new_token();
  const auto answer = ask(domain, exec_request(command, handle.token), start_seconds);
  if (!answer) {
    throw Refused{outcome_of(link, connection, last_error(), "starting a command in the guest")};
  }
  const auto pid = read_exec(answer.get());
  if (!pid) {
    throw Refused{{FailureKind::other, "the guest agent answered something else than asked"}};
  }
  handle.pid = *pid;
  handle.whole = command.log.empty();
  return handle;
}

GuestProgress guest_progress(Link& link, const Connection& connection, const DomainFound& domain,
                             const GuestHandle& handle) {
  GuestProgress progress;
  const auto answer = ask(domain, status_request(handle.pid), status_seconds);
  if (!answer) {
    progress.outcome =
        outcome_of(link, connection, last_error(), "asking after a command in the guest");
    // An agent that answers everything else has refused this: it does not know the command, because
    // the guest has rebooted. Its words are not looked at; whether it answers is.
    if (progress.outcome.kind == FailureKind::other) {
      progress.outcome.kind =
          guest_answers(domain) ? FailureKind::not_found : FailureKind::unreachable;
    }
    return progress;
  }
  const auto status = read_status(answer.get());
  if (!status) {
    progress.outcome = {FailureKind::other, "the guest agent answered something else than asked"};
    return progress;
  }
  if (!status->exited) return progress;
  const auto output = output_of(*status, handle.token);
  if (!output) {
    progress.outcome = {FailureKind::not_found,
                        "the guest runs another command under this number: it has rebooted"};
    return progress;
  }
  progress.finished = true;
  progress.exit_code = status->exit_code;
  progress.last_lines = last_lines(*output, handle.whole);
  return progress;
}

}  // namespace cierzo::libvirt
