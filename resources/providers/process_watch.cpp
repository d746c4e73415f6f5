#include "resources/providers/process_watch.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

namespace cierzo {
namespace {

Time now() { return std::chrono::steady_clock::now().time_since_epoch(); }

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "process watch: %s: %s\n", what, std::strerror(errno));
  std::abort();
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// "qemu-system-x86_64\0-name\0guest=NAME,debug-threads=on\0...-uuid\0UUID\0"
std::vector<std::string> words_of(const std::string& command_line) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < command_line.size();) {
    const auto end = std::min(command_line.find('\0', at), command_line.size());
    words.push_back(command_line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

// A device that writes to the guest's memory by itself: -device vfio-pci,... or
// {"driver":"vfio-pci",...}
bool has_passed_through_device(const std::string& command_line) {
  const std::vector<std::string> words = words_of(command_line);
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& device = words[i + 1];
    const bool vfio =
        device.rfind("vfio-", 0) == 0 || device.find("\"driver\":\"vfio-") != std::string::npos;
    if (words[i] == "-device" && vfio) return true;
  }
  return false;
}

bool is_process_of(const std::string& command_line, const ProcessName& name) {
  const std::vector<std::string> words = words_of(command_line);
  const auto follows = [&](const std::string& option, const std::string& value, bool whole) {
    const auto at = std::find(words.begin(), words.end(), option);
    if (at == words.end() || std::next(at) == words.end()) return false;
    const std::string& word = *std::next(at);
    return word == value || (!whole && word.rfind(value + ",", 0) == 0);
  };
  return follows("-name", "guest=" + name.domain, false) && follows("-uuid", name.uuid, true);
}

// When it was started, in ticks since boot. The name in parentheses may hold anything, so the
// fields are counted from its end: the 20th after it.
std::uint64_t started(pid_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto end = stat.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream fields(stat.substr(end + 1));
  std::string field;
  for (int i = 0; i < 20; ++i) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

// Stopped, it follows nobody but SIGKILL.
bool is_stopped(std::int64_t pid) {
  const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  const auto end = stat.rfind(") ");
  return end != std::string::npos && stat.size() > end + 2 && stat[end + 2] == 'T';
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

ProcessWatch::ProcessWatch(std::string folder, Died died)
    : folder_(std::move(folder)),
      died_(std::move(died)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wakeup_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!epoll_ || !wakeup_) give_up("cannot be made");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 0;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup_.get(), &event) != 0) give_up("epoll");
  thread_ = std::thread([this] { run(); });
}

ProcessWatch::~ProcessWatch() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake();
  thread_.join();
}

void ProcessWatch::wake() const {
  const std::uint64_t one = 1;
  // It fails only when the counter is full, and then the thread is awake anyway.
  [[maybe_unused]] const auto written = write(wakeup_.get(), &one, sizeof one);
}

bool ProcessWatch::follow(const ProcessName& name, const Incarnation& incarnation) {
  const std::lock_guard lock(mutex_);
  const auto known = processes_.find(name);
  if (known != processes_.end() && !known->second.dead) {
    known->second.incarnation = incarnation;
    return true;
  }
  const pid_t pid = std::atoi(read_file(folder_ + "/" + name.domain + ".pid").c_str());
  if (pid <= 0) return false;
  Descriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));  // glibc 2.36 has it in C.
  if (!pidfd) return false;
  const std::string command_line = read_file("/proc/" + std::to_string(pid) + "/cmdline");
  if (!is_process_of(command_line, name)) return false;
  const bool dma = has_passed_through_device(command_line);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = next_number_;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, pidfd.get(), &event) != 0) return false;
  numbers_[next_number_++] = name;
  processes_[name] =
      Process{std::move(pidfd), {pid, started(pid), dma}, incarnation, false, std::nullopt};
  return true;
}

HypervisorProcess ProcessWatch::process(const ProcessName& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = processes_.find(name);
  if (found == processes_.end() || found->second.dead) return {};
  return found->second.process;
}

ProcessState ProcessWatch::state(const ProcessName& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = processes_.find(name);
  if (found == processes_.end()) return ProcessState::unknown;
  return found->second.dead ? ProcessState::dead : ProcessState::alive;
}

void ProcessWatch::kill_after(const ProcessName& name, Duration delay) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = processes_.find(name);
    if (found == processes_.end() || found->second.dead) return;
    const bool stopped = is_stopped(found->second.process.pid);
    found->second.kill_at = now() + (stopped ? Duration::zero() : delay);
  }
  wake();
}

void ProcessWatch::forget_dead_except(const std::map<ProcessName, bool>& shown) {
  const std::lock_guard lock(mutex_);
  for (auto at = processes_.begin(); at != processes_.end();) {
    const bool forget = at->second.dead && shown.count(at->first) == 0;
    at = forget ? processes_.erase(at) : std::next(at);
  }
}

int ProcessWatch::kill_due_ones() {
  std::optional<Time> next;
  for (auto& [name, process] : processes_) {
    if (process.dead || !process.kill_at) continue;
    if (*process.kill_at <= now()) {
      syscall(SYS_pidfd_send_signal, process.pidfd.get(), SIGKILL, nullptr, 0);
      process.kill_at.reset();
    } else if (!next || *process.kill_at < *next) {
      next = process.kill_at;
    }
  }
  if (!next) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - now()).count();
  return static_cast<int>(std::max<long>(left, 0));
}

void ProcessWatch::run() {
  std::array<epoll_event, 16> events{};
  for (;;) {
    int timeout = -1;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      timeout = kill_due_ones();
    }
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    if (count < 0 && errno != EINTR) give_up("epoll_wait");
    for (int i = 0; i < count; ++i) {
      const auto number = events[static_cast<std::size_t>(i)].data.u64;
      if (number == 0) {
        std::uint64_t counter = 0;
        [[maybe_unused]] const auto got = read(wakeup_.get(), &counter, sizeof counter);
        continue;
      }
      std::string domain;
      Incarnation incarnation;
      {
        const std::lock_guard lock(mutex_);
        const auto name = numbers_.extract(number).mapped();
        auto& process = processes_.at(name);
        process.dead = true;
        process.pidfd = Descriptor();  // Closing it takes it out of the epoll set.
        domain = name.domain;
        incarnation = process.incarnation;
      }
      died_(domain, incarnation);
    }
  }
}

}  // namespace cierzo
