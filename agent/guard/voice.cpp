#include "agent/guard/voice.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace cierzo::guard {

// O_NONBLOCK belongs to the open file, which is shared with whoever else writes there: so it is set
// on another one. A socket (journald's) cannot be opened again, but has send(). For a regular file
// there is no such thing as waiting for a reader.
Voice::Voice() {
  struct stat target {};
  if (fstat(STDERR_FILENO, &target) != 0) return;
  socket_ = S_ISSOCK(target.st_mode);
  if (S_ISFIFO(target.st_mode) || S_ISCHR(target.st_mode)) {
    own_ = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  } else if (S_ISREG(target.st_mode)) {
    own_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  }
}

Voice::~Voice() {
  if (own_ >= 0) close(own_);
}

void Voice::say(const char* what, const char* about, const char* cure) const {
  char line[512];
  const int length = std::snprintf(line, sizeof line, "cierzo-guard: %s%s%s\n", what, about, cure);
  if (length <= 0) return;
  const auto size = std::min(static_cast<std::size_t>(length), sizeof line - 1);
  if (socket_) {
    [[maybe_unused]] const auto sent = send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (own_ >= 0) {
    [[maybe_unused]] const auto written = write(own_, line, size);
  }
}

}  // namespace cierzo::guard
