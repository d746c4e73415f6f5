#include "election/invariants.hpp"

#include <cstdio>
#include <cstdlib>

#include "election/state.hpp"

namespace cierzo::election {

struct Inspection {
  static const Node::State& of(const Node& node) { return *node.state_; }
};

std::vector<std::string> broken_invariants(const Node& node, Time now) {
  std::vector<std::string> broken;
  const auto& s = Inspection::of(node);
  const auto require = [&](bool holds, const char* sentence) {
    if (!holds) broken.emplace_back(sentence);
  };
  const Record& record = s.record;
  require(record.promised_before <= record.promised, "promised_before is above promised (rule 15)");
  require(!s.has_state() || s.catalog.stamp.term <= record.promised || !s.voter,
          "the catalog is of a term above the promise (rule 20)");
  require(!s.grant.held(now) || s.grant.term <= record.promised,
          "a grant in a term that is not promised (rule 4)");
  require(s.permit.heard() <= record.last_led, "a permit of a leader that was not heard (rule 12)");
  require(s.permit.deadline() <= now + record.longest.permit + s.timing.lease ||
              s.permit.deadline() <= s.config.guard_deadline,
          "a deadline further away than the longest permit (rule 12)");
  require(!s.candidacy || s.candidacy->term.owner == s.config.self,
          "stands in a term of somebody else (rule 3)");
  require(!s.voter || s.members.is_member(s.config.self), "votes without being a member (rule 23)");
  if (s.lead) {
    const Leadership& lead = *s.lead;
    require(s.has_state() && s.voter, "leads without a vote (rule 22)");
    require(lead.term.owner == s.config.self, "leads in a term of somebody else (rule 5)");
    require(lead.term <= record.promised, "leads above its own promise (rule 4)");
    require(!s.grant.held_by_other(s.config.self, now), "leads and grants to another (rule 9)");
    require(lead.committed.stamp <= s.catalog.stamp, "committed what is not stored (rule 20)");
    require(s.catalog.stamp.term <= lead.term, "the catalog is ahead of its leader (rule 20)");
    require(lead.phase != Phase::ready || lead.committed.stamp.term == lead.term,
            "acts on a catalog that is not re-stamped (rule 5)");
  }
  return broken;
}

void check_invariants(const Node& node, Time now) {
  if (Inspection::of(node).config.mutations.any()) return;
  const std::vector<std::string> broken = broken_invariants(node, now);
  if (broken.empty()) return;
  const auto& s = Inspection::of(node);
  for (const std::string& sentence : broken)
    std::fprintf(stderr, "host %u: invariant broken: %s\n", s.config.self.value, sentence.c_str());
  std::fprintf(stderr, "  promised (%llu,%u), last led (%llu,%u), now %lld ns\n",
               static_cast<unsigned long long>(s.record.promised.counter),
               s.record.promised.owner.value,
               static_cast<unsigned long long>(s.record.last_led.counter),
               s.record.last_led.owner.value, static_cast<long long>(now.count()));
  std::abort();
}

}  // namespace cierzo::election
