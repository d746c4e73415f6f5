#include "agent/agent.hpp"

#include <algorithm>
#include <utility>

#include "agent/desired.hpp"
#include "agent/log.hpp"
#include "agent/site_view.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration housekeeping_every = 500ms;  // Missed reports, held marks: what no event tells.
constexpr Duration hold_patience = 3s;          // For the leader's word at a clean stop.
constexpr Duration hold_again = 100ms;

election::Config node_config(const Config& config, const std::string& boot,
                             const std::string& process, const AgentSeams& seams) {
  election::Config made;
  made.self = config.self;
  for (const HostConfig& host : config.hosts)
    made.members.push_back({host.id, host.name, host.voter, host.witness, host.address, host.key});
  for (const HostConfig& host : config.hosts)
    if (host.id == config.self) made.key = host.key;
  made.timing = config.timing;
  made.boot = boot;
  made.fresh_site_id = seams.random_id();
  made.fresh_state_id = seams.random_id();
  made.run = process;
  made.guard_deadline = seams.guard.deadline();
  made.mutations = seams.mutations;
  return made;
}

// Of a write; before who is missing. (rules 21, 23)
std::pair<WriteOutcome, std::string> refusal(election::RefusalReason reason) {
  switch (reason) {
    case election::RefusalReason::too_many:
      return {WriteOutcome::busy, ""};
    case election::RefusalReason::changing:
      return {WriteOutcome::rejected, "another change of the members is under way: "};
    case election::RefusalReason::invalid:
      return {WriteOutcome::rejected, "the members are others by now: "};
    case election::RefusalReason::voter_silent:
      return {WriteOutcome::rejected, "the host that is to vote does not answer: "};
    case election::RefusalReason::no_majority:
      return {WriteOutcome::rejected, "too few voters answer to change them: "};
    case election::RefusalReason::not_leader:
    case election::RefusalReason::recovering:
      break;
  }
  return {WriteOutcome::refused, ""};
}

}  // namespace

Agent::Agent(Config config, std::string boot, AgentSeams seams)
    : config_(std::move(config)),
      boot_(std::move(boot)),
      process_(seams.random_id()),
      seams_(std::move(seams)),
      executor_(seams_.executor),
      store_(seams_.store),
      events_(process_, config_.name),
      node_(node_config(config_, boot_, process_, seams_), store_.loaded().durable,
            executor_.now()),
      outbox_(
          store_, [this] { write_deadline(false); },
          [this](const election::Send& send) { seams_.send(send.to, send.message); },
          [this](const election::Fact& happened) { fact(happened); }),
      requests_(executor_, events_, software_version, config_.name, request_hooks()) {
  WorkerConfig worker;
  worker.self = config_.self;
  worker.boot = boot_;
  worker.state_id = node_.record().state_id;
  worker.process = process_;
  worker.networks = config_.networks;
  const std::string& last_boot = store_.loaded().last_boot;
  worker.fresh_boot = !last_boot.empty() && last_boot != boot_;
  worker.high_water = store_.loaded().command_mark;
  worker.unfinished = store_.loaded().unfinished;
  worker.mutations = seams_.mutations;
  worker_ = std::make_unique<Worker>(executor_, seams_.provider, seams_.guard, std::move(worker),
                                     worker_hooks());
}

Agent::~Agent() {
  // The provider outlives the agent, and its threads still tell what happens.
  seams_.provider.listen({});
  leader_.reset();
  worker_.reset();
}

void Agent::start() {
  seams_.provider.listen([this](const DomainEvent& event) {
    executor_.post([this, event] { worker_->event(event); });
  });
  if (seams_.members) seams_.members(node_.members());
  worker_->start();
  leaderless_since_ = now();
  keep_guard();
  perform(node_.tick(now()));
  housekeeping();
}

// ---- From outside to the cores

void Agent::received(HostId from, PeerMessage message) {
  if (auto* election_message = std::get_if<election::Message>(&message)) {
    look_at_guard();
    // Read now, for this message: a batch must not share one reading. (LEADERSHIP, "Words")
    return perform(node_.step(now(), from, *election_message));
  }
  if (auto* report = std::get_if<Report>(&message)) {
    report->host = from;
    // One that another run of that host's agent said was under way for long. The last
    // acknowledgement, of which the newest counts, knows which run it is.
    const std::string run = from == config_.self ? process_ : node_.host(from, now()).run;
    const bool of_this_run = run.empty() || run == report->process;
    if (leader_ && of_this_run) leader_->report(*report);
  } else if (const auto* command = std::get_if<Command>(&message)) {
    // Only a term's owner commands in it.
    if (command->id.term.owner == from) worker_->command(*command);
  } else if (const auto* result = std::get_if<CommandResult>(&message)) {
    if (leader_) leader_->result(from, *result);
  } else if (const auto* request = std::get_if<ReportRequest>(&message)) {
    worker_->ask_images(request->images);
    send_report(from);
  } else if (const auto* forward = std::get_if<Forward>(&message)) {
    requests_.forwarded(from, *forward);
  } else if (const auto* answer = std::get_if<ForwardAnswer>(&message)) {
    requests_.forward_answered(from, *answer);
  }
}

// A hint, not proof. (rule 11)
void Agent::connection_broken(HostId peer) { perform(node_.connection_broken(now(), peer)); }

void Agent::request(const api::ApiRequest& request, const api::Answer& answer) {
  requests_.handle(request, answer);
}

void Agent::perform(election::Output output) {
  write_deadline(true);
  outbox_.add(std::move(output));
  arm_timer();
  if (reported_term_ != node_.permit_term() || reported_spell_ != node_.permit_spell(now())) {
    report_changed(false);
  }
}

// At most one timer counts: one that is due earlier than needed looks again, so that not every
// message costs a new one.
void Agent::arm_timer() {
  const Time next = node_.next_tick();
  if (next >= armed_) return;
  armed_ = next;
  executor_.after(std::max<Duration>(next - now(), Duration::zero()),
                  [this, next] { timer_due(next); });
}

void Agent::timer_due(Time armed) {
  if (armed != armed_) return;
  armed_ = Time::max();
  if (now() < node_.next_tick()) return arm_timer();
  look_at_guard();
  perform(node_.tick(now()));
}

void Agent::fact(const election::Fact& happened) {
  std::visit(
      [this](const auto& it) {
        using Fact = std::decay_t<decltype(it)>;
        if constexpr (std::is_same_v<Fact, election::LeaderChanged>) {
          leader_changed(it.leader);
        } else if constexpr (std::is_same_v<Fact, election::LeadershipReady>) {
          lead(it.term);
        } else if constexpr (std::is_same_v<Fact, election::AuthorityEnded>) {
          stop_leading();
        } else if constexpr (std::is_same_v<Fact, election::CatalogCommitted>) {
          if (leader_) leader_->catalog_changed(node_.committed());
        } else if constexpr (std::is_same_v<Fact, election::WriteCommitted>) {
          // Acknowledged only under authority that still holds. (rule 10)
          const bool holds = node_.has_authority(now());
          write_done(it.write, holds ? WriteOutcome::committed : WriteOutcome::unknown,
                     "authority ended while it was stored");
        } else if constexpr (std::is_same_v<Fact, election::WriteUnknown>) {
          write_done(it.write, WriteOutcome::unknown, "authority ended while it was stored");
        } else if constexpr (std::is_same_v<Fact, election::WriteRefused>) {
          const auto [outcome, text] = refusal(it.reason);
          write_done(it.write, outcome, text + election::to_string(it.shortage, node_.members()));
        } else if constexpr (std::is_same_v<Fact, election::MembersChanged>) {
          if (seams_.members) seams_.members(it.members);
        } else if constexpr (std::is_same_v<Fact, election::HostHeard>) {
          if (leader_) leader_->host_heard(it.host, it.boot, it.state_id, it.run);
          host_changed(it.host, HostState::alive, "alive");
          executor_.post([this] { unmark_returned(); });
        } else if constexpr (std::is_same_v<Fact, election::HostSuspect>) {
          host_changed(it.host, HostState::suspect, "suspect: it does not answer");
        } else if constexpr (std::is_same_v<Fact, election::HostHeld>) {
          host_changed(it.host, HostState::held, "held: its agent was stopped, its VMs run on");
        } else if constexpr (std::is_same_v<Fact, election::HostLost>) {
          const auto mark = node_.host(it.host, now()).lost_mark;
          host_changed(it.host, HostState::lost,
                       mark && mark->added ? "added, and not heard yet"
                                           : "lost: its permit has certainly ended");
        } else if constexpr (std::is_same_v<Fact, election::InventoryDigest>) {
          host_said(node_.host(it.host, now()));
        } else if constexpr (std::is_same_v<Fact, election::SiteFounded>) {
          events_.add("start", config_.name, config_.name + " started a new site");
        } else if constexpr (std::is_same_v<Fact, election::StateJoined>) {
          events_.add("start", config_.name, config_.name + " has the site's state now");
        } else if constexpr (std::is_same_v<Fact, election::SiteRecovered>) {
          site_recovered(it);
        } else if constexpr (std::is_same_v<Fact, election::RivalSite>) {
          events_.add("members", config_.name, rival_site(node_.members().name(it.by)));
        }
      },
      happened);
}

// Its last acknowledgement: who it is now, and which report it believes the leader has.
void Agent::host_said(const election::HostStatus& host) {
  if (!leader_) return;
  leader_->host_heard(host.id, host.stamp.boot, host.state_id, host.run);
  leader_->want_report(host.id, host.inventory_digest);
}

// What no event tells: a report or its request was lost, a held host has come back.
void Agent::housekeeping() {
  if (leader_) {
    for (const election::HostStatus& host : node_.hosts(now())) {
      const bool alive = host.heard && host.liveness == election::Liveness::alive;
      if (alive) host_said(host);
    }
    leader_->want_report(config_.self, report_digest_);
    unhold_returned();
    unmark_returned();
  }
  executor_.after(housekeeping_every, [this] { housekeeping(); });
}

// ---- The guard (rule 13)

// It falls before anything else happens, and rises once what it hangs on is on disk.
// (election/node.hpp, "How to drive it")
void Agent::write_deadline(bool lower_only) {
  const Time deadline = node_.deadline(), written = seams_.guard.deadline();
  if (stood_down_ || deadline == written || (lower_only && deadline > written)) return;
  seams_.guard.set_lengths(node_.record().longest.permit, node_.timing().destroy_after);
  seams_.guard.set_deadline(deadline, now());
}

void Agent::keep_guard() {
  seams_.guard.beat(now());
  look_at_guard();
  executor_.after(Guard::beat_every, [this] { keep_guard(); });
}

// Before every stamp that could leave: a host without a live guard gets no permit.
void Agent::look_at_guard() {
  Guard& guard = seams_.guard;
  node_.set_guarded(guard.alive(now()) && guard.complete());
  const std::uint64_t changes = guard.changes();
  const std::string error = guard.error(now());
  if (changes == guard_changes_ && error == guard_error_) return;
  guard_changes_ = changes;
  if (guard_error_ != error) {
    if (!error.empty()) {
      log::error("no VM may run on this host: " + error);
    } else if (guard_error_) {
      log::info("the guard lives");
    }
    guard_error_ = error;
  }
  worker_->guard_changed();
}

// ---- Reports of this host

void Agent::report_changed(bool always) {
  if (!worker_) return;
  reported_term_ = node_.permit_term();
  reported_spell_ = node_.permit_spell(now());
  const std::string digest = report_digest(worker_->report());
  if (digest == report_digest_ && !always) return;
  report_digest_ = digest;
  node_.set_inventory_digest(digest);
  if (const auto leader = node_.leader()) send_report(leader->owner);
}

void Agent::send_report(HostId leader) {
  Report report = worker_->report();
  report.number = ++reports_;
  seams_.send(leader, report);
}

WorkerHooks Agent::worker_hooks() {
  WorkerHooks hooks;
  hooks.permit = [this] {
    election::CommandContext context;
    context.heard = node_.permit_term();
    context.permit_valid = node_.permit_valid(now());
    context.permit_spell = node_.permit_spell(now());
    return context;
  };
  hooks.begin = [this](const Command& command, std::function<void()> done) {
    Batch batch;
    batch.received.push_back(command);
    store_.commit(std::move(batch), std::move(done));
  };
  hooks.end = [this](Stamp id) {
    Batch batch;
    batch.finished.push_back(id);
    store_.commit(std::move(batch), [] {});
  };
  hooks.answer = [this](const CommandResult& result) { seams_.send(result.id.term.owner, result); };
  hooks.changed = [this] {
    look_at_guard();  // A survey may have handed over what it had not got.
    report_changed(false);
  };
  hooks.log = [](const std::string& line) { log::info(line); };
  hooks.warn = [](const std::string& line) { log::warning(line); };
  return hooks;
}

// ---- While this host leads

void Agent::leader_changed(const std::optional<Term>& leader) {
  if (!leader) {
    if (!leaderless_since_) leaderless_since_ = now();
    events_.add("leader", config_.name, "no leader is known to " + config_.name);
  } else {
    const std::string name = node_.members().name(leader->owner);
    std::string text = name + " leads in term " + std::to_string(leader->counter);
    if (leaderless_since_) {
      const auto gap =
          std::chrono::duration_cast<std::chrono::milliseconds>(now() - *leaderless_since_);
      text += " (after " + std::to_string(gap.count()) + " ms without a leader)";
    }
    leaderless_since_.reset();
    events_.add("leader", name, text);
    report_changed(true);
  }
  requests_.leader_changed();
}

void Agent::lead(Term term) {
  fencing_.clear();
  fencer_ = std::make_unique<Fencer>(executor_, fencer_hooks());
  leader_ = std::make_unique<Leader>(executor_, term, config_.converge, leader_hooks());
  leader_->start(node_.committed());
  send_report(config_.self);
}

void Agent::stop_leading() {
  // Authority may end in the middle of what the leader is doing, by a write of its own: it ends
  // once that has returned. Until then it may not act, and says so itself.
  executor_.post([ended = std::shared_ptr<Leader>(std::move(leader_)),
                  fencer = std::shared_ptr<Fencer>(std::move(fencer_))] {});
}

LeaderHooks Agent::leader_hooks() {
  LeaderHooks hooks;
  hooks.may_act = [this] { return node_.ready(now()); };
  hooks.hosts = [this] { return usable_hosts(); };
  hooks.permit_spell = [this](HostId host) {
    if (host == config_.self) return node_.permit_spell(now());
    const election::HostStatus status = node_.host(host, now());
    return status.permit_term == node_.term() ? status.permit_spell : 0;
  };
  hooks.send = [this](HostId host, const PeerMessage& message) { seams_.send(host, message); };
  hooks.write = [this](std::vector<election::CatalogChange> changes) {
    write(std::move(changes), [](WriteOutcome, const std::string&) {});
  };
  hooks.writing = [this] { return !writes_.empty(); };
  hooks.event = [this](const std::string& kind, const std::string& subject,
                       const std::string& text) { events_.add(kind, subject, text); };
  hooks.prove_lost = [this](const std::set<HostId>& hosts) {
    if (fencer_) fencer_->want(hosts);
  };
  hooks.brake_share = config_.brake_share;
  hooks.starts_max = config_.starts_max;
  return hooks;
}

void Agent::host_changed(HostId host, HostState state, const std::string& text) {
  if (!node_.members().is_member(host)) return;
  const std::string name = node_.members().name(host);
  events_.add(state == HostState::lost ? "host-lost" : "host", name, "host " + name + ": " + text);
  if (leader_) leader_->host_changed(host, state);
}

void Agent::change_members(std::vector<election::Member> members, HostId leaves, WriteDone done) {
  const election::WriteId id{next_write_++};
  if (leaves != HostId{}) leaving_ = leaves;
  // The write marks every new machine as one on which nothing can be (rule 14). It may answer
  // before that is stored, and must get no command by then.
  Writing writing;
  std::vector<HostId> fresh;
  for (const election::Member& member : members) {
    if (node_.members().is_member(member.id) && node_.members().key(member.id) == member.key)
      continue;
    fresh.push_back(member.id);
    ++marking_[member.id];
    writing.keys.push_back(election::lost_key(member.id));
    writing.keys.push_back(election::held_key(member.id));
    writing.keys.push_back(election::unjoined_key(member.id));
  }
  writing.done = [this, fresh, done = std::move(done)](WriteOutcome outcome,
                                                       const std::string& why) {
    for (const HostId host : fresh) unmark(host);
    leaving_.reset();
    if (outcome == WriteOutcome::committed) tell_members();
    done(outcome, why);
  };
  writes_[id] = std::move(writing);
  perform(node_.change_members(now(), id, std::move(members)));
}

void Agent::tell_members() {
  std::string names;
  for (const election::Member& member : node_.members().all()) {
    names += (names.empty() ? "" : ", ") + member.name + (member.voter ? " (votes)" : "");
  }
  events_.add("members", config_.name, "the site's hosts from now on: " + names);
}

void Agent::write(std::vector<election::CatalogChange> changes, WriteDone done) {
  const election::WriteId id{next_write_++};
  Writing& writing = writes_[id];
  writing.done = std::move(done);
  for (const election::CatalogChange& change : changes) writing.keys.push_back(change.key);
  perform(node_.propose(now(), id, std::move(changes)));
}

void Agent::write_done(election::WriteId write, WriteOutcome outcome, const std::string& why) {
  const auto found = writes_.find(write);
  if (found == writes_.end()) return;
  const WriteDone done = std::move(found->second.done);
  writes_.erase(found);
  done(outcome, why);
}

// What the committed catalog says under that key is about to change.
bool Agent::being_written(const std::string& key) const {
  return std::any_of(writes_.begin(), writes_.end(), [&](const auto& entry) {
    const auto& keys = entry.second.keys;
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  });
}

// A later start of its agent reports a permit of this term: the mark has served. (rule 14)
// A newer one that is on its way must not be deleted in its place.
void Agent::unhold_returned() {
  const std::vector<election::Member> members = node_.members().all();
  for (const election::Member& host : members) {
    if (being_written(election::held_key(host.id))) continue;
    // Looked up for each: the writes below change it. Not copied: it may be megabytes.
    const auto& entries = node_.committed().entries;
    const auto mark = entries.find(election::held_key(host.id));
    if (mark == entries.end()) continue;
    // This host leads, so its agent was started again.
    const bool back = host.id == config_.self ? mark->second != process_
                                              : node_.may_unhold(host.id, mark->second, now());
    if (!back) continue;
    events_.add("host", host.name, "host " + host.name + ": back, no longer held");
    write(
        {{election::held_key(host.id), std::nullopt}, {held_instances_key(host.id), std::nullopt}},
        [](WriteOutcome, const std::string&) {});
  }
}

// ---- The end

void Agent::stop() {
  if (std::exchange(stopping_, true)) return;
  log::info("stopping: asking that this host be held, so that its VMs run on");
  worker_->retire();
  ask_hold(now() + hold_patience);
}

// Again and again while there is time: the leader may be changing just now. An answer that is
// still to come, or tells nothing, may have been stored: then nobody replaces what runs here, but
// the guard does not know that and pauses it all the same.
void Agent::ask_hold(Time give_up) {
  hold_unknown_ = true;
  requests_.hold_self([this, give_up](Requests::Hold outcome) {
    if (left_) return;
    if (outcome == Requests::Hold::held) return leave(true);
    hold_unknown_ = outcome == Requests::Hold::unknown;
    if (now() < give_up) return executor_.after(hold_again, [this, give_up] { ask_hold(give_up); });
    leave(false);
  });
  executor_.after(give_up + hold_again - now(), [this] { leave(false); });
}

// The guard stands down only where a majority knows that this host is held: otherwise its VMs stop
// when the permit ends, since others replace them. (rule 14)
void Agent::leave(bool held) {
  if (std::exchange(left_, true)) return;
  if (!held) {
    log::warning(std::string(hold_unknown_ ? "whether this host is held is not known"
                                           : "nobody could note that this host is held") +
                 ": when its permit ends, the guard pauses its VMs" +
                 (hold_unknown_
                      ? "; others replace them unless it is held: see agentctl hosts, elsewhere"
                      : " and others replace them"));
  }
  perform(node_.release(now()));
  if (held) seams_.guard.stand_down();
  stood_down_ = held;
  seams_.left();
}

}  // namespace cierzo
