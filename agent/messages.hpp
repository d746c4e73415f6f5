// What travels between agents beside the election's own messages. The sender is never in the
// message: it is what the key proves. (TRAPS S5)
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "election/message.hpp"
#include "monitor/report.hpp"
#include "resources/action.hpp"

namespace cierzo {

// First on every connection, both ways: says who speaks which version, and that keys are accepted.
struct Hello {
  std::uint32_t version = 1;
  std::string software;  // "0.1.0"
  std::string process;   // Random for each start of the process.
  bool answer = false;   // This is the answer to a Hello.
};

// Leader -> host. Refused where the term is old, the permit has ended (also if another was given
// since) or is of another term, boot or state differ, or n is not above the mark. (rule 17)
struct Command {
  Stamp id;  // (term, n), n rising for each host.
  std::string boot, state_id;
  std::uint64_t permit_spell = 0;  // The unbroken stretch of permits it was sent under.
  Action action;
};

// Host -> leader: a hint. The next report is the truth.
struct CommandResult {
  Stamp id;
  bool refused = false;  // It was not begun.
  bool ok = false;
  std::string error;
};

// Leader -> host: its digest of your report is not the one your acknowledgement carried, or it
// wants to know of these images as well; say it again.
struct ReportRequest {
  std::vector<std::string> images;  // Absolute paths, outside the images' folder or not.
};

// Any agent -> leader and back: an HTTP request of the control socket that only the leader can
// answer. A change is begun only by the leader in `term`, and at most `valid` after it had sent the
// heartbeat that the sender heard last, by its own clock; so never after the sender has said that
// nobody knows what became of it. (rule 10)
struct Forward {
  std::string id;  // Random; matches the answer. Another each time that it is sent.
  std::string method, target, body;
  Term term{};
  Time heard{};  // election::Heartbeat::at of that one, given back.
  Duration valid{};
};
struct ForwardAnswer {
  std::string id;
  int status = 200;
  std::string body;
};

using PeerMessage = std::variant<Hello, election::Message, Report, ReportRequest, Command,
                                 CommandResult, Forward, ForwardAnswer>;

}  // namespace cierzo
