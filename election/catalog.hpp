// The catalog: the site's desired state as opaque bytes by key, with the stamp of its last write.
//
// election/ knows these keys: timing_key and members_key (members.hpp), the marks of rule 14 (held
// and lost), and what a recovered site leaves (rule 22): former_key, first_term_key, unjoined and
// settled.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "resources/ids.hpp"

namespace cierzo::election {

struct CatalogChange {
  std::string key;
  std::optional<std::string> value;  // None deletes the key.
  bool operator==(const CatalogChange&) const = default;
};

struct Catalog {
  Stamp stamp;  // Of the last write; all zero: never written.
  std::map<std::string, std::string> entries;
  bool operator==(const Catalog&) const = default;
};

// From one catalog to the next. `whole` replaces all entries, otherwise it applies only to exactly
// the catalog stamped `follows`. (rule 20)
struct CatalogDelta {
  bool whole = false;
  Stamp follows;  // Not used when whole.
  Stamp stamp;    // Of the result.
  std::vector<CatalogChange> changes;
  bool operator==(const CatalogDelta&) const = default;
};

void apply(Catalog& catalog, const CatalogDelta& delta);
CatalogDelta whole_of(const Catalog& catalog);

// The held mark of rule 14: the host was stopped cleanly with its VMs running; it is never lost by
// time. The value is the `run` of the agent that stopped (Config::run), see Node::may_unhold.
std::string held_key(HostId host);

// Rule 14: proof that a host is off. It is about the host as it was last heard: one that is heard
// later has disproved it. From its proposal until it is removed again the host gets no command, so
// that what a mark proves stays all that can be there.
struct LostMark {
  bool fenced = false;    // A fence program cut its power; otherwise an administrator's word.
  Term term;              // Of the leader that wrote it,
  std::uint64_t seq = 0;  // and the last heartbeat that the host had acknowledged in it; 0: none.
  std::string boot;       // Which boot and which machine, where that was known. For people.
  std::string state_id;
  // Confirmed while the brake held many hosts: it stays in the brake's count until nobody else is
  // away. (rule 19)
  bool in_brake = false;
  bool added = false;  // Neither: it is new among the members, so nothing was ever started there.
  bool operator==(const LostMark&) const = default;
};
std::string lost_key(HostId host);
std::string encode(
    const LostMark& mark);  // "confirmed|fenced|added term=3.1 seq=17 boot=... state=..."
std::optional<LostMark> decode_lost_mark(const std::string& text);

// The ids of the sites that this one was recovered from, oldest first. (rule 22)
inline constexpr const char* former_key = "site/former";
std::string encode_former(const std::vector<std::string>& sites);
std::vector<std::string> former_sites(const Catalog& catalog);

// The recovered site's first term. What was made under an older one may have been declared in the
// former site by a change that this catalog never had. (rule 22)
inline constexpr const char* first_term_key = "site/first-term";
std::string encode(const Term& term);                    // "1000003.1"
std::optional<Term> first_term(const Catalog& catalog);  // None: it was never recovered.

// A resource of which an administrator has said since the recovery what it is to be: what it does
// not declare of it is not wanted any more. (rule 22)
std::string settled_key(const std::string& resource);
inline constexpr const char* settled_prefix = "settled/";

// A member of the site before its recovery of which nobody said that it is gone. Until it is heard
// in this site it may run anything, under whomever: never lost by time, only by proof. (rule 22)
std::string unjoined_key(HostId host);

}  // namespace cierzo::election
