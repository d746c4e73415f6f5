// Hypervisor processes by pidfd: tells of a death within milliseconds, where libvirt needs up to
// 1.8 s, and needs no libvirtd for it.
#pragma once
#include <sys/types.h>

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "resources/ids.hpp"
#include "resources/provider.hpp"

namespace cierzo {

// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Which process runs a domain: its name and uuid, as QEMU has them in its command line.
struct ProcessName {
  std::string domain, uuid;
  auto operator<=>(const ProcessName&) const = default;
};

enum class ProcessState { unknown, alive, dead };  // unknown: never watched (no process is known).

class ProcessWatch {
 public:
  using Died = std::function<void(const std::string& domain, const Incarnation& incarnation)>;
  // `folder` is where libvirt keeps DOMAIN.pid. `died` is called on the watch's thread.
  ProcessWatch(std::string folder, Died died);
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;
  ~ProcessWatch();

  // Follows the domain's process from now on, if it is not followed yet; where the one that was
  // followed has died, its successor's. A pid alone proves nothing, it may be another process by
  // now: what counts is the command line, read after the pidfd was opened. `incarnation` is told
  // when it dies; the last one given counts. False: there is no such process to be found.
  bool follow(const ProcessName& name, const Incarnation& incarnation);

  [[nodiscard]] ProcessState state(const ProcessName& name) const;

  // The one that is followed, while it lives; else one without a pid.
  [[nodiscard]] HypervisorProcess process(const ProcessName& name) const;

  // Kills it (SIGKILL) once `delay` has passed, if it still lives: one that hangs in the kernel
  // does not follow SIGTERM, and libvirt waits 10 s before it does this. One that is stopped is
  // killed at once. (rule 13)
  void kill_after(const ProcessName& name, Duration delay);

  // Forgets processes that died, but those of these domains, which libvirt still shows.
  void forget_dead_except(const std::map<ProcessName, bool>& shown);

 private:
  struct Process {
    Descriptor pidfd;
    HypervisorProcess process;
    Incarnation incarnation;
    bool dead = false;
    std::optional<Time> kill_at;
  };
  void run();
  void wake() const;
  [[nodiscard]] int kill_due_ones();  // Milliseconds until the next; -1: none.

  std::string folder_;
  Died died_;
  mutable std::mutex mutex_;
  std::map<ProcessName, Process> processes_;
  std::map<std::uint64_t, ProcessName> numbers_;  // What epoll knows a process by.
  std::uint64_t next_number_ = 1;                 // 0 is the wake-up's.
  bool stop_ = false;
  Descriptor epoll_, wakeup_;
  std::thread thread_;
};

}  // namespace cierzo
