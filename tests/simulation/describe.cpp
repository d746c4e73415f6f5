#include "tests/simulation/describe.hpp"

#include "tests/simulation/checker.hpp"

namespace cierzo::simulation {

using namespace election;

namespace {

std::string text(Stamp stamp) {
  return simulation::text(stamp.term) + "." + std::to_string(stamp.sequence);
}
using simulation::text;

const char* text(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::ok:
      return "ok";
    case AnswerKind::stand:
      return "stand";
    case AnswerKind::leader:
      return "leader";
  }
  return "";
}

struct DescribeMessage {
  std::string operator()(const Election&) const { return "Election"; }
  std::string operator()(const Answer& m) const { return std::string("Answer ") + text(m.kind); }
  std::string operator()(const Coordinator& m) const { return "Coordinator " + text(m.term); }
  std::string operator()(const Accept& m) const {
    return "Accept " + text(m.term) + " catalog " + text(m.catalog);
  }
  std::string operator()(const Refuse& m) const {
    return "Refuse " + text(m.term) + " promised " + text(m.promised);
  }
  std::string operator()(const Heartbeat& m) const {
    return "Heartbeat " + text(m.term) + " #" + std::to_string(m.seq);
  }
  std::string operator()(const HeartbeatAck& m) const {
    return "HeartbeatAck " + text(m.term) + " #" + std::to_string(m.seq) +
           (m.granted ? " granted" : "") + " catalog " + text(m.catalog);
  }
  std::string operator()(const Store& m) const {
    return "Store " + text(m.delta.stamp) +
           (m.delta.whole ? " whole" : " after " + text(m.delta.follows)) +
           (m.admits.empty() ? "" : " admits " + m.admits);
  }
  std::string operator()(const Stored& m) const {
    return "Stored " + text(m.catalog) + (m.whole_wanted ? " wants the whole" : "");
  }
  std::string operator()(const Release& m) const { return "Release " + text(m.term); }
  std::string operator()(const Fetch& m) const { return "Fetch " + text(m.term); }
  std::string operator()(const FetchReply& m) const {
    return "FetchReply " + text(m.catalog.stamp);
  }
  std::string operator()(const StateQuery&) const { return "StateQuery"; }
  std::string operator()(const StateAnswer& m) const {
    return std::string("StateAnswer ") + (m.has_state ? "has state" : "empty");
  }
  std::string operator()(const Found& m) const { return "Found " + m.state_id; }
  std::string operator()(const MembersNews& m) const {
    return "MembersNews as of " + text(m.members.as_of);
  }
};

struct DescribeFact {
  const Members& members;

  std::string name(HostId id) const { return members.name(id); }
  std::string operator()(const LeaderChanged& f) const {
    if (!f.leader) return "knows no leader";
    return "follows " + name(f.leader->owner) + " in " + text(*f.leader);
  }
  std::string operator()(const AuthorityBegan& f) const {
    return "has authority in " + text(f.term);
  }
  std::string operator()(const LeadershipReady& f) const { return "leads in " + text(f.term); }
  std::string operator()(const AuthorityEnded& f) const {
    return "stepped down from " + text(f.term);
  }
  std::string operator()(const CatalogCommitted&) const { return ""; }
  std::string operator()(const WriteCommitted& f) const {
    return "write " + std::to_string(f.write.value) + " committed as " + text(f.stamp);
  }
  std::string operator()(const WriteUnknown& f) const {
    return "write " + std::to_string(f.write.value) + " has an unknown outcome";
  }
  std::string operator()(const WriteRefused& f) const {
    const std::string why = f.reason == RefusalReason::not_leader   ? "not the leader: "
                            : f.reason == RefusalReason::recovering ? "recovering: "
                            : f.reason == RefusalReason::changing ? "another change is under way: "
                            : f.reason == RefusalReason::invalid  ? "not allowed: "
                            : f.reason == RefusalReason::voter_silent ? "the new voter is silent: "
                            : f.reason == RefusalReason::no_majority ? "no majority would be left: "
                                                                     : "too many writes: ";
    return "write " + std::to_string(f.write.value) + " refused: " + why +
           to_string(f.shortage, members);
  }
  std::string operator()(const HostHeard& f) const { return "hears " + name(f.host); }
  std::string operator()(const HostSuspect& f) const { return "suspects " + name(f.host); }
  std::string operator()(const HostHeld& f) const { return "sees " + name(f.host) + " held"; }
  std::string operator()(const HostLost& f) const { return "regards " + name(f.host) + " as lost"; }
  std::string operator()(const InventoryDigest&) const { return ""; }
  std::string operator()(const MembersChanged& f) const {
    std::string line = "goes by the voters";
    for (const HostId id : f.members.present()) line += " " + std::to_string(id.value);
    if (f.members.changing()) line += ", before";
    for (const HostId id : f.members.before()) line += " " + std::to_string(id.value);
    return line;
  }
  std::string operator()(const SiteFounded&) const { return "starts the site"; }
  std::string operator()(const StateJoined&) const { return "got its state"; }
  std::string operator()(const SiteRecovered& f) const {
    return f.here ? "recovers the site" : "joins the recovered site";
  }
  std::string operator()(const RivalSite& f) const {
    return "hears that " + name(f.by) + " has made another site";
  }
};

}  // namespace

std::string describe(const Message& message) { return std::visit(DescribeMessage{}, message.body); }

std::string describe(const Fact& fact, const Members& members) {
  return std::visit(DescribeFact{members}, fact);
}

}  // namespace cierzo::simulation
