// When which health check is due, and what its results mean. Pure: the worker runs the checks and
// says how they ended.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "resources/action.hpp"
#include "resources/world.hpp"

namespace cierzo {

// Of a role's last `results_kept` results, taken one after another: this many changes between pass
// and fail make it flapping, and that ends when `results_alike` in a row are the same.
inline constexpr int results_kept = 20, changes_max = 8, results_alike = 10;

// The checks of one instance. Consecutive failures up to the threshold make a role failing, one
// success makes it passing again; a guest that does not answer says nothing about its services
// (rule 18: unknown is not down). The restarts of a role are forgotten when it has passed for
// settled_after() (resources/ladder.hpp), not at the first success.
class Checks {
 public:
  struct Result {
    enum class Kind { passed, failed, unanswered } kind = Kind::unanswered;
    std::string text;  // Last lines of what it printed.
  };

  // Replaces what is attended; a role that stays keeps its history. The first run is due at once.
  void attend(const Attend& attend, Time now);
  // The guest was restarted or is gone: nothing is known of its services.
  void forget(Time now);
  // `start` was run: the check is due at once, and its history begins anew.
  void started(const RoleName& role, bool because_failing, Time now);

  // An operator wants it tried again: what was counted against the role is forgotten, not whether
  // it is failing.
  void forgive(const RoleName& role);

  // The roles to be checked now: of those `configured` in this boot of the guest, since a service
  // that was never started cannot fail. Each is under way until finished() is called for it.
  [[nodiscard]] std::vector<RoleCheck> take_due(const std::set<RoleName>& configured, Time now);
  [[nodiscard]] std::optional<Time> next_due(const std::set<RoleName>& configured) const;
  void finished(const RoleName& role, const Result& result, Time now);
  // What came of it says nothing: the guest was changed meanwhile. It is due again at once.
  void overtaken(const RoleName& role, Time now);

  [[nodiscard]] const std::string& digest() const { return digest_; }
  [[nodiscard]] bool attends_anything() const { return !roles_.empty(); }

  // Fills in health, failures, restarts and error of the roles attended.
  void describe(std::map<RoleName, RoleObserved>& roles) const;
  // Has every role passed for long enough that what was done for it may be forgotten?
  [[nodiscard]] bool all_settled(Time now) const;

 private:
  // The last results, the newest in the lowest bit: 1 is a failure.
  struct Results {
    std::uint32_t bits = 0;
    int count = 0;  // How many of the bits are results.
    void add(bool failed);
    [[nodiscard]] int changes() const;
    [[nodiscard]] bool alike(int newest) const;
  };
  struct Attended {
    RoleCheck check;
    Time due{};
    bool under_way = false;
    Health health = Health::unknown;
    int failures = 0, restarts = 0;
    bool flapping = false;
    Results results;
    std::optional<Time> passing_since;
    std::string error;  // Of the last failure, while it is failing or flapping.
  };
  static void judge(Attended& attended, const Result& result, Time now);

  std::map<RoleName, Attended> roles_;
  std::string digest_;
};

}  // namespace cierzo
