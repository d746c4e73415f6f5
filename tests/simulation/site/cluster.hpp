// A whole cluster on a bad day, from a seed: 1 to 9 voters, up to hundreds of hosts and of
// instances, every fault that fault.hpp knows, and somebody who changes meanwhile what is declared
// and which hosts the site has, and says of hosts that are down that they are.
//
// Judged after every event: S1 and S2 (site_checker.hpp), S3, S4 and the disks (promises.hpp), the
// brake (brake_watch.hpp).
// After the faults have healed: somebody leads (L1, L2), everything is as declared, the plan is
// empty, and nothing was started without a reason.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/site/declared.hpp"
#include "tests/simulation/site/site.hpp"

namespace cierzo::simulation {

// What somebody asks for: one after another, each again until it is stored.
struct Change {
  // Of a resource: note, resize, stop, start, remove. Of the hosts that are down: confirm. Of a
  // host: vote, no_vote; add (a spare machine); replace, scrap (its machine is gone for good).
  enum class What {
    note,
    resize,
    stop,
    start,
    remove,
    confirm,
    vote,
    no_vote,
    add,
    replace,
    scrap
  };
  What what = What::note;
  Declared resource;  // As it is to be from then on.
  HostId host;
  Duration before{};  // The pause before it is asked.
};

struct Cluster {
  std::uint64_t seed = 1;
  SiteOptions site;
  std::vector<Declared> resources;   // From the beginning.
  std::vector<PlannedFault> faults;  // From when all of them run.
  std::vector<Change> changes;       // Likewise.
};

// Everything in it follows from the seed.
[[nodiscard]] Cluster cluster_of(std::uint64_t seed);
[[nodiscard]] std::string to_string(const Cluster& cluster);

struct ClusterEnd {
  std::vector<std::string> failures;
  std::uint64_t events = 0;
  std::uint64_t acknowledged = 0;  // Writes.
  // What came about, so that it is seen that the days are bad enough.
  std::uint64_t braked = 0, confirmed = 0, members_changed = 0;
  Duration healed_after{};  // From the healing to everything as declared and the plan empty.
};
[[nodiscard]] ClusterEnd run(const Cluster& cluster);

}  // namespace cierzo::simulation
