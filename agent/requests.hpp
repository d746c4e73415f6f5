// Answers the requests of the control socket: what any agent knows itself, what only the leader may
// answer, and the way from the one to the other. Main loop only.
//
//   agentctl -> socket -> Requests -> (leader: here) -> catalog or view -> answer
//                                  -> (leader: there) -> Forward -> its Requests -> ForwardAnswer
//                                  -> answer
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/api/request.hpp"
#include "agent/api/views.hpp"
#include "agent/desired.hpp"
#include "agent/events.hpp"
#include "agent/executor.hpp"
#include "agent/leader.hpp"
#include "agent/messages.hpp"
#include "election/node.hpp"
#include "resources/network.hpp"

namespace cierzo {

enum class WriteOutcome { committed, unknown, refused, busy, rejected };  // The last: as it stands.
using WriteDone = std::function<void(WriteOutcome, const std::string& why)>;

// What the requests need of the agent.
struct RequestHooks {
  std::function<Leader*()> leader;  // This host leads and may act; null: it does not.
  std::function<std::optional<HostId>()> leader_elsewhere;
  std::function<std::optional<Term>()> leader_term;            // Of whoever leads.
  std::function<std::optional<election::Beat>()> newest_beat;  // Of the leader elsewhere.
  std::function<Duration()> lease;
  // What was forwarded to this host may be begun now: it leads in that term, and it is not too long
  // ago. (rule 10)
  std::function<bool(const Forward&)> in_time;
  std::function<std::string()> who_is_missing;  // (rule 21)
  std::function<std::string()> fresh_id;        // For what is forwarded: never twice.
  std::function<std::string()> fresh_secret;    // Nobody can guess it.
  std::function<bool(HostId, const PeerMessage&)> send;
  std::function<void(std::vector<election::CatalogChange>, WriteDone)> write;
  std::function<bool()> writing;  // Something is being stored: changes are made on its result.
  std::function<std::size_t()> catalog_bytes;        // Of what is committed.
  std::function<std::vector<api::HostRow>()> hosts;  // As the leader, or else this host, sees them.
  std::function<std::vector<HostFacts>()> host_facts;
  std::function<std::optional<api::LeaderView>()> leader_view;
  std::function<std::vector<ResourceStatus>()>
      local_status;  // Without a leader: what this host knows.
  std::function<api::TypesView()> types;
  std::function<SiteAddresses()> addresses;    // What guests may have, and what is taken.
  std::function<election::Members()> members;  // In force.
  // `leaves` gets nothing to run from now on, unless it fails. (rule 23)
  std::function<void(std::vector<election::Member>, HostId leaves, WriteDone)> change_members;
  std::function<std::string(HostId)> held_run;  // The run of that host's agent, as it reported it.
  std::function<std::string()> own_run;
  std::function<Stamp()> stored;  // Of the catalog on this host's disk.
  // Why this host may not make the site anew, and making it. (rule 22)
  std::function<std::optional<election::RecoveryRefusal>(const std::set<HostId>& lost)>
      recovery_refused;
  std::function<void(const election::Recovery&)> recover;
  // Writes down that an administrator says these hosts are down. (rule 14)
  std::function<void(const std::vector<HostId>&, WriteDone)> confirm_lost;
};

class Requests {
 public:
  Requests(Executor& executor, Events& events, std::string software, std::string host,
           RequestHooks hooks);

  // From the control socket.
  void handle(const api::ApiRequest& request, const api::Answer& answer);

  // From another agent: answered if this host leads, refused otherwise.
  void forwarded(HostId from, const Forward& forward);
  void forward_answered(HostId from, const ForwardAnswer& answer);

  // Whoever was asked may never answer: reads go to the new leader. A change may still be begun by
  // the one that was asked, until another term's leader is heard, or it is too old: only then it is
  // said that nobody knows. (rule 10)
  void leader_changed();

  // A clean stop: asks the leader, this host or another, to mark this host held. (rule 14)
  enum class Hold { held, refused, unknown };  // unknown: it may have been stored.
  void hold_self(std::function<void(Hold)> done);

 private:
  struct Waiting {
    Term leader;  // To whom it was sent, as the leader in this term.
    api::ApiRequest request;
    api::Target target;
    api::Answer answer;
    Time give_up{};
  };

  void route(const api::ApiRequest& request, const api::Target& target, const api::Answer& answer,
             Time give_up);
  void route_again(const api::ApiRequest& request, const api::Target& target,
                   const api::Answer& answer, Time give_up);
  void forward(HostId leader, const api::ApiRequest& request, const api::Target& target,
               const api::Answer& answer, Time give_up);
  void begin(HostId from, const Forward& forward, const api::Target& target,
             const api::Answer& answer);
  void without_leader(const api::Target& target, const api::Answer& answer);
  void lead(Leader& leader, const api::ApiRequest& request, const api::Target& target,
            const api::Answer& answer);
  void events(const api::Target& target, const api::Answer& answer);
  void plan(Leader& leader, const std::string& body, const api::Answer& answer);
  void apply(Leader& leader, const std::string& body, const api::Answer& answer);
  void ensure(Leader& leader, const api::Target& target, const api::Answer& answer);
  void scale(Leader& leader, const api::Target& target, const std::string& body,
             const api::Answer& answer);
  void reset(Leader& leader, const api::Target& target, const std::string& body,
             const api::Answer& answer);
  void outputs(Leader& leader, const api::Target& target, const api::Answer& answer);
  void confirm_lost(Leader& leader, const std::string& body, const api::Answer& answer);
  void write(std::vector<election::CatalogChange> changes, api::ApplyAnswer accepted,
             const api::Answer& answer);
  void members(Leader& leader, const std::string& body, const api::Answer& answer);
  void hold(HostId host, const std::string& asked_by, const api::Answer& answer);
  void recover(const std::string& body, const api::Answer& answer);
  void recovered(std::string text, const api::Answer& answer, Time give_up);
  [[nodiscard]] api::StatusView status_view(const api::Target& target) const;

  Executor& executor_;
  Events& events_;
  std::string software_, host_;
  RequestHooks hooks_;
  std::map<std::string, Waiting> waiting_;
  // Of others: each is taken, or refused, once.
  std::set<std::pair<HostId, std::string>> forwards_seen_;
  std::deque<std::pair<HostId, std::string>> forwards_order_;
};

}  // namespace cierzo
