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

struct Verdict {
  enum class Is { ours, of_another_version, of_another_boot, no_page } is;
  std::string why;  // Where it is not ours: "is torn ...".
};

// What the open file is for us, whatever anybody wrote there.
Verdict judge(int fd, const std::string& boot, std::uint32_t version) {
  using Is = Verdict::Is;
  struct stat file {};
  if (fstat(fd, &file) != 0) return {Is::no_page, "cannot be looked at: " + reason()};
  Page header;
  constexpr auto length = offsetof(Page, guard_beat);
  static_assert(length < 128);
  if (pread(fd, static_cast<void*>(&header), length, 0) != static_cast<ssize_t>(length) ||
      header.magic != page_magic) {
    return {Is::no_page, "is something else, or torn"};
  }
  const std::string versions = "is of version " + std::to_string(header.version) +
                               ", and this program knows version " + std::to_string(version);
  if (header.version < page_version_first) return {Is::no_page, versions};
  const std::uint64_t end =
      header.slots_at + std::uint64_t{header.slot_size} * std::uint64_t{header.slot_count};
  if (file.st_size != static_cast<off_t>(header.size) || end > header.size ||
      header.slots_at < common_page || header.slots_at % alignof(Slot) != 0 ||
      header.slot_size < common_slot || header.slot_size % alignof(Slot) != 0) {
    return {Is::no_page, "is torn: it has another size than it says"};
  }
  const std::size_t size = strnlen(header.boot.data(), header.boot.size());
  if (boot != std::string(header.boot.data(), size)) {
    return {Is::of_another_boot, "is of another boot of this host"};
  }
  if (header.version != version) return {Is::of_another_version, versions};
  if (header.size != sizeof(Page)) return {Is::no_page, "is torn: it has another size"};
  return {Is::ours, {}};
}

// Everything but what either side says of itself: beats, and who rings. The agent is named all the
// same: it goes on with the other page, so the guard replaces it.
void copy_common(const Page& other, Page& mine) {
  mine.generation = other.generation.load();
  mine.late_seen = other.late_seen.load();
  mine.paused_at = other.paused_at.load();
  mine.pausing = other.pausing.load();
  mine.agent.pid = other.agent.pid.load();
  mine.agent.started = other.agent.started.load();
  mine.deadline = other.deadline.load();
  mine.late = other.late.load();
  mine.permit = other.permit.load();
  mine.destroy_after = other.destroy_after.load();
  mine.complete = other.complete.load();
  mine.serials = other.serials.load();
  std::size_t next = 0;
  for (std::size_t i = 0; i < other.slot_count; ++i) {
    const Slot& from = slot_of(other, i);
    const SlotState state = from.state;
    if (state != SlotState::offered && state != SlotState::held) continue;
    // One that does not fit would be nobody's: then not all that may run is here.
    if (next == slots_max) {
      mine.complete = 0;
      return;
    }
    Slot& to = mine.slots[next++];
    to.flags = from.flags.load();
    to.process.pid = from.process.pid.load();
    to.process.started = from.process.started.load();
    to.serial = from.serial.load();
    to.name = from.name;
    to.stopped_under = from.stopped_under.load();
    to.continue_under = from.continue_under.load();
    to.state = state;
  }
}

// Of guards that start at once one makes the page: each step below would find the other's half.
// The folder is locked meanwhile, which outlives every page in it.
class Making {
 public:
  explicit Making(const std::string& path) {
    const std::size_t name = path.rfind('/');
    const std::string folder = name == std::string::npos ? "." : path.substr(0, name + 1);
    fd_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ < 0) refuse(path, "cannot be made: " + folder + ": " + reason());
    if (flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(fd_);
    refuse(path, "is being made by another guard");
  }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
  ~Making() { ::close(fd_); }

 private:
  int fd_;
};

}  // namespace

const Slot& slot_of(const Page& page, std::size_t which) {
  const char* const bytes = reinterpret_cast<const char*>(&page);
  return *reinterpret_cast<const Slot*>(bytes + page.slots_at + which * page.slot_size);
}

MappedPage::~MappedPage() { close(); }

void MappedPage::close() {
  if (page_ != nullptr) munmap(page_, sizeof(Page));
  if (other_ != nullptr) munmap(const_cast<Page*>(other_), other_size_);
  if (fd_ >= 0) ::close(fd_);  // And with it the lock of the guard.
  page_ = nullptr;
  other_ = nullptr;
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

std::string MappedPage::map_other(int fd) {
  close();
  struct stat file {};
  const auto size = fstat(fd, &file) == 0 ? static_cast<std::size_t>(file.st_size) : 0;
  void* const other = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (other == MAP_FAILED) return "cannot be mapped: " + reason();
  other_ = static_cast<const Page*>(other);
  other_size_ = size;
  return {};
}

// A whole one takes the place of what is there: nobody ever sees half a page.
void MappedPage::make(const std::string& path, const std::string& boot, const Page* other) {
  const std::string made = path + ".new";
  unlink(made.c_str());
  const int fd = ::open(made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) refuse(path, "cannot be made: " + made + ": " + reason());
  if (ftruncate(fd, sizeof(Page)) != 0 || !map(fd).empty()) refuse(path, "cannot be made");
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) refuse(path, "cannot be locked: " + reason());
  page_->magic = page_magic;
  page_->version = version_;
  page_->size = sizeof(Page);
  page_->slots_at = offsetof(Page, slots);
  page_->slot_size = sizeof(Slot);
  page_->slot_count = slots_max;
  if (other != nullptr) copy_common(*other, *page_);
  boot.copy(page_->boot.data(), page_->boot.size() - 1);
  if (rename(made.c_str(), path.c_str()) != 0) refuse(path, "cannot be put there: " + reason());
}

void MappedPage::create(const std::string& path, const std::string& boot) {
  const Making only_one(path);
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return make(path, boot);
  if (fd < 0) refuse(path, "cannot be opened: " + reason());
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd);
    refuse(path, "has a guard already");
  }
  const Verdict verdict = judge(fd, boot, version_);
  switch (verdict.is) {
    case Verdict::Is::ours:
      if (const std::string why = map(fd); !why.empty()) refuse(path, why);
      return;
    case Verdict::Is::of_another_boot:  // No process of it lives.
      ::close(fd);
      return make(path, boot);
    case Verdict::Is::of_another_version:
      return take_over(path, boot, fd);
    case Verdict::Is::no_page:
      ::close(fd);
      refuse(path,
             verdict.why + "; where no VM of the site runs, remove it and start the guard again");
  }
}

// With the other one locked until this one is there: its guard, if it is started again, finds this.
void MappedPage::take_over(const std::string& path, const std::string& boot, int fd) {
  MappedPage other(version_);
  if (const std::string why = other.map_other(fd); !why.empty()) refuse(path, why);
  make(path, boot, other.seen());
  taken_over_ = true;
  ::close(fd);
}

std::string MappedPage::open(const std::string& path, const std::string& boot, OlderGuard& older) {
  older = {};
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    const std::string why = errno == ENOENT ? std::string() : " (" + path + ": " + reason() + ")";
    return "no guard runs" + why + "; " + start_it();
  }
  Verdict verdict = judge(fd, boot, version_);
  if (verdict.is == Verdict::Is::ours) {
    verdict.why = map(fd);
    if (verdict.why.empty()) return {};
  }
  std::string next = start_it();
  if (verdict.is == Verdict::Is::of_another_version) {
    // Kept: what may run is in it, and until when.
    if (const std::string why = map_other(fd); !why.empty()) verdict.why = why;
    const bool is_older = other_ != nullptr && other_->version < version_;
    if (is_older) older = {other_->guard.pid, other_->guard.started};
    next = is_older ? "start the installed guard: systemctl restart cierzo-guard"
                    : "start the installed agent: systemctl restart agentd";
  }
  ::close(fd);
  return "the guard's page " + path + " " + verdict.why + "; " + next;
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
