// What the tests of the guard stand on: processes in the place of hypervisors, a Keeper that goes
// round on a thread, and the agent's link, with a page in a temporary folder.
#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/guard/keeper.hpp"
#include "agent/guard/link.hpp"

namespace cierzo::test {

using namespace std::chrono_literals;

// Stands for a hypervisor: it waits for its end.
class Child {
 public:
  Child() {
    int ready[2];
    if (pipe(ready) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      close_range(3, ~0U, 0);  // Above all the guard's lock; and the pipe, which says so.
      for (;;) pause();
    }
    close(ready[1]);
    char nothing = 0;
    [[maybe_unused]] const auto end = read(ready[0], &nothing, 1);
    close(ready[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::kill(pid_, SIGKILL);
    reap();
  }
  void reap() {
    if (!reaped_) waitpid(pid_, nullptr, 0);
    reaped_ = true;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] HypervisorProcess process() const {
    return {pid_, guard::see_process(pid_).started, false};
  }
  [[nodiscard]] char state() const { return guard::see_process(pid_).state; }

 private:
  pid_t pid_ = 0;
  bool reaped_ = false;
};

// A Keeper that goes round until it is destroyed.
class Running {
 public:
  explicit Running(guard::KeeperConfig config)
      : keeper_(std::make_unique<guard::Keeper>(std::move(config))), thread_([this] {
          while (!stop_) keeper_->go_round();
        }) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (thread_.joinable()) halt();
  }
  // Without a word to anybody, as one that is killed.
  void halt() {
    stop_ = true;
    thread_.join();
  }
  guard::Keeper& keeper() { return *keeper_; }

 private:
  std::unique_ptr<guard::Keeper> keeper_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// The guard looks every 20 ms: what it does not do in so long it does not do.
inline constexpr Duration several_looks = 200ms;

class GuardProcess : public ::testing::Test {
 protected:
  GuardProcess() {
    char made[] = "/tmp/cierzo-guard-XXXXXX";  // mkdtemp() wants these.
    folder_ = mkdtemp(made);
    page_ = folder_ + "/page";
  }
  ~GuardProcess() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] guard::KeeperConfig keeper_config(std::vector<std::string> agent = {}) const {
    guard::KeeperConfig config;
    config.page = page_;
    config.agent = std::move(agent);
    return config;
  }
  [[nodiscard]] GuardLinkConfig link_config() const {
    GuardLinkConfig config;
    config.page = page_;
    config.boot = boot_id();
    return config;
  }
  void start(std::vector<std::string> agent = {}) {
    guard_ = std::make_unique<Running>(keeper_config(std::move(agent)));
    if (!link_) connect();
  }
  void connect() {
    link_ = std::make_unique<GuardLink>(link_config());
    link_->set_lengths(10min, 10min);
  }
  void permit(Duration length) {
    const Time now = clock_.now();
    link_->set_deadline(now + length, now);
  }
  Outcome manage(const char* name, const Child& child, bool ignore = false, bool shared = false) {
    return link_->manage({InstanceName{name}, child.process(), ignore, shared});
  }
  static bool within(Duration limit, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(1ms);  // A poll: the condition or the limit ends the loop.
    }
    return true;
  }
  static bool becomes(const Child& child, char state) {
    return within(10s, [&] { return child.state() == state; });
  }
  std::string open_page(guard::MappedPage& mapped) {
    guard::OlderGuard older;
    return mapped.open(page_, boot_id(), older);
  }
  // What a page of this program begins with, then changed at one place.
  void write_page(std::size_t at, char value, std::size_t size) {
    { const Running once(keeper_config()); }
    std::fstream file(page_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(value);
    file.close();
    std::filesystem::resize_file(page_, size);
  }
  std::string refusal() {
    try {
      const guard::Keeper keeper(keeper_config());
      return {};
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }

  std::string folder_, page_;
  Clock clock_;
  std::unique_ptr<Running> guard_;
  std::unique_ptr<GuardLink> link_;
};

}  // namespace cierzo::test
