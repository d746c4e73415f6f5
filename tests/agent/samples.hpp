// One message of each kind, every field of it filled: what tests of the wire begin with.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "tests/agent/fields.hpp"

namespace cierzo::samples {

// A report's instances are its own.
inline void make_consistent(Report& report) {
  for (Observed& observed : report.instances) observed.host = report.host;
}

// One of each kind, every field of it filled.
inline std::vector<PeerMessage> one_of_each() {
  std::vector<PeerMessage> all;
  const auto add = [&all](auto message) {
    fields::Filler().fill(message);
    all.emplace_back(std::move(message));
  };
  add(Hello{});
  add(ReportRequest{});
  add(CommandResult{});
  std::get<CommandResult>(all.back()).ok =
      false;  // Refused and done is a contradiction, and refused as one.
  add(Forward{});
  add(ForwardAnswer{});
  std::get<ForwardAnswer>(all.back()).status = 404;
  Report report;
  fields::Filler().fill(report);
  make_consistent(report);
  all.emplace_back(report);

  const auto add_body = [&all](auto body) {
    election::Message message;
    message.body = body;
    fields::Filler().fill(message);
    all.emplace_back(std::move(message));
  };
  add_body(election::Election{});
  add_body(election::Answer{});
  add_body(election::Coordinator{});
  add_body(election::Accept{});
  add_body(election::Refuse{});
  add_body(election::Heartbeat{});
  add_body(election::HeartbeatAck{});
  add_body(election::Store{});
  add_body(election::Stored{});
  add_body(election::Release{});
  add_body(election::Fetch{});
  add_body(election::FetchReply{});
  add_body(election::StateQuery{});
  add_body(election::StateAnswer{});
  add_body(election::Found{});
  add_body(election::MembersNews{});
  static_assert(std::variant_size_v<election::Body> == 16, "a new kind of message: add it above");

  const auto add_work = [&all](auto work) {
    Command command;
    command.action.work = work;
    fields::Filler().fill(command);
    all.emplace_back(std::move(command));
  };
  add_work(StartVm{});
  add_work(StopVm{});
  add_work(RemoveDisk{});
  add_work(ResetVm{});
  add_work(Resume{});
  add_work(Configure{});
  add_work(RunScript{});
  add_work(Attend{});
  add_work(ForgetFailures{});
  static_assert(std::variant_size_v<Work> == 9, "a new kind of work: add it above");
  static_assert(std::variant_size_v<PeerMessage> == 8, "a new kind of message: add it above");
  return all;
}

// "1", "1.5" or "4.2": which message, and which body or work of it.
inline std::string kind_of(const PeerMessage& message) {
  std::string kind = std::to_string(message.index());
  if (const auto* election = std::get_if<election::Message>(&message)) {
    kind += "." + std::to_string(election->body.index());
  } else if (const auto* command = std::get_if<Command>(&message)) {
    kind += "." + std::to_string(command->action.work.index());
  }
  return kind;
}

}  // namespace cierzo::samples
