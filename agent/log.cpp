#include "agent/log.hpp"

#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <climits>
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

static_assert(line_max <= PIPE_BUF);

// stderr, only as far as it takes a line without waiting: it may be a pipe whose reader hangs.
// (spdlog's own sinks wait.) A disk that is full loses lines, and nothing else.
class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // Of the last line, since the last call.
  [[nodiscard]] bool written() const { return written_; }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (line.size() > line_max) {
      line.resize(line_max);
      line[line_max - 1] = '\n';
    }
    pollfd ready{STDERR_FILENO, POLLOUT, 0};
    written_ =
        ::poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0 &&
        ::write(STDERR_FILENO, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  }
  void flush_() override {}

 private:
  bool written_ = true;
};

// The one mutex of the agent: libvirt's threads log too.
struct State {
  std::mutex mutex;
  Level least = Level::info;
  int journal = -1;  // A socket of our own: libsystemd's waits while journald does not read.
  std::shared_ptr<StderrSink> sink = std::make_shared<StderrSink>();
  std::uint64_t unwritten = 0;  // Lines that nobody took, since the last that somebody did.
  std::shared_ptr<spdlog::logger> text;
  std::map<std::pair<std::string, std::uint_least32_t>, Bucket> buckets;  // By place in the code.
};

State& state() {
  static State* const only = [] {  // Never destroyed: threads may log while the process ends.
    auto* made = new State;
    made->text = std::make_shared<spdlog::logger>("cierzo", made->sink);
    made->text->set_level(spdlog::level::debug);
    made->text->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %-7l %v");
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

// journald's own protocol: a field a line, none of whose values has a newline. (systemd.io,
// "Native Journal Protocol")
bool to_journal(int socket, Level level, const std::string& message, const Fields& fields,
                const std::source_location& at) {
  std::string entry = "MESSAGE=" + message + "\nPRIORITY=" + std::to_string(priority(level)) +
                      "\nSYSLOG_IDENTIFIER=" + program_invocation_short_name +
                      "\nCODE_FILE=" + at.file_name() + "\nCODE_LINE=" + std::to_string(at.line()) +
                      "\nCODE_FUNC=" + at.function_name() + "\n";
  for (const Field& field : fields) {
    entry += "CIERZO_";
    for (const char c : field.name) {
      entry += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    entry += "=" + one_line(field.value) + "\n";
  }
  return ::send(socket, entry.data(), entry.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(entry.size());
}

int connect_journal(const char* path) {
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view(path).copy(address.sun_path, sizeof address.sun_path - 1);
  if (fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    return fd;
  }
  if (fd >= 0) ::close(fd);
  return -1;
}

bool to_stderr(State& s, Level level, std::string line, const Fields& fields) {
  for (const Field& field : fields) {
    line += " " + std::string(field.name) + "=" + one_line(field.value);
  }
  s.text->log(text_level(level), "{}", line);
  return s.sink->written();
}

}  // namespace

void start(Level least, const char* journal) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  s.least = least;
  if (s.journal >= 0) ::close(s.journal);
  s.journal = stderr_is_journal() ? connect_journal(journal) : -1;
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
  if (s.unwritten > 0) {
    line +=
        " (before this " + std::to_string(s.unwritten) + " lines were lost: nobody read the log)";
  }
  const bool journalled = s.journal >= 0 && to_journal(s.journal, level, line, fields, at);
  // A journald that does not read now reads later; one that has gone leaves its stream on stderr.
  const bool waits = !journalled && s.journal >= 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  const bool written = journalled || (!waits && to_stderr(s, level, std::move(line), fields));
  s.unwritten = written ? 0 : s.unwritten + 1;
}

}  // namespace cierzo::log
