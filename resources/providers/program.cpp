#include "resources/providers/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

extern char** environ;

namespace cierzo {
namespace {

constexpr std::size_t output_max = 4096;

Time now() { return std::chrono::steady_clock::now().time_since_epoch(); }

// Reads until the other end is closed. False: the time was over first.
bool read_all(int fd, Time until, std::string& output) {
  std::array<char, 1024> buffer{};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now()).count();
    if (left <= 0) return false;
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, static_cast<int>(left)) <= 0) continue;  // Looks at the clock again.
    const auto got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    const auto room = output_max - std::min(output_max, output.size());
    output.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
  }
}

// The program's standard input, in memory: it may be read or not, nobody waits for that. Secrets
// are in it, so it is on no disk.
int input_of(const std::string& text) {
  const int fd = memfd_create("input", MFD_CLOEXEC);
  if (fd < 0) return fd;
  if (write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      lseek(fd, 0, SEEK_SET) == 0) {
    return fd;
  }
  close(fd);
  return -1;
}

}  // namespace

ProgramEnd run_program(const std::vector<std::string>& words, Duration limit,
                       const std::string& input) {
  const int in = input_of(input);
  if (in < 0) return {false, false, -1, std::strerror(errno)};
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    close(in);
    return {false, false, -1, std::strerror(errno)};
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, words.front().c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  close(in);
  if (error != 0) {
    close(ends[0]);
    return {false, false, -1, words.front() + ": " + std::strerror(error)};
  }
  ProgramEnd end;
  if (!read_all(ends[0], now() + limit, end.output)) {
    kill(pid, SIGKILL);
    end.timed_out = true;
    end.output = "it took too long";
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!end.timed_out && WIFEXITED(status)) end.status = WEXITSTATUS(status);
  end.ok = end.status == 0;
  while (!end.output.empty() && end.output.back() == '\n') end.output.pop_back();
  return end;
}

}  // namespace cierzo
