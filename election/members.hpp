// Who belongs to the site, what a majority is, and the site's timing parameters. Plain values.
//
// LEADERSHIP.md, "Words" and "Parameters".
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "resources/ids.hpp"

namespace cierzo::election {

// A physical host with one agent. A voter's vote counts; a voter that runs no VMs is a witness,
// which makes no difference here.
struct Member {
  HostId id;
  std::string name;
  bool voter = true;
  bool operator==(const Member&) const = default;
};

// The members, ordered by id. Membership changes (rule 23) will give Node a second value of this.
class Members {
 public:
  Members() = default;
  explicit Members(std::vector<Member> members);

  const std::vector<Member>& all() const { return all_; }
  const std::vector<HostId>& voters() const { return voters_; }
  bool is_member(HostId id) const;
  bool is_voter(HostId id) const;
  std::string name(HostId id) const;  // "host 7" where the id is unknown.

  // How many voters are more than half of them: 2 of 3, 3 of 4.
  std::size_t majority() const { return voters_.size() / 2 + 1; }

 private:
  std::vector<Member> all_;
  std::vector<HostId> voters_;
};

// What is wrong with a list of members, one sentence each; empty: nothing.
std::vector<std::string> mistakes(const std::vector<Member>& members);

// The site's timing. Message and catalog carry it: a grant or permit has the length named in the
// message that gives it.
struct Timing {
  Duration heartbeat{};      // Leader to every host.
  Duration lease{};          // Length of a grant, so of authority.
  Duration permit{};         // Length of a permit; at least 3 leases, so that a change of leader
                             // pauses nobody's VMs.
  Duration answer{};         // How long a candidate waits for a better one; adapts upwards.
  double drift = 0.01;       // Bound on the ratio of two clocks' rates, minus 1.
  Duration guard_delay{};    // Bound on how late the guard pauses.
  Duration destroy_after{};  // After its permit a host kills paused instances with shared disks.
  bool operator==(const Timing&) const = default;

  // A length that is certainly over on every clock, seen from here; and one certainly not over.
  Duration at_most(Duration length) const;   // length x (1 + drift), rounded up
  Duration at_least(Duration length) const;  // length x (1 - drift), rounded down

  // How long after the bound of its last permit a host may still write to shared disks: until its
  // guard has paused, waited destroy_after, and killed. (rule 14)
  Duration disks_held() const;
};

// From SIGKILL until the last write of the killed process has ended. What is handed to a remote
// server by then is beyond anybody's reach. (rule 14)
inline constexpr Duration time_to_kill = std::chrono::seconds(1);

Timing default_timing();
Timing fast_timing();

// What is wrong with a timing, one sentence each; empty: nothing.
std::vector<std::string> mistakes(const Timing& timing);

// The catalog's entry under timing_key, as text ("lease=500000000 ...", nanoseconds). A text that
// does not decode, or has mistakes, is none.
inline constexpr const char* timing_key = "site/timing";
std::string encode(const Timing& timing);
std::optional<Timing> decode_timing(const std::string& text);

// The longest values ever in force: rules 7, 14 and 15 must outlast grants and permits that were
// given under an earlier timing. Durable on every voter.
struct Longest {
  Duration lease{};
  Duration permit{};
  Duration
      permit_minus_lease{};  // One value: the maxima of its parts may never have met. (rule 15)
  bool operator==(const Longest&) const = default;

  // True when something grew.
  bool include(const Timing& timing);
  bool include(const Longest& other);
};

}  // namespace cierzo::election
