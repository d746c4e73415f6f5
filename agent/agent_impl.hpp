// The inside of Agent, shared by agent.cpp (what happens) and agent_views.cpp (what it looks like).
#pragma once
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "agent/api/server.hpp"
#include "agent/asio.hpp"
#include "agent/asio_executor.hpp"
#include "agent/clock.hpp"
#include "agent/desired.hpp"
#include "agent/events.hpp"
#include "agent/leader.hpp"
#include "agent/log.hpp"
#include "agent/net/transport.hpp"
#include "agent/outbox.hpp"
#include "agent/requests.hpp"
#include "agent/site_view.hpp"
#include "agent/store/store.hpp"
#include "agent/types.hpp"
#include "agent/worker.hpp"
#include "election/node.hpp"
#include "resources/providers/libvirt.hpp"

#include "agent/agent.hpp"

namespace cierzo {

class Agent::Impl {
 public:
  Impl(asio::io_context& io, Config config);
  ~Impl();
  void start();
  void stop();
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  // From outside to the cores.
  void message(HostId from, PeerMessage message);
  void perform(election::Output output);
  void fact(const election::Fact& fact);
  void arm_timer();
  void housekeeping();
  void host_said(const election::HostStatus& host);

  // Reports of this host, wherever the leader is.
  void report_changed(bool always);
  void send_report(HostId leader);

  // While this host leads.
  void lead(Term term);
  void stop_leading();
  void leader_changed(const std::optional<Term>& leader);
  void host_changed(HostId host, HostState state, const std::string& text);
  void write(std::vector<election::CatalogChange> changes, WriteDone done);
  void write_done(election::WriteId write, WriteOutcome outcome, const std::string& why);
  void unhold_returned();
  void ask_hold(Time give_up);
  void leave();

  [[nodiscard]] WorkerHooks worker_hooks();
  [[nodiscard]] LeaderHooks leader_hooks();
  [[nodiscard]] RequestHooks request_hooks();
  [[nodiscard]] std::vector<HostFacts> host_facts() const;
  [[nodiscard]] std::vector<api::HostRow> host_rows() const;
  [[nodiscard]] std::vector<ResourceStatus> local_status() const;
  [[nodiscard]] const HostConfig* host_config(HostId id) const;
  [[nodiscard]] std::string who_is_missing() const;
  [[nodiscard]] Time now() const { return executor_.now(); }

  asio::io_context& io_;
  Config config_;
  std::string boot_, process_;
  Store store_;
  std::unique_ptr<Provider> provider_;
  AsioExecutor executor_;  // Behind the provider: its pool is idle before that goes.
  Events events_;
  election::Node node_;
  Outbox outbox_;
  Transport transport_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Leader> leader_;
  Requests requests_;
  std::unique_ptr<api::Server> server_;
  asio::steady_timer timer_;

  std::map<election::WriteId, WriteDone> writes_;
  std::uint64_t next_write_ = 1;
  std::string report_digest_;
  Term reported_term_;
  std::uint64_t reported_spell_ = 0;
  std::optional<Time> leaderless_since_;
  bool stopping_ = false, left_ = false;
  int exit_code_ = 0;
};

}  // namespace cierzo
