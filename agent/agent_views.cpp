// What people, scripts and the leader's plan see of this agent: hosts, resources, who is missing.
#include "agent/agent.hpp"
#include "agent/net/address.hpp"
#include "agent/site_view.hpp"
#include "agent/types.hpp"

namespace cierzo {
namespace {

constexpr Duration forward_valid_max = std::chrono::minutes(1);  // Whatever its sender says.

HostState state_of(election::Liveness liveness) {
  switch (liveness) {
    case election::Liveness::alive:
      return HostState::alive;
    case election::Liveness::suspect:
      return HostState::suspect;
    case election::Liveness::lost:
      return HostState::lost;
    case election::Liveness::held:
      return HostState::held;
  }
  return HostState::suspect;
}

// What the election's ledger says of a host, and what its loss proves. (rule 14)
void fill_in(HostFacts& facts, const election::HostStatus& host, Time now) {
  facts.state = state_of(host.liveness);
  // Heard, but its loss was proven and that is not yet taken back: until then it gets no command.
  // Nor does it pull the brake meanwhile.
  if (host.marked && facts.state == HostState::alive) {
    facts.state = HostState::suspect;
    facts.confirmed_lost = true;
    facts.returning = true;
  }
  facts.disks_released_at = host.disks_released_at;
  facts.proof_due = host.proof_due;
  facts.unjoined = host.unjoined;
  if (host.lost_mark) {
    facts.lost_proof = LostProof::proven;
    facts.confirmed_lost = !host.lost_mark->fenced;
    facts.in_brake = host.lost_mark->in_brake;
    facts.added = host.lost_mark->added;
  } else if (now >= host.disks_released_at) {
    facts.lost_proof = LostProof::disks_released;
  }
}

// Of the leader: its site was recovered, and nobody else keeps what is declared. (rule 22)
std::string votes_alone(const election::Members& members, const election::Catalog& committed) {
  const bool alone = members.voters().size() < 2 && members.all().size() > 1;
  if (!alone || !election::first_term(committed)) return {};
  return "votes alone since the site was recovered: when others have joined, agentctl host set "
         "NAME --voter yes";
}

}  // namespace

std::vector<HostFacts> Agent::host_facts() const {
  std::map<HostId, election::HostStatus> seen;
  for (election::HostStatus& host : node_.hosts(now())) seen[host.id] = std::move(host);
  const bool leads = node_.ready(now());
  const election::Catalog& catalog = leads ? node_.committed() : node_.local_view();
  std::vector<HostFacts> facts;
  for (const election::Member& host : node_.members().all()) {
    // Without the port, as a resource's pool names hosts; it has been checked.
    const std::string address = host_of(endpoint_of(host.address).value_or(host.address));
    HostFacts made;
    made.id = host.id;
    made.name = host.name;
    made.address = address;
    if (const auto found = seen.find(host.id); found != seen.end()) {
      fill_in(made, found->second, now());
    }
    const bool marked = marking_.contains(host.id);
    if (marked && made.state == HostState::alive) made.state = HostState::suspect;
    if (host.id == config_.self) {
      const bool taken_back = !catalog.entries.contains(election::lost_key(host.id));
      made.state = !leads || taken_back ? HostState::alive : HostState::suspect;
    }
    if (made.state == HostState::held) made.held_instances = held_instances(catalog, host.id);
    facts.push_back(std::move(made));
  }
  return facts;
}

// Those that may run something: no witness, and none that is being removed, which has nothing.
std::vector<HostFacts> Agent::usable_hosts() const {
  std::vector<HostFacts> facts = host_facts();
  std::erase_if(facts, [this](const HostFacts& host) {
    const election::Member* member = node_.members().find(host.id);
    return host.id == leaving_ || (member != nullptr && member->witness);
  });
  return facts;
}

std::vector<api::HostRow> Agent::host_rows() const {
  std::map<HostId, Time> heard;
  for (const election::HostStatus& host : node_.hosts(now())) {
    if (host.heard) heard[host.id] = host.last_heard;
  }
  std::vector<api::HostRow> rows;
  for (const HostFacts& facts : host_facts()) {
    const election::Member* member = node_.members().find(facts.id);
    const Report* report = leader_ ? leader_->report_of(facts.id) : nullptr;
    const auto last = heard.find(facts.id);
    const Duration silent = last == heard.end() ? Duration::zero() : now() - last->second;
    const std::string error = leader_ ? leader_->hypervisor_error(facts.id) : std::string();
    rows.push_back(host_row(facts, node_.members().is_voter(facts.id), report, error, silent));
    rows.back().witness = member != nullptr && member->witness;
    if (rows.back().witness && facts.state == HostState::alive) {
      rows.back().reason.clear();  // Its hypervisor is nobody's concern.
      continue;
    }
    const auto add = [&reason = rows.back().reason](const std::string& text) {
      if (!text.empty()) reason += (reason.empty() ? "" : "; ") + text;
    };
    if (leader_) add(kept_on(facts.id, leader_->kept()));
    if (fencer_) add(fencer_->telling(facts.id));
    if (node_.is_rival(facts.id, now())) add(rival_site(facts.name));
    if (leader_ && facts.id == config_.self) add(votes_alone(node_.members(), node_.committed()));
    if (leader_ == nullptr && facts.id == config_.self) {
      const Report own = worker_->report();
      rows.back().reason =
          own.hypervisor_answers ? std::string() : hypervisor_silent(own.hypervisor_error);
    }
  }
  return rows;
}

// What this host itself knows: its own report beside the catalog as it is stored here. (rule 21)
std::vector<ResourceStatus> Agent::local_status() const {
  Desired desired;
  desired.update(node_.local_view());
  Inventory inventory;
  inventory.take(worker_->report(), now());
  const auto hosts = host_facts();
  World world;
  world.now = now();
  world.desired = desired.list();
  world.unreadable = desired.unreadable();
  world.recovered = desired.recovered();
  world.hosts = inventory.views(hosts);
  world.observed = inventory.observed(hosts);
  return status(world, plan(world));
}

// The networks of this host's configuration, and those that others report: they need not be the
// same everywhere.
SiteAddresses Agent::site_addresses() const {
  SiteAddresses site;
  site.networks = config_.networks;
  for (const election::Member& host : node_.members().all()) {
    const auto endpoint = endpoint_of(host.address);
    if (endpoint && read_ipv4(host_of(*endpoint))) site.hosts[host_of(*endpoint)] = host.name;
    const Report* report = leader_ ? leader_->report_of(host.id) : nullptr;
    if (!report) continue;
    site.cidrs.insert(site.cidrs.end(), report->networks.begin(), report->networks.end());
  }
  return site;
}

// Where this host is no member any more, by the newest members that it has heard of: what to do.
std::string Agent::taken_out() const {
  std::string key;
  for (const HostConfig& host : config_.hosts)
    if (host.id == config_.self) key = host.key;
  const election::Members& members = node_.members();
  const bool replaced = members.is_member(config_.self);
  if (replaced && members.key(config_.self) == key) return {};
  return std::string(replaced ? "another machine has this host's number now"
                              : "this host was removed from the site") +
         "; to bring it back stop its agent, rm " + config_.state +
         "/state.db*, add it on a host of the site (agentctl host add" +
         (replaced ? ", under another number" : " " + config_.name) + "), and start it";
}

std::string Agent::who_is_missing() const {
  if (const std::string out = taken_out(); !out.empty()) return out;
  const auto state = node_.state_status(now());
  const election::Shortage shortage = node_.shortage(now());
  std::string text = election::to_string(shortage, node_.members());
  if (!state.has_state && !state.silent.empty()) {
    text +=
        "; this host has no state, and a new site starts only when every voter answers; silent:";
    for (const HostId host : state.silent) text += " " + node_.members().name(host);
  }
  return text;
}

RequestHooks Agent::request_hooks() {
  RequestHooks hooks;
  hooks.leader = [this]() -> Leader* {
    return leader_ && node_.ready(now()) ? leader_.get() : nullptr;
  };
  hooks.leader_elsewhere = [this]() -> std::optional<HostId> {
    const auto leader = node_.leader();
    if (!leader || leader->owner == config_.self) return std::nullopt;
    return leader->owner;
  };
  hooks.leader_term = [this] { return node_.leader(); };
  hooks.newest_beat = [this] { return node_.newest_beat(); };
  hooks.lease = [this] { return node_.timing().lease; };
  hooks.in_time = [this](const Forward& forward) {
    const auto age = node_.age_of({forward.term, forward.heard}, now());
    const Duration valid = std::min(forward.valid, forward_valid_max);
    return (age && *age <= node_.timing().at_least(valid)) ||
           has(seams_.mutations, election::Mutation::rule_10_late);
  };
  hooks.own_run = [this] { return process_; };
  hooks.fresh_id = seams_.random_id;
  hooks.fresh_secret = [this] { return seams_.random_id() + seams_.random_id(); };
  hooks.who_is_missing = [this] { return who_is_missing(); };
  hooks.send = [this](HostId to, const PeerMessage& message) { return seams_.send(to, message); };
  hooks.write = [this](std::vector<election::CatalogChange> changes, WriteDone done) {
    write(std::move(changes), std::move(done));
  };
  hooks.hosts = [this] { return host_rows(); };
  hooks.host_facts = [this] { return host_facts(); };
  hooks.leader_view = [this]() -> std::optional<api::LeaderView> {
    const auto leader = node_.leader();
    if (!leader) return std::nullopt;
    return api::LeaderView{leader->owner.value, node_.members().name(leader->owner),
                           leader->counter};
  };
  hooks.members = [this] { return node_.members(); };
  hooks.change_members = [this](std::vector<election::Member> members, HostId leaves,
                                WriteDone done) {
    change_members(std::move(members), leaves, std::move(done));
  };
  hooks.local_status = [this] { return local_status(); };
  hooks.addresses = [this] { return site_addresses(); };
  hooks.types = [this] { return types_view(config_.types); };
  hooks.writing = [this] { return !writes_.empty(); };
  hooks.catalog_bytes = [this] {
    std::size_t bytes = 0;
    for (const auto& [key, value] : node_.committed().entries) bytes += key.size() + value.size();
    return bytes;
  };
  hooks.confirm_lost = [this](const std::vector<HostId>& hosts, const WriteDone& done) {
    confirm_lost(hosts, done);
  };
  hooks.stored = [this] { return node_.local_view().stamp; };
  hooks.recovery_refused = [this](const std::set<HostId>& lost) {
    return node_.recovery_refused(now(), lost);
  };
  hooks.recover = [this](const election::Recovery& recovery) {
    perform(node_.recover(now(), recovery));
  };
  hooks.held_run = [this](HostId host) {
    if (host == config_.self) return process_;
    return node_.host(host, now()).run;
  };
  return hooks;
}

}  // namespace cierzo
