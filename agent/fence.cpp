#include "agent/fence.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include "resources/brief.hpp"
#include "resources/providers/program.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration off_limit = 60s, status_limit = 20s;
constexpr int status_off = 2;  // fence-agents: 0 it is on, 2 it is off, anything else: not known.
constexpr Duration first_pause = 5s, longest_pause = 5min;

// Devices like to repeat what they were told.
std::string without(std::string text, const std::string& secret) {
  if (secret.empty()) return text;
  for (std::size_t at = text.find(secret); at != text.npos; at = text.find(secret, at)) {
    text.replace(at, secret.size(), "***");
  }
  return text;
}

std::string said(const FenceDevice& device, const std::string& action, const ProgramEnd& end,
                 const std::string& password) {
  const std::string output = brief(without(end.output, password));
  return device.agent + " action=" + action + ": " +
         (output.empty() ? "exit status " + std::to_string(end.status) : output);
}

}  // namespace

std::string fence_input(const FenceDevice& device, const std::string& action,
                        const std::string& password) {
  std::string input = "action=" + action + "\n";
  for (const auto& [key, value] : device.options) {
    if (key != fence_password_file) input += key + "=" + value + "\n";
  }
  if (!password.empty()) input += "passwd=" + password + "\n";
  return input;
}

FenceEnd run_fence(const FenceDevice& device) {
  std::string password;
  if (const auto file = device.options.find(fence_password_file); file != device.options.end()) {
    std::ifstream in(file->second);
    if (!in || !std::getline(in, password)) {
      return {false, file->second + " cannot be read: " + std::strerror(errno)};
    }
  }
  const auto run = [&](const char* action, Duration limit) {
    return run_program({device.agent}, limit, fence_input(device, action, password));
  };
  const ProgramEnd off = run("off", off_limit);
  if (!off.ok) return {false, said(device, "off", off, password)};
  const ProgramEnd status = run("status", status_limit);
  if (status.status == status_off) return {true, {}};
  if (status.ok) return {false, device.agent + " says that it is still on"};
  return {false, said(device, "status", status, password)};
}

Duration fence_pause(int tries) {
  Duration pause = first_pause;
  for (int i = 1; i < tries && pause < longest_pause; ++i) pause *= 2;
  return std::min<Duration>(pause, longest_pause);
}

Fencer::Fencer(Executor& executor, FencerHooks hooks)
    : executor_(executor), hooks_(std::move(hooks)) {}

void Fencer::want(const std::set<HostId>& hosts) {
  std::erase_if(tries_, [&](const auto& entry) { return !hosts.contains(entry.first); });
  if (!hooks_.run) return;
  for (const HostId host : hosts) {
    if (hooks_.device(host) != nullptr) tries_.try_emplace(host);
  }
  look();
}

void Fencer::look() {
  for (auto& [host, tried] : tries_) {
    const bool due = !tried.running && tried.failed < fence_tries_max &&
                     executor_.now() >= tried.next && !running_.contains(host);
    if (!due || running_.size() >= fences_max || !hooks_.may(host)) continue;
    if (const FenceDevice* device = hooks_.device(host)) begin(host, *device);
  }
}

void Fencer::begin(HostId host, const FenceDevice& device) {
  tries_[host].running = true;
  running_.insert(host);
  hooks_.began(host);
  offload<FenceEnd>(
      executor_, "fence " + std::to_string(host.value), fence_deadline,
      [run = hooks_.run, device] { return run(device); },
      [this, host, weak = std::weak_ptr<bool>(alive_)](const std::optional<FenceEnd>& how) {
        if (!weak.lock()) return;
        end(host, how ? *how : FenceEnd{false, "it did not end in time"});
      });
}

void Fencer::end(HostId host, const FenceEnd& how) {
  running_.erase(host);
  const auto found = tries_.find(host);
  if (found == tries_.end()) return look();  // It is not wanted any more: nobody needs the proof.
  Try& tried = found->second;
  tried.running = false;
  if (how.off) {
    tried = {};
    // Until its mark is stored it is not fenced again; if it cannot be, it is.
    tried.next = executor_.now() + first_pause;
    hooks_.off(host);
  } else {
    ++tried.failed;
    tried.error = how.error;
    tried.next = executor_.now() + fence_pause(tried.failed);
    hooks_.failed(host, telling(host));
  }
  executor_.after(tried.next - executor_.now(), [this, weak = std::weak_ptr<bool>(alive_)] {
    if (weak.lock()) look();
  });
  look();
}

std::string Fencer::telling(HostId host) const {
  const auto found = tries_.find(host);
  if (found == tries_.end()) return {};
  const FenceDevice* device = hooks_.device(host);
  const std::string name = device != nullptr ? device->agent : "its fence program";
  const Try& tried = found->second;
  if (tried.running) return name + " is cutting its power";
  if (tried.failed == 0) return {};
  const std::string next =
      tried.failed >= fence_tries_max
          ? "given up"
          : "next try in " +
                in_words(std::max<Duration>(tried.next - executor_.now(), Duration::zero()));
  return name + " failed " + times(tried.failed) + ", " + next + ": " + tried.error;
}

}  // namespace cierzo
