#include "agent/net/spare.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace cierzo {

// Opened, not duplicated: it must count as a file of its own in the system's table, too (ENFILE).
bool SpareDescriptor::take() {
  if (fd_ < 0) fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return fd_ >= 0;
}

void SpareDescriptor::give_up() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace cierzo
