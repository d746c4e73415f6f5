// Proof that a host is off: written into the catalog, and taken back when the host is heard again.
// (rule 14)
#include <algorithm>

#include "agent/agent.hpp"
#include "agent/desired.hpp"

namespace cierzo {
namespace {

// Of a host that the file names, with its device. It must be that machine, by its key: one that was
// put in its place since has another device, and cutting the old one's power proves nothing of it.
const FenceDevice* fence_of(const Config& config, const election::Members& members, HostId id) {
  const election::Member* member = members.find(id);
  for (const HostConfig& host : config.hosts) {
    const bool same = member != nullptr && host.id == id && host.key == member->key;
    if (same && host.fence) return &*host.fence;
  }
  return nullptr;
}

}  // namespace

// A mark about the host as it was last heard.
election::LostMark Agent::lost_mark(HostId host, bool fenced) const {
  const election::HostStatus status = node_.host(host, now());
  election::LostMark mark;
  mark.fenced = fenced;
  mark.term = node_.leader().value_or(Term{});
  mark.seq = status.heard ? status.seq : 0;
  mark.boot = status.stamp.boot;
  mark.state_id = status.state_id;
  return mark;
}

// From now on none of these hosts gets a command, until its mark is gone again: what the mark
// proves must stay all that can be there.
void Agent::write_lost(const std::map<HostId, election::LostMark>& marks, const WriteDone& done) {
  std::vector<election::CatalogChange> changes;
  for (const auto& [host, mark] : marks) {
    ++marking_[host];
    changes.push_back({election::lost_key(host), election::encode(mark)});
    // Proof ends what time does not.
    changes.push_back({election::held_key(host), std::nullopt});
    changes.push_back({held_instances_key(host), std::nullopt});
  }
  write(std::move(changes), [this, marks, done](WriteOutcome outcome, const std::string& why) {
    for (const auto& [host, mark] : marks) {
      unmark(host);
      const election::Member* member = node_.members().find(host);
      if (outcome != WriteOutcome::committed || member == nullptr) continue;
      events_.add("host-lost", member->name,
                  "host " + member->name +
                      (mark.fenced ? ": fenced: its power is off"
                                   : ": an administrator confirmed that it is down"));
    }
    done(outcome, why);
  });
}

void Agent::unmark(HostId host) {
  if (--marking_[host] == 0) marking_.erase(host);
}

void Agent::confirm_lost(const std::vector<HostId>& hosts, const WriteDone& done) {
  std::map<HostId, election::LostMark> marks;
  for (const HostId host : hosts) {
    marks[host] = lost_mark(host, false);
    marks[host].in_brake = leader_ && leader_->brake().on;
  }
  write_lost(marks, done);
}

// Fenced are hosts that are lost by time and may still run what time does not free, and those that
// have been silent for as long without a guard, of which time proves nothing: earlier it would make
// a false alarm cost VMs, where it costs a pause now. Never this host, never a held one.
FencerHooks Agent::fencer_hooks() {
  FencerHooks hooks;
  hooks.run = seams_.fence;
  hooks.device = [this](HostId host) { return fence_of(config_, node_.members(), host); };
  hooks.may = [this](HostId host) {
    if (!leader_ || !node_.ready(now()) || host == config_.self) return false;
    const election::HostStatus status = node_.host(host, now());
    return status.liveness == election::Liveness::lost ||
           (status.proof_due != Time{} && status.proof_due <= now());
  };
  const auto tell = [this](HostId host, const std::string& text) {
    const election::Member* member = node_.members().find(host);
    if (member != nullptr) events_.add("fence", member->name, "host " + member->name + ": " + text);
  };
  hooks.began = [this, tell](HostId host) {
    fencing_[host] = lost_mark(host, true);
    if (const FenceDevice* device = fence_of(config_, node_.members(), host)) {
      tell(host, "fencing it with " + device->agent);
    }
  };
  hooks.off = [this](HostId host) {
    // What is proved is about the host as it was when this began.
    const auto mark = fencing_.find(host);
    if (mark == fencing_.end() || !node_.ready(now())) return;
    write_lost({{host, mark->second}}, [](WriteOutcome, const std::string&) {});
  };
  hooks.failed = [tell](HostId host, const std::string& told) { tell(host, told); };
  return hooks;
}

// That an administrator did this must be found again. (rule 22)
void Agent::site_recovered(const election::SiteRecovered& it) {
  const std::string text =
      it.here
          ? config_.name + " has made the site anew, and votes alone: site " + it.site +
                ", before " + it.former
          : config_.name + " has joined the recovered site " + it.site + ", before " + it.former;
  events_.add("members", config_.name, text);
}

// Whoever is heard after its loss was proven is on again, or never was off: the mark has served.
// So has that of one that had not joined the recovered site. (rules 14, 22)
void Agent::unmark_returned() {
  if (!leader_) return;
  const std::vector<election::Member> members = node_.members().all();  // The writes change them.
  for (const election::Member& host : members) {
    const bool self = host.id == config_.self;
    const std::string lost = election::lost_key(host.id);
    const std::string unjoined = election::unjoined_key(host.id);
    const auto& entries = node_.committed().entries;
    if (being_written(lost) || being_written(unjoined)) continue;  // That comes first.
    const election::HostStatus status = node_.host(host.id, now());
    std::vector<election::CatalogChange> changes;
    if (entries.contains(lost) && (self || !status.lost_mark)) {
      changes.push_back({lost, std::nullopt});
      events_.add("host", host.name, "host " + host.name + ": heard again; its loss is taken back");
    } else if (status.lost_mark && status.lost_mark->in_brake && leader_->brake().away.empty()) {
      election::LostMark mark = *status.lost_mark;
      mark.in_brake = false;
      changes.push_back({lost, election::encode(mark)});
    }
    if (entries.contains(unjoined) && (self || status.heard)) {
      changes.push_back({unjoined, std::nullopt});
      events_.add("host", host.name, "host " + host.name + ": has joined the recovered site");
    }
    if (changes.empty()) continue;
    write(std::move(changes), [](WriteOutcome, const std::string&) {});
  }
}

}  // namespace cierzo
