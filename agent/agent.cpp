#include "agent/agent_impl.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration housekeeping_every = 500ms;  // Missed reports, held marks: what no event tells.
constexpr Duration hold_patience = 3s;          // For the leader's word at a clean stop.
constexpr Duration hold_again = 100ms;
constexpr Duration goodbye = 50ms;  // For the last messages to leave.

std::vector<Peer> peers_of(const Config& config) {
  std::vector<Peer> peers;
  for (const HostConfig& host : config.hosts) {
    peers.push_back({host.id, host.name, host.address, host.key});
  }
  return peers;
}

TransportConfig transport_config(const Config& config) {
  TransportConfig made;
  made.self = config.self;
  made.listen = config.listen;
  made.secret_key = config.secret_key;
  made.peers = peers_of(config);
  made.software = software_version;
  return made;
}

election::Config node_config(const Config& config, const std::string& boot,
                             const std::string& process) {
  election::Config made;
  made.self = config.self;
  for (const HostConfig& host : config.hosts)
    made.members.push_back({host.id, host.name, host.voter});
  made.timing = config.timing;
  made.boot = boot;
  made.fresh_site_id = random_id();
  made.fresh_state_id = random_id();
  made.run = process;
  return made;
}

LibvirtConfig provider_config(const Config& config) {
  LibvirtConfig made;
  made.uri = config.hypervisor;
  made.images_folder = config.images;
  made.state_folder = config.state;
  made.networks = config.networks;
  made.capacity = {config.memory_kib, config.cpus};
  made.virtualization = config.virtualization;
  return made;
}

}  // namespace

Agent::Impl::Impl(asio::io_context& io, Config config)
    : io_(io),
      config_(std::move(config)),
      boot_(boot_id()),
      process_(random_id()),
      store_(io, config_.state, boot_,
             [this](const std::string& reason) {
               log::error("the state cannot be written, so nothing more can be promised: " +
                          reason + "; stopping");
               exit_code_ = 2;
               io_.stop();
             }),
      provider_(make_libvirt_provider(provider_config(config_))),
      executor_(io),
      events_(process_, config_.name),
      node_(node_config(config_, boot_, process_), store_.loaded().durable, executor_.now()),
      outbox_(
          store_, [this](const election::Send& send) { transport_.send(send.to, send.message); },
          [this](const election::Fact& happened) { fact(happened); }),
      transport_(io, transport_config(config_),
                 {[this](HostId from, PeerMessage received) { message(from, std::move(received)); },
                  [this](HostId peer, bool up) {
                    // A hint, not proof. (rule 11)
                    if (!up) perform(node_.connection_broken(now(), peer));
                  },
                  [](const std::string& line) { log::info(line); }}),
      requests_(executor_, events_, software_version, config_.name, request_hooks()),
      timer_(io) {
  if (store_.loaded().created) {
    log::info("there was no state in " + config_.state + ": this host starts without any");
  }
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
  worker_ = std::make_unique<Worker>(executor_, *provider_, std::move(worker), worker_hooks());
  server_ = std::make_unique<api::Server>(
      io_, config_.socket, [this](const api::ApiRequest& request, const api::Answer& answer) {
        requests_.handle(request, answer);
      });
}

Agent::Impl::~Impl() {
  server_.reset();
  leader_.reset();
  worker_.reset();
}

void Agent::Impl::start() {
  provider_->listen([this](const DomainEvent& event) {
    asio::post(io_, [this, event] { worker_->event(event); });
  });
  worker_->start();
  leaderless_since_ = now();
  perform(node_.tick(now()));
  housekeeping();
}

// ---- From outside to the cores

void Agent::Impl::message(HostId from, PeerMessage received) {
  if (auto* election_message = std::get_if<election::Message>(&received)) {
    // Read now, for this message: a batch must not share one reading. (LEADERSHIP, "Words")
    return perform(node_.step(now(), from, *election_message));
  }
  if (auto* report = std::get_if<Report>(&received)) {
    report->host = from;
    if (leader_) leader_->report(*report);
  } else if (const auto* command = std::get_if<Command>(&received)) {
    // Only a term's owner commands in it.
    if (command->id.term.owner == from) worker_->command(*command);
  } else if (const auto* result = std::get_if<CommandResult>(&received)) {
    if (leader_) leader_->result(from, *result);
  } else if (const auto* request = std::get_if<ReportRequest>(&received)) {
    worker_->ask_images(request->images);
    send_report(from);
  } else if (const auto* forward = std::get_if<Forward>(&received)) {
    requests_.forwarded(from, *forward);
  } else if (const auto* answer = std::get_if<ForwardAnswer>(&received)) {
    requests_.forward_answered(from, *answer);
  }
}

void Agent::Impl::perform(election::Output output) {
  outbox_.add(std::move(output));
  arm_timer();
  if (reported_term_ != node_.permit_term() || reported_spell_ != node_.permit_spell(now())) {
    report_changed(false);
  }
}

void Agent::Impl::arm_timer() {
  const Time next = node_.next_tick();
  if (next == Time::max()) {
    timer_.cancel();
    return;
  }
  const Duration delay = std::max<Duration>(next - now(), Duration::zero());
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(delay));
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) perform(node_.tick(now()));
  });
}

void Agent::Impl::fact(const election::Fact& happened) {
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
          const bool busy = it.reason == election::RefusalReason::too_many;
          write_done(it.write, busy ? WriteOutcome::busy : WriteOutcome::refused,
                     election::to_string(it.shortage, node_.members()));
        } else if constexpr (std::is_same_v<Fact, election::HostHeard>) {
          if (leader_) leader_->host_heard(it.host, it.boot, it.state_id, it.run);
          host_changed(it.host, HostState::alive, "alive");
        } else if constexpr (std::is_same_v<Fact, election::HostSuspect>) {
          host_changed(it.host, HostState::suspect, "suspect: it does not answer");
        } else if constexpr (std::is_same_v<Fact, election::HostHeld>) {
          host_changed(it.host, HostState::held, "held: its agent was stopped, its VMs run on");
        } else if constexpr (std::is_same_v<Fact, election::HostLost>) {
          host_changed(it.host, HostState::lost, "lost: its permit has certainly ended");
        } else if constexpr (std::is_same_v<Fact, election::InventoryDigest>) {
          host_said(node_.host(it.host, now()));
        } else if constexpr (std::is_same_v<Fact, election::SiteFounded>) {
          events_.add("start", config_.name, config_.name + " started a new site");
        } else if constexpr (std::is_same_v<Fact, election::StateJoined>) {
          events_.add("start", config_.name, config_.name + " has the site's state now");
        }
      },
      happened);
}

// Its last acknowledgement: who it is now, and which report it believes the leader has.
void Agent::Impl::host_said(const election::HostStatus& host) {
  if (!leader_) return;
  leader_->host_heard(host.id, host.stamp.boot, host.state_id, host.run);
  leader_->want_report(host.id, host.inventory_digest);
}

// What no event tells: a report or its request was lost, a held host has come back.
void Agent::Impl::housekeeping() {
  if (leader_) {
    for (const election::HostStatus& host : node_.hosts(now())) {
      const bool alive = host.heard && host.liveness == election::Liveness::alive;
      if (alive) host_said(host);
    }
    leader_->want_report(config_.self, report_digest_);
    unhold_returned();
  }
  executor_.after(housekeeping_every, [this] { housekeeping(); });
}

// ---- Reports of this host

void Agent::Impl::report_changed(bool always) {
  if (!worker_) return;
  reported_term_ = node_.permit_term();
  reported_spell_ = node_.permit_spell(now());
  const std::string digest = report_digest(worker_->report());
  if (digest == report_digest_ && !always) return;
  report_digest_ = digest;
  node_.set_inventory_digest(digest);
  if (const auto leader = node_.leader()) send_report(leader->owner);
}

void Agent::Impl::send_report(HostId leader) {
  // Before the hypervisor was seen once there is nothing to say: silence is not an empty inventory.
  // (rule 18)
  if (!worker_->surveyed()) return;
  transport_.send(leader, worker_->report());
}

WorkerHooks Agent::Impl::worker_hooks() {
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
  hooks.answer = [this](const CommandResult& result) {
    transport_.send(result.id.term.owner, result);
  };
  hooks.changed = [this] { report_changed(false); };
  hooks.log = [](const std::string& line) { log::info(line); };
  return hooks;
}

// ---- While this host leads

void Agent::Impl::leader_changed(const std::optional<Term>& leader) {
  if (!leader) {
    if (!leaderless_since_) leaderless_since_ = now();
    events_.add("leader", config_.name, "no leader is known to " + config_.name);
  } else {
    const HostConfig* host = host_config(leader->owner);
    const std::string name = host != nullptr ? host->name : std::to_string(leader->owner.value);
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

void Agent::Impl::lead(Term term) {
  leader_ = std::make_unique<Leader>(executor_, term, config_.converge, leader_hooks());
  leader_->start(node_.committed());
  send_report(config_.self);
}

void Agent::Impl::stop_leading() {
  // Authority may end in the middle of what the leader is doing, by a write of its own: it ends
  // once that has returned. Until then it may not act, and says so itself.
  asio::post(io_, [ended = std::shared_ptr<Leader>(std::move(leader_))] {});
}

LeaderHooks Agent::Impl::leader_hooks() {
  LeaderHooks hooks;
  hooks.may_act = [this] { return node_.ready(now()); };
  hooks.hosts = [this] { return host_facts(); };
  hooks.permit_spell = [this](HostId host) {
    if (host == config_.self) return node_.permit_spell(now());
    const election::HostStatus status = node_.host(host, now());
    return status.permit_term == node_.term() ? status.permit_spell : 0;
  };
  hooks.send = [this](HostId host, const PeerMessage& message) { transport_.send(host, message); };
  hooks.write = [this](std::vector<election::CatalogChange> changes) {
    write(std::move(changes), [](WriteOutcome, const std::string&) {});
  };
  hooks.writing = [this] { return !writes_.empty(); };
  hooks.event = [this](const std::string& kind, const std::string& subject,
                       const std::string& text) { events_.add(kind, subject, text); };
  return hooks;
}

void Agent::Impl::host_changed(HostId host, HostState state, const std::string& text) {
  const HostConfig* config = host_config(host);
  if (config == nullptr) return;
  events_.add(state == HostState::lost ? "host-lost" : "host", config->name,
              "host " + config->name + ": " + text);
  if (leader_) leader_->host_changed(host, state);
}

void Agent::Impl::write(std::vector<election::CatalogChange> changes, WriteDone done) {
  const election::WriteId id{next_write_++};
  writes_[id] = std::move(done);
  perform(node_.propose(now(), id, std::move(changes)));
}

void Agent::Impl::write_done(election::WriteId write, WriteOutcome outcome,
                             const std::string& why) {
  const auto found = writes_.find(write);
  if (found == writes_.end()) return;
  const WriteDone done = std::move(found->second);
  writes_.erase(found);
  done(outcome, why);
}

// A later start of its agent reports a permit of this term: the mark has served. (rule 14)
void Agent::Impl::unhold_returned() {
  if (!writes_.empty()) return;
  const auto entries = node_.committed().entries;  // A copy: the writes below change them.
  for (const HostConfig& host : config_.hosts) {
    const auto mark = entries.find(election::held_key(host.id));
    if (mark == entries.end()) continue;
    // This host leads, so its agent was started again.
    const bool back = host.id == config_.self ? mark->second != process_
                                              : node_.may_unhold(host.id, mark->second, now());
    if (!back) continue;
    events_.add("host", host.name, "host " + host.name + ": back, no longer held");
    write({{mark->first, std::nullopt}, {held_instances_key(host.id), std::nullopt}},
          [](WriteOutcome, const std::string&) {});
  }
}

// ---- The end

void Agent::Impl::stop() {
  if (std::exchange(stopping_, true)) return;
  log::info("stopping: asking that this host be held, so that its VMs run on");
  worker_->retire();
  ask_hold(now() + hold_patience);
}

// Again and again while there is time: the leader may be changing just now.
void Agent::Impl::ask_hold(Time give_up) {
  requests_.hold_self([this, give_up](bool held) {
    if (left_) return;
    if (held) return leave();
    if (now() < give_up) return executor_.after(hold_again, [this, give_up] { ask_hold(give_up); });
    log::warning(
        "nobody could note that this host is held: when its permit ends, others replace "
        "its VMs");
    leave();
  });
  executor_.after(give_up + hold_again - now(), [this] { leave(); });
}

void Agent::Impl::leave() {
  if (std::exchange(left_, true)) return;
  server_->close();
  perform(node_.release(now()));
  executor_.after(goodbye, [this] { io_.stop(); });
}

Agent::Agent(asio::io_context& io, Config config)
    : impl_(std::make_unique<Impl>(io, std::move(config))) {}
Agent::~Agent() = default;
void Agent::start() { impl_->start(); }
void Agent::stop() { impl_->stop(); }
int Agent::exit_code() const { return impl_->exit_code(); }

}  // namespace cierzo
