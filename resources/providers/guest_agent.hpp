// The QEMU guest agent's commands and answers, as text. Pure: whoever holds the connection sends
// them (libvirt_guest.cpp).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "resources/provider.hpp"

namespace cierzo {

// A string of JSON with its quotes. Precondition: UTF-8.
[[nodiscard]] std::string json_string(std::string_view text);

// Bytes that are not UTF-8, and control characters but newline and tab, become '?'.
[[nodiscard]] std::string readable(std::string_view bytes);
[[nodiscard]] bool is_utf8(std::string_view bytes);

// The last lines of an output as GuestProgress promises them: at most 20 and 4 KiB, valid UTF-8,
// without the newline at the end.
[[nodiscard]] std::string last_lines(std::string_view output, bool whole = false);

// None: not Base64.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

// Why a command cannot be sent, if so: a log name that is not one, bytes that are not UTF-8, more
// than the agent takes. (qemu-ga 7.2 took 200 KiB, and hung for good on 300 KiB.)
inline constexpr std::size_t request_max = 192 * 1024;  // bytes of the request, escapes included
[[nodiscard]] std::optional<std::string> command_mistake(const GuestCommand& command);

// `guest-exec` of the command. The guest first prints `token`, so that after a reboot of the guest
// another command's output under the same process id is not taken for this one's.
// Precondition of sending it: no command_mistake.
[[nodiscard]] std::string exec_request(const GuestCommand& command, std::string_view token);
[[nodiscard]] std::string status_request(std::int64_t pid);

// What the agent answered. None: not an answer to that request.
[[nodiscard]] std::optional<std::int64_t> read_exec(std::string_view answer);
struct ExecStatus {
  bool exited = false;
  int exit_code = 0;   // 128 + signal where it was killed.
  std::string output;  // Of its standard output; only when it exited.
};
[[nodiscard]] std::optional<ExecStatus> read_status(std::string_view answer);

// Splits what a command printed into its token's line and the rest. None: another's token.
[[nodiscard]] std::optional<std::string> output_of(const ExecStatus& status,
                                                   std::string_view token);

}  // namespace cierzo
