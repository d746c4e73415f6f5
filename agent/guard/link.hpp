// The agent's end of the page that it shares with the guard process.
#pragma once
#include <sys/types.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "agent/guard/guard.hpp"
#include "agent/guard/page.hpp"

namespace cierzo {

struct GuardLinkConfig {
  std::string page = guard::default_page;
  std::string boot;
  // Starts the guard where nothing else does (systemd does): this program with --page. Empty: not
  // this agent's business.
  std::string program;
  std::uint32_t version = guard::page_version;  // See MappedPage.
};

class GuardLink : public Guard {
 public:
  explicit GuardLink(GuardLinkConfig config);
  ~GuardLink() override;

  void beat(Time now) override;
  [[nodiscard]] bool alive(Time now) const override;
  [[nodiscard]] std::string error(Time now) const override;
  [[nodiscard]] Time deadline() const override;
  void set_deadline(Time deadline, Time now) override;
  void set_lengths(Duration permit, Duration destroy_after) override;
  void stand_down() override;
  [[nodiscard]] bool complete() const override;
  void note_complete(std::uint64_t era) override;
  [[nodiscard]] std::uint64_t era() const override;
  [[nodiscard]] std::uint64_t changes() const override;
  [[nodiscard]] guard::Generation stopped_under(const InstanceName& name) const override;
  [[nodiscard]] Outcome manage(const ManagedDomain& domain) override;
  [[nodiscard]] Outcome go_on(const InstanceName& name, guard::Generation generation) override;

 private:
  void open();
  void read_slots();
  [[nodiscard]] guard::Page* page() const { return mapped_ ? mapped_->get() : nullptr; }
  // What is known of the page where it cannot be worked with: another version's, or the last one.
  [[nodiscard]] const guard::Page* seen() const { return seen_ ? seen_->seen() : nullptr; }
  void put(const ManagedDomain& domain, guard::Slot& slot);
  [[nodiscard]] guard::Slot* find(const InstanceName& name) const;
  [[nodiscard]] guard::Slot* free_slot() const;
  void replace_guard(Time now);
  void replace_older(const guard::OlderGuard& older);
  void start_guard();
  void pause_unguarded(Time now);

  const GuardLinkConfig config_;
  // Only the main loop maps another page; pool threads take this one along while they wait for an
  // answer, and nobody waits with the mutex held.
  mutable std::mutex mutex_;
  std::shared_ptr<guard::MappedPage> mapped_;
  std::shared_ptr<guard::MappedPage> seen_;  // The main loop's alone. mapped_, where there is one.
  std::string why_not_open_;
  std::uint64_t era_ = 0;                      // Of pages taken.
  std::map<InstanceName, std::size_t> slots_;  // By the newest process of each instance.
  std::int64_t guard_beat_ = 0;  // The one seen last, and for how long it has been that one.
  Duration guard_silent_{};
  Time beat_at_{}, start_guard_at_{};
  std::optional<pid_t> child_;  // A guard that this agent has started.
  bool replaced_older_ = false;
};

}  // namespace cierzo
