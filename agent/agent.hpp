// One host's agent: ties the cores (election, worker, leader, requests) to one another and to what
// they stand on. It knows no socket, no file and no hypervisor: those are its seams, which agentd
// fills with ZeroMQ, SQLite and libvirt (daemon.hpp), and the simulation with a network, disks and
// hosts in virtual time (tests/simulation). So both run the same wiring. Main loop only.
//
//   received() -> Node      -> Outbox -> Store (what must be on disk first) -> send, facts
//   received() -> Worker    <- Provider, Guard    (commands in, reports and results out)
//   Node       -> Guard     (deadlines out; no live guard, no stamps)
//   facts      -> Leader    -> send               (while this host leads)
//   request()  -> Requests  -> Leader or send
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/request.hpp"
#include "agent/config.hpp"
#include "agent/events.hpp"
#include "agent/executor.hpp"
#include "agent/fence.hpp"
#include "agent/guard/guard.hpp"
#include "agent/leader.hpp"
#include "agent/outbox.hpp"
#include "agent/requests.hpp"
#include "agent/store/store.hpp"
#include "agent/worker.hpp"
#include "election/node.hpp"
#include "resources/provider.hpp"

namespace cierzo {

inline constexpr const char* software_version = CIERZO_VERSION;

// What an agent stands on. All of it outlives the agent; what the executor was given to do by it is
// not done any more once the agent is gone.
struct AgentSeams {
  Executor& executor;
  Store& store;
  Provider& provider;
  Guard& guard;
  // True: on its way, no more than that. What is sent to this host itself comes back.
  std::function<bool(HostId, const PeerMessage&)> send;
  std::function<std::string()> random_id;  // Of this process, its state, its requests: never twice.
  // A clean stop is through: no request is answered any more. What was sent last may still be on
  // its way.
  std::function<void()> left;
  election::Mutations mutations{};  // For tests only.
  FenceRun fence = {};              // Runs fence programs; empty: none is run.
  // These are the members from now on: whom to listen to, and where they are. May be empty.
  std::function<void(const election::Members&)> members{};
};

class Agent {
 public:
  // `boot`: the id of this boot of the host. Of the configuration it wants the host, the site, the
  // networks, the timing and the types; keys, paths and addresses are matters of the seams.
  Agent(Config config, std::string boot, AgentSeams seams);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  void start();

  // `from` is what the sender's key proves.
  void received(HostId from, PeerMessage message);
  void connection_broken(HostId peer);
  // Of the control socket.
  void request(const api::ApiRequest& request, const api::Answer& answer);

  // A clean stop: asks that this host be held, so that its VMs run on and nothing of it is replaced
  // (rule 14), gives up leading (rule 8), and says `left`. Without a leader to ask it stops all the
  // same.
  void stop();

  // For whoever looks from outside: the simulation's checkers.
  [[nodiscard]] const election::Node& node() const { return node_; }
  [[nodiscard]] const Leader* leader() const { return leader_.get(); }  // Null: it does not lead.
  [[nodiscard]] const Events& events() const { return events_; }

 private:
  // From outside to the cores.
  void perform(election::Output output);
  void fact(const election::Fact& fact);
  void arm_timer();
  void timer_due(Time armed);
  void housekeeping();
  void keep_guard();
  void look_at_guard();
  void write_deadline(bool lower_only);
  void host_said(const election::HostStatus& host);

  // Reports of this host, wherever the leader is.
  void report_changed(bool always);
  void send_report(HostId leader);

  // While this host leads.
  void lead(Term term);
  void stop_leading();
  void leader_changed(const std::optional<Term>& leader);
  void site_recovered(const election::SiteRecovered& it);
  void host_changed(HostId host, HostState state, const std::string& text);
  void tell_members();
  void write(std::vector<election::CatalogChange> changes, WriteDone done);
  void write_done(election::WriteId write, WriteOutcome outcome, const std::string& why);
  void unhold_returned();

  // Proof that hosts are off: agent_loss.cpp. (rule 14)
  [[nodiscard]] election::LostMark lost_mark(HostId host, bool fenced) const;
  void write_lost(const std::map<HostId, election::LostMark>& marks, const WriteDone& done);
  void unmark(HostId host);
  void confirm_lost(const std::vector<HostId>& hosts, const WriteDone& done);
  void unmark_returned();
  [[nodiscard]] bool being_written(const std::string& key) const;
  [[nodiscard]] FencerHooks fencer_hooks();

  void ask_hold(Time give_up);
  void leave(bool held);

  [[nodiscard]] WorkerHooks worker_hooks();
  [[nodiscard]] LeaderHooks leader_hooks();
  [[nodiscard]] RequestHooks request_hooks();
  [[nodiscard]] std::vector<HostFacts> host_facts() const;
  [[nodiscard]] std::vector<HostFacts> usable_hosts() const;
  [[nodiscard]] std::vector<api::HostRow> host_rows() const;
  [[nodiscard]] std::vector<ResourceStatus> local_status() const;
  [[nodiscard]] SiteAddresses site_addresses() const;
  void change_members(std::vector<election::Member> members, HostId leaves, WriteDone done);
  [[nodiscard]] std::string who_is_missing() const;
  [[nodiscard]] std::string taken_out() const;
  [[nodiscard]] Time now() const { return executor_.now(); }

  const Config config_;
  const std::string boot_, process_;
  const AgentSeams seams_;
  Executor& executor_;
  Store& store_;
  Events events_;
  election::Node node_;
  Outbox outbox_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Leader> leader_;
  std::unique_ptr<Fencer> fencer_;                // While this host leads.
  std::map<HostId, election::LostMark> fencing_;  // As they were when their fencing began.
  Requests requests_;

  Time armed_ = Time::max();  // When the node's timer looks next.
  struct Writing {
    WriteDone done;
    std::vector<std::string> keys;
  };
  std::map<election::WriteId, Writing> writes_;
  std::uint64_t next_write_ = 1;
  std::map<HostId, int> marking_;  // Lost marks that are being stored: no command goes there.
  std::optional<HostId> leaving_;  // Being removed: gets nothing to run.
  std::string report_digest_;
  std::uint64_t reports_ = 0;  // Sent so far.
  Term reported_term_;
  std::uint64_t reported_spell_ = 0;
  std::optional<Time> leaderless_since_;
  std::uint64_t guard_changes_ = 0;
  std::optional<std::string> guard_error_;  // As told last.
  bool stopping_ = false, left_ = false;
  bool hold_unknown_ = false;  // Whether the last word of a hold was stored.
  bool stood_down_ = false;    // The page is not ours any more.
};

}  // namespace cierzo
