// Who belongs to the site, what a majority is, and the site's timing parameters. Plain values.
//
// LEADERSHIP.md, "Words" and "Parameters", and rule 23.
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "resources/ids.hpp"

namespace cierzo::election {

// A physical host with one agent. A voter's vote counts.
struct Member {
  HostId id;
  std::string name;
  bool voter = true;
  // A voter that runs no VMs: only the shell makes a difference. After a recovery of the site it
  // waits for its vote, and runs none either. (rule 22)
  bool witness = false;
  // Where its agent listens, and the public key that proves who it is. Opaque here, but for this: a
  // machine under another key is another voter. (rule 22)
  std::string address{}, key{};
  bool leaving = false;  // Removed by the change that is being finished: no member after it.
  bool operator==(const Member&) const = default;
};

// The members, ordered by id, and whose votes make a majority.
//
// While a change of voters is not finished there are two sets of voters, the one before and the
// present one, and a majority is one of both (rule 23). A voter of the set before whose machine was
// replaced still counts there, as HostId 0, but nobody can speak for it any more.
class Members {
 public:
  Members() = default;
  explicit Members(std::vector<Member> members, std::vector<HostId> before = {},
                   Stamp version = {});

  const std::vector<Member>& all() const { return all_; }
  const std::vector<HostId>& voters() const { return voters_; }  // Of either set.
  const Member* find(HostId id) const;                           // Null: no member.
  bool is_member(HostId id) const { return find(id) != nullptr; }
  bool is_voter(HostId id) const;     // In either set.
  bool stays_voter(HostId id) const;  // In the present set: it may lead.
  std::string name(HostId id) const;  // "host 7" where the id is unknown.
  std::string key(HostId id) const;   // Empty where the id is unknown.

  const std::vector<HostId>& present() const { return present_; }
  const std::vector<HostId>& before() const { return before_; }  // Empty: no change under way.
  bool changing() const { return !before_.empty(); }
  // Names the write that made these members what they are: unique. Zero: from the file.
  const Stamp& version() const { return version_; }

  // Do those for which `has` holds include a majority of every set?
  bool majority(const std::function<bool(HostId)>& has) const;
  // The latest instant that a majority of every set reaches, each voter reaching `until`.
  Time reached(const std::function<Time(HostId)>& until) const;

 private:
  std::vector<Member> all_;
  std::vector<HostId> present_, before_, voters_;
  Stamp version_;
};

// How many voters are more than half of so many: 2 of 3, 3 of 4.
constexpr std::size_t majority_of(std::size_t voters) { return voters / 2 + 1; }

// The catalog's entry under members_key, as text, a line for each host. A text that does not
// decode, or has mistakes, is none.
inline constexpr const char* members_key = "site/members";
std::string encode(const Members& members);
std::optional<Members> decode_members(const std::string& text);

// Members as one host knows them, to be told to another. Of two the one of the newer catalog wins:
// "the newest configuration heard". (rule 23)
struct Configuration {
  Stamp as_of;       // Of the catalog that holds it. Zero: from the file.
  Stamp version;     // Members::version()
  std::string text;  // encode(Members). Empty: not told, because the receiver has that version.
  bool operator==(const Configuration&) const = default;
};

// A change of the members, all at once: what the present ones would become, and what is wrong with
// that, one sentence each. At most one voter changes: one is added, or removed, or one for another.
std::vector<std::string> mistakes_of_change(const Members& from, const std::vector<Member>& to);
// The members while that change is not finished, and after it.
Members joint(const Members& from, std::vector<Member> to, Stamp version);
Members finished(const Members& from, Stamp version);

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
