#define SD_JOURNAL_SUPPRESS_LOCATION  // The place is the caller's, and a field of ours.
#include "agent/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

namespace cierzo::log {
namespace {

using Clock = std::chrono::steady_clock;

struct Bucket {
  double tokens = lines_burst;
  Clock::time_point filled = Clock::now();
  std::uint64_t left_out = 0;
};

// The one mutex of the agent: libvirt's threads log too.
struct State {
  std::mutex mutex;
  Level least = Level::info;
  bool journal = false;
  std::shared_ptr<spdlog::logger> text;
  std::map<std::pair<std::string, std::uint_least32_t>, Bucket> buckets;  // By place in the code.
};

State& state() {
  static State* const only = [] {  // Never destroyed: threads may log while the process ends.
    auto* made = new State;
    made->text = std::make_shared<spdlog::logger>(
        "cierzo", std::make_shared<spdlog::sinks::stderr_color_sink_st>());
    made->text->set_level(spdlog::level::debug);
    made->text->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%-7l%$ %v");
    made->text->flush_on(spdlog::level::debug);
    return made;
  }();
  return *only;
}

// True where stderr is the journal's own stream: JOURNAL_STREAM alone would also be seen by
// children whose stderr was put elsewhere. (systemd.exec(5))
bool stderr_is_journal() {
  const char* named = std::getenv("JOURNAL_STREAM");
  struct stat found {};
  if (named == nullptr || ::fstat(STDERR_FILENO, &found) != 0) return false;
  return std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino) == named;
}

std::string one_line(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

// How many lines of this place were left out before this one, or -1 when this one is left out too.
std::int64_t admit(Bucket& bucket, Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - bucket.filled).count();
  bucket.tokens = std::min(lines_burst, bucket.tokens + seconds * lines_per_second);
  bucket.filled = now;
  if (bucket.tokens < 1) {
    ++bucket.left_out;
    return -1;
  }
  bucket.tokens -= 1;
  return static_cast<std::int64_t>(std::exchange(bucket.left_out, 0));
}

int priority(Level level) {
  switch (level) {
    case Level::debug:
      return LOG_DEBUG;
    case Level::info:
      return LOG_INFO;
    case Level::warning:
      return LOG_WARNING;
    case Level::error:
      return LOG_ERR;
  }
  return LOG_ERR;
}

spdlog::level::level_enum text_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

bool to_journal(Level level, const std::string& message, const Fields& fields,
                const std::source_location& at) {
  std::vector<std::string> lines = {
      "MESSAGE=" + message, "PRIORITY=" + std::to_string(priority(level)),
      std::string("CODE_FILE=") + at.file_name(), "CODE_LINE=" + std::to_string(at.line()),
      std::string("CODE_FUNC=") + at.function_name()};
  for (const Field& field : fields) {
    std::string line = "CIERZO_";
    for (const char c : field.name) {
      line += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    lines.push_back(line + "=" + one_line(field.value));
  }
  std::vector<iovec> parts;
  for (std::string& line : lines) parts.push_back({line.data(), line.size()});
  return ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0;
}

}  // namespace

void start(Level least) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  s.least = least;
  s.journal = stderr_is_journal();
}

void write(Level level, std::string_view message, const Fields& fields,
           const std::source_location& at) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (level < s.least) return;
  const std::int64_t left_out = admit(s.buckets[{at.file_name(), at.line()}], Clock::now());
  if (left_out < 0) return;
  std::string line = one_line(message);
  if (left_out > 0) line += " (" + std::to_string(left_out) + " lines like this were left out)";
  if (s.journal && to_journal(level, line, fields, at)) return;
  for (const Field& field : fields) {
    line += " " + std::string(field.name) + "=" + one_line(field.value);
  }
  s.text->log(text_level(level), "{}", line);
}

}  // namespace cierzo::log
