#include "agent/guard/page.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace cierzo::guard {
namespace {

constexpr std::array<char, 8> page_magic = {'c', 'i', 'e', 'r', 'z', 'o', 'G', '\n'};

std::string reason() { return std::strerror(errno); }

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw std::runtime_error("the guard's page " + path + " " + why);
}

std::string start_it() { return "start the guard: systemctl start cierzo-guard"; }

void* map_file(int fd) {
  void* const memory = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return nullptr;
  // A child would keep the open file by its copy of the mapping, and with it the guard's lock.
  madvise(memory, sizeof(Page), MADV_DONTFORK);
  return memory;
}

// Why the open file is no page for us; empty: it is one. Whatever anybody wrote there.
std::string mistake_of(int fd, const std::string& boot) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return "cannot be looked at: " + reason();
  Page header;
  constexpr auto length = offsetof(Page, guard_beat);
  static_assert(length < 128);
  if (pread(fd, static_cast<void*>(&header), length, 0) != static_cast<ssize_t>(length) ||
      header.magic != page_magic) {
    return "is something else, or torn";
  }
  if (header.version != page_version) {
    return "is of version " + std::to_string(header.version) + ", and this program knows version " +
           std::to_string(page_version) + ": agent and guard must be of one release";
  }
  if (header.size != sizeof(Page) || file.st_size != static_cast<off_t>(sizeof(Page))) {
    return "is torn: it has another size than it says";
  }
  const std::size_t size = strnlen(header.boot.data(), header.boot.size());
  if (boot != std::string(header.boot.data(), size)) return "is of another boot of this host";
  return {};
}

}  // namespace

MappedPage::~MappedPage() { close(); }

void MappedPage::close() {
  if (page_ != nullptr) munmap(page_, sizeof(Page));
  if (fd_ >= 0) ::close(fd_);  // And with it the lock of the guard.
  page_ = nullptr;
  fd_ = -1;
}

std::string MappedPage::map(int fd) {
  close();
  void* const memory = map_file(fd);
  if (memory == nullptr) return "cannot be mapped: " + reason();
  page_ = static_cast<Page*>(memory);
  fd_ = fd;
  return {};
}

// A whole one takes the place of what is there: nobody ever sees half a page.
void MappedPage::make(const std::string& path, const std::string& boot) {
  const std::string made = path + ".new";
  unlink(made.c_str());
  const int fd = ::open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) refuse(path, "cannot be made: " + made + ": " + reason());
  if (ftruncate(fd, sizeof(Page)) != 0 || !map(fd).empty()) refuse(path, "cannot be made");
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) refuse(path, "cannot be locked: " + reason());
  page_->magic = page_magic;
  page_->version = page_version;
  page_->size = sizeof(Page);
  boot.copy(page_->boot.data(), page_->boot.size() - 1);
  if (rename(made.c_str(), path.c_str()) != 0) refuse(path, "cannot be put there: " + reason());
}

void MappedPage::create(const std::string& path, const std::string& boot) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return make(path, boot);
  if (fd < 0) refuse(path, "cannot be opened: " + reason());
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    refuse(path, "has a guard already");
  }
  const std::string mistake = mistake_of(fd, boot);
  if (mistake.empty()) {
    if (const std::string why = map(fd); !why.empty()) refuse(path, why);
    return;
  }
  ::close(fd);
  // What another boot left says nothing any more: no process of it lives.
  if (mistake.find("another boot") != std::string::npos) return make(path, boot);
  refuse(path, mistake + "; where no VM of the site runs, remove it and start the guard again");
}

std::string MappedPage::open(const std::string& path, const std::string& boot) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    const std::string why = errno == ENOENT ? std::string() : " (" + path + ": " + reason() + ")";
    return "no guard runs" + why + "; " + start_it();
  }
  std::string mistake = mistake_of(fd, boot);
  if (mistake.empty()) {
    mistake = map(fd);
    if (mistake.empty()) return {};
  }
  ::close(fd);
  return "the guard's page " + path + " " + mistake + "; " + start_it();
}

bool MappedPage::is_at(const std::string& path) const {
  struct stat mine {
  }, there{};
  return fd_ >= 0 && fstat(fd_, &mine) == 0 && stat(path.c_str(), &there) == 0 &&
         mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

// ---- Waiting

void ring(std::atomic<std::uint32_t>& word) {
  word.fetch_add(1);
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void await(std::atomic<std::uint32_t>& word, std::uint32_t seen, Duration most) {
  const auto nanoseconds = std::max(most, Duration::zero()).count();
  const timespec left{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  syscall(SYS_futex, &word, FUTEX_WAIT, seen, &left, nullptr, 0);
}

// ---- Processes

ProcessSeen see_process(std::int64_t pid) {
  char path[64], text[1024];
  std::snprintf(path, sizeof path, "/proc/%lld/stat", static_cast<long long>(pid));
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t length = read(fd, text, sizeof text - 1);
  ::close(fd);
  if (length <= 0) return {};
  text[length] = '\0';
  // "PID (NAME) STATE ..." where the name may hold anything; the start is the 22nd field.
  const char* at = std::strrchr(text, ')');
  if (at == nullptr || at[1] != ' ') return {};
  ProcessSeen seen;
  seen.state = at[2];
  at += 2;
  for (int field = 3; field < 22 && at != nullptr; ++field) {
    at = std::strchr(at, ' ');
    if (at != nullptr) ++at;
  }
  if (at != nullptr) seen.started = std::strtoull(at, nullptr, 10);
  return seen;
}

int open_process(std::int64_t pid, std::uint64_t started) {
  if (pid <= 0) return -1;
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0));
  if (fd < 0) return -1;
  // Looked at after it was opened: what is seen now is what the descriptor names, or has ended.
  const ProcessSeen seen = see_process(pid);
  if (seen.started == started && seen.state != 'Z' && seen.state != 'X') return fd;
  ::close(fd);
  return -1;
}

bool send_signal(int pidfd, int number) {
  return syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0;
}

}  // namespace cierzo::guard
