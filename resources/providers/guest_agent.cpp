#include "resources/providers/guest_agent.hpp"

#include <algorithm>
#include <charconv>

#include "manifests/yaml_tree.hpp"

namespace cierzo {
namespace {

constexpr std::size_t lines_kept = 20, bytes_kept = 4096, bytes_kept_whole = 65536;

// Linux takes at most 128 KiB in one string of the environment; a script may be longer.
constexpr std::size_t part_size = 112 * 1024;
static_assert(request_max < 2 * (part_size - 4), "the wrapper knows of two parts");

// Length of the UTF-8 sequence at the front, 0 if there is none. Overlong forms, surrogates and
// code points beyond U+10FFFF are none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return wrong ? 0 : length;
}

// What the guest's shell does around the script.
//
// The script travels in the environment: process arguments are readable by every user of the
// guest, and a script's text may hold secrets. `eval` in a shell of its own, so no file is left.
// Its output goes to a file, not to the agent's pipe: a daemon that the script leaves behind would
// hold the pipe open, and the agent would never see the end. (The shell's descriptor 3 is that
// pipe: closed for the script.) At the end the file's last lines are printed for the agent. Where
// the file cannot be written the script runs all the same, and what was in the way is printed: a
// check's verdict is its exit status. Without a name for the file the script prints to the pipe.
//
// `timeout` of coreutils kills the process group, busybox's only its child: the kill after it makes
// them alike. What has left the group (setsid, a double fork) is known by a variable in its
// environment that no other run has. Where a guest has no `timeout`, the host's deadline is all.
constexpr std::string_view wrapper = R"sh(
name=$CIERZO_LOG limit=$CIERZO_LIMIT token=$CIERZO_TOKEN folder=/run/cierzo/log
unset CIERZO_LOG CIERZO_LIMIT CIERZO_TOKEN
echo "$token"
run='script=$CIERZO_SCRIPT_0$CIERZO_SCRIPT_1
unset CIERZO_SCRIPT_0 CIERZO_SCRIPT_1
eval "$script"'
[ -n "$name" ] || exec /bin/sh -c "$run" cierzo 2>&1 </dev/null
log=$folder/$name
empty_log() {
  [ -d $folder ] || (umask 077; mkdir -p $folder) || return 1
  echo >"$log" && : >"$log"
}
if ! empty_log 2>/dev/null; then
  echo "no output is kept, since $log cannot be written: $(empty_log 2>&1)"
  log=/dev/null
fi
exec 3>&1 >>"$log" 2>&1 </dev/null
export CIERZO_RUN="$token"
if command -v setsid >/dev/null && command -v timeout >/dev/null; then
  setsid timeout -s KILL "$limit" /bin/sh -c "$run" cierzo 3>&- &
else
  /bin/sh -c "$run" cierzo 3>&- &
fi
child=$!
unset CIERZO_RUN
wait $child 2>/dev/null
status=$?
if [ $status = 137 ]; then
  kill -s KILL -- -$child 2>/dev/null
  for left in $(grep -ls "CIERZO_RUN=$token" /proc/[0-9]*/environ); do
    left=${left#/proc/}
    kill -s KILL "${left%/environ}" 2>/dev/null
  done
fi
[ -s "$log" ] && tail -c 8192 "$log" >&3
exit $status
)sh";

const manifests::YamlNode* field(const manifests::YamlNode& node, std::string_view name) {
  return node.kind == manifests::YamlNode::Kind::mapping ? node.find(name) : nullptr;
}

std::optional<std::int64_t> number(const manifests::YamlNode* node) {
  if (node == nullptr || node->quoted) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = node->text.data() + node->text.size();
  const auto read = std::from_chars(node->text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return value;
}

// The agent's answers are JSON, which is YAML: the one strict reader that the project has will do.
struct Answer {
  manifests::YamlTree tree;
  const manifests::YamlNode* value = nullptr;  // Of "return".
};

std::string variable(std::string_view name, std::string_view value) {
  return json_string(std::string(name) + "=" + std::string(value));
}

}  // namespace

std::string json_string(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  out.reserve(text.size() + text.size() / 8 + 2);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto length = sequence_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string readable(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const auto length = sequence_length(bytes);
    const auto first = static_cast<unsigned char>(bytes.front());
    const bool control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7f;
    if (length == 0 || control) {
      out += '?';
      bytes.remove_prefix(1);
    } else {
      out += bytes.substr(0, length);
      bytes.remove_prefix(length);
    }
  }
  return out;
}

std::string last_lines(std::string_view output, bool whole) {
  const std::size_t kept = whole ? bytes_kept_whole : bytes_kept;
  while (!output.empty() && output.back() == '\n') output.remove_suffix(1);
  if (output.size() > kept) {
    output.remove_prefix(output.size() - kept);
    // Not in the middle of a character: continuation bytes at the front belong to one cut off.
    while (!output.empty() && (static_cast<unsigned char>(output.front()) & 0xc0) == 0x80) {
      output.remove_prefix(1);
    }
  }
  std::size_t lines = 1;
  for (auto at = whole ? 0 : output.size(); at > 0; --at) {
    if (output[at - 1] == '\n' && lines++ == lines_kept) {
      output.remove_prefix(at);
      break;
    }
  }
  return readable(output);
}

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const auto digit = digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return out;
}

std::optional<std::string> command_mistake(const GuestCommand& command) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  if (command.log.size() > 100 || command.log.starts_with('.') ||
      !std::all_of(command.log.begin(), command.log.end(), plain)) {
    return "'" + readable(command.log) + "' cannot name a log file in the guest";
  }
  const auto good = [](const std::string& text) {
    return is_utf8(text) && text.find('\0') == std::string::npos;
  };
  bool text = good(command.script);
  for (const auto& [name, value] : command.environment) {
    text = text && good(name) && good(value);
    if (name.empty() || name.find('=') != std::string::npos) {
      return "'" + readable(name) + "' cannot name a variable of the environment";
    }
    if (value.size() > part_size) return name + " is longer than 112 KiB";
  }
  if (!text) return "the script or its environment is not UTF-8 text without NUL";
  // Most are far shorter: no byte becomes more than six in JSON, and a sixth is left for the rest.
  std::size_t bytes = command.script.size();
  for (const auto& [name, value] : command.environment) bytes += name.size() + value.size() + 8;
  if (6 * bytes > request_max / 6 * 5 && exec_request(command, {}).size() > request_max) {
    return "the script and its environment are longer than the guest agent takes (192 KiB)";
  }
  return std::nullopt;
}

std::string exec_request(const GuestCommand& command, std::string_view token) {
  using std::chrono::seconds;
  const auto limit = std::chrono::ceil<seconds>(command.timeout).count();
  std::string variables = variable("CIERZO_LOG", command.log) + "," +
                          variable("CIERZO_LIMIT", std::to_string(std::max<long>(limit, 1))) + "," +
                          variable("CIERZO_TOKEN", token);
  // The agent gives the command no environment but this one.
  if (command.environment.count("PATH") == 0) {
    constexpr std::string_view path =
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    variables += "," + variable("PATH", path);
  }
  if (command.environment.count("HOME") == 0) variables += "," + variable("HOME", "/root");
  for (const auto& [name, value] : command.environment) variables += "," + variable(name, value);
  int part = 0;
  for (std::string_view rest = command.script; !rest.empty(); ++part) {
    auto length = std::min(part_size, rest.size());
    // Not in the middle of a character: each part is a JSON string of its own.
    while (length < rest.size() && (static_cast<unsigned char>(rest[length]) & 0xc0) == 0x80) {
      --length;
    }
    variables += "," + variable("CIERZO_SCRIPT_" + std::to_string(part), rest.substr(0, length));
    rest.remove_prefix(length);
  }
  return R"({"execute":"guest-exec","arguments":{"path":"/bin/sh","arg":["-c",)" +
         json_string(wrapper) + R"(],"env":[)" + variables + R"(],"capture-output":true}})";
}

std::string status_request(std::int64_t pid) {
  return R"({"execute":"guest-exec-status","arguments":{"pid":)" + std::to_string(pid) + "}}";
}

namespace {

Answer read_answer(std::string_view text) {
  Answer answer{manifests::parse_yaml_tree(text, "guest agent"), nullptr};
  if (answer.tree.ok()) answer.value = field(answer.tree.root, "return");
  return answer;
}

}  // namespace

std::optional<std::int64_t> read_exec(std::string_view text) {
  const auto answer = read_answer(text);
  return answer.value == nullptr ? std::nullopt : number(field(*answer.value, "pid"));
}

std::optional<ExecStatus> read_status(std::string_view text) {
  const auto answer = read_answer(text);
  if (answer.value == nullptr) return std::nullopt;
  const auto* exited = field(*answer.value, "exited");
  if (exited == nullptr) return std::nullopt;
  ExecStatus status;
  status.exited = exited->text == "true";
  if (!status.exited) return status;
  // Whoever owns the guest may say anything: what no process can end with is no answer. Cut down to
  // an int, 4294967296 would be a success.
  const auto signal = number(field(*answer.value, "signal"));
  const auto code = number(field(*answer.value, "exitcode"));
  if (signal && *signal > 0 && *signal < 128) {
    status.exit_code = 128 + static_cast<int>(*signal);
  } else if (!signal && code && *code >= 0 && *code < 256) {
    status.exit_code = static_cast<int>(*code);
  } else {
    return std::nullopt;
  }
  if (const auto* data = field(*answer.value, "out-data")) {
    auto output = decode_base64(data->text);
    if (!output) return std::nullopt;
    status.output = std::move(*output);
  }
  return status;
}

std::optional<std::string> output_of(const ExecStatus& status, std::string_view token) {
  const std::string_view output = status.output;
  if (output.size() <= token.size() || output.substr(0, token.size()) != token ||
      output[token.size()] != '\n') {
    return std::nullopt;
  }
  return std::string(output.substr(token.size() + 1));
}

}  // namespace cierzo
