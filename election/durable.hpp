// What a host must still know after a crash, and how it is written.
//
// The shell keeps two things: one record (written as a whole, a few hundred bytes) and the
// catalog's entries (written as changes). Both parts of one Persist are one transaction.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "election/catalog.hpp"
#include "election/members.hpp"
#include "resources/ids.hpp"

namespace cierzo::election {

struct Record {
  std::string site;  // Empty: this host does not know yet where it belongs. (rule 22)
  // Nothing that this host promised or stored is forgotten: it started the site, or was let in. A
  // voter without that has lost its state, or never had one, and does not vote. (rule 22)
  bool votes = false;
  std::string state_id;  // Random, made with the state directory. (rules 17, 22)
  Term promised;         // The highest term promised; its owner is to whom. (rule 4)
  Term promised_before;  // What was promised before it. (rule 15)
  Term last_led;         // The highest term a heartbeat was heard from. (rules 12, 15, 17)
  std::uint64_t permit_interruptions = 0;  // Of the permits of last_led's term. (rule 17)
  Longest longest;
  std::optional<Timing> timing;            // The one last in force here; none: never heard.
  std::map<HostId, std::string> founding;  // The founder's: whom it still owes Found. (rule 22)
  // The members heard of from others, while they are newer than those of the catalog stored here:
  // a host without a vote stores none. (rule 23)
  Configuration members;
  // Sites that were made out of this one while somebody led this host in it: calls from there are
  // nothing to it, also when its leader has gone since. (rule 22)
  std::vector<std::string> rivals;
  bool operator==(const Record&) const = default;
};

struct Durable {
  Record record;
  Catalog catalog;
  bool operator==(const Durable&) const = default;
};

struct Persist {
  std::optional<Record> record;         // Replaces the record.
  std::optional<CatalogDelta> catalog;  // Changes entries and stamp.
  bool empty() const { return !record && !catalog; }
};

void apply(Durable& durable, const Persist& persist);

}  // namespace cierzo::election
