// An agent's answers to requests, with everything that they ask for made up: no socket, no network,
// virtual time.
#pragma once
#include <gtest/gtest.h>

#include "agent/net/codec.hpp"
#include "agent/net/codec_api.hpp"
#include "agent/requests.hpp"
#include "tests/agent/virtual_executor.hpp"

namespace cierzo::test {

using namespace std::chrono_literals;

inline const Term term{5, HostId{1}};
inline const std::map<std::string, std::string> type_files = {
    {"type.yaml",
     "type: plain\nsummary: One role without services\nroles:\n  app: {count: 1..}\n"}};

class RequestsTest : public ::testing::Test {
 protected:
  RequestsTest()
      : events_("source", "node1"), requests_(executor_, events_, "1", "node1", hooks()) {
    LeaderHooks leader;
    leader.may_act = [] { return true; };
    leader.hosts = [this] { return leader_hosts_; };
    leader.permit_spell = [](HostId) { return std::uint64_t{1}; };
    leader.send = [](HostId, const PeerMessage&) {};
    leader.write = [](const std::vector<election::CatalogChange>&) {};
    leader.writing = [] { return false; };
    leader.event = [](const std::string&, const std::string&, const std::string&) {};
    leader_ = std::make_unique<Leader>(executor_, term, 30s, std::move(leader));
    leader_->start(catalog_);
  }

  RequestHooks hooks() {
    RequestHooks hooks;
    hooks.leader = [this] { return leads_ ? leader_.get() : nullptr; };
    hooks.leader_elsewhere = [this] { return elsewhere_; };
    hooks.leader_term = [this]() -> std::optional<Term> {
      if (elsewhere_) return Term{elsewhere_term_, *elsewhere_};
      return leads_ ? std::optional(term) : std::nullopt;
    };
    hooks.newest_beat = [this]() -> std::optional<election::Beat> {
      if (!elsewhere_) return std::nullopt;
      return election::Beat{{elsewhere_term_, *elsewhere_}, 77s};
    };
    hooks.lease = [] { return 500ms; };
    hooks.in_time = [this](const Forward&) { return in_time_; };
    hooks.own_run = [] { return std::string("run"); };
    hooks.fresh_secret = [this] { return "secret-" + std::to_string(++secrets_made_); };
    hooks.fresh_id = [this] { return "request-" + std::to_string(++requests_made_); };
    hooks.who_is_missing = [] {
      return "1 of 3 voters reachable, 2 needed; missing: node2, node3";
    };
    hooks.send = [this](HostId to, const PeerMessage& message) {
      sent_.push_back({to, message});
      return link_;
    };
    hooks.write = [this](std::vector<election::CatalogChange> changes, WriteDone done) {
      written_.push_back(std::move(changes));
      if (done_) done(*done_, "why");
    };
    hooks.writing = [this] { return writing_; };
    hooks.catalog_bytes = [this] { return catalog_bytes_; };
    hooks.hosts = [] { return std::vector<api::HostRow>{}; };
    hooks.host_facts = [this] { return hosts_; };
    hooks.confirm_lost = [this](const std::vector<HostId>& hosts, const WriteDone& done) {
      confirmed_.push_back(hosts);
      if (done_) done(*done_, "why");
    };
    hooks.leader_view = [] { return api::LeaderView{1, "node1", 5}; };
    hooks.local_status = [] { return std::vector<ResourceStatus>{}; };
    hooks.types = [] { return api::TypesView{}; };
    hooks.addresses = [this] { return addresses_; };
    hooks.held_run = [](HostId) { return std::string("run"); };
    return hooks;
  }

  std::optional<api::ApiResponse> ask(const std::string& method, const std::string& target,
                                      const std::string& body = "", Duration patience = 5s) {
    auto answer = std::make_shared<std::optional<api::ApiResponse>>();
    requests_.handle({method, target, body, 0, 0}, [answer](const api::ApiResponse& response) {
      if (!*answer) *answer = response;
    });
    executor_.run_until([answer] { return answer->has_value(); }, patience);
    return *answer;
  }

  static api::ApplyRequest plain(const std::string& name, const std::string& address) {
    const auto read = read_type(type_files, "plain");
    api::ApplyRequest request;
    Resource resource;
    resource.name = ResourceName{name};
    resource.type = "plain";
    resource.type_digest = read.type->digest;
    resource.slots[RoleName{"app"}] = {{address, "app.qcow2", 1}};
    request.resources.push_back(resource);
    request.types["plain"] = type_files;
    return request;
  }

  void store(const api::ApplyRequest& request) {
    const Resource& resource = request.resources.at(0);
    catalog_.entries[resource_key(resource.name)] = encode_resource(resource);
    catalog_.entries[type_key(resource.type_digest)] = encode_type_files(type_files);
    leader_->catalog_changed(catalog_);
  }

  std::vector<Forward> forwards() const {
    std::vector<Forward> found;
    for (const auto& [to, message] : sent_) {
      if (const auto* forward = std::get_if<Forward>(&message)) found.push_back(*forward);
    }
    return found;
  }

  VirtualExecutor executor_;
  int requests_made_ = 0, secrets_made_ = 0;
  election::Catalog catalog_;
  Events events_;
  bool leads_ = true, link_ = true, writing_ = false, in_time_ = true;
  std::optional<HostId> elsewhere_;
  std::uint64_t elsewhere_term_ = 9;
  std::optional<WriteOutcome> done_ = WriteOutcome::committed;
  std::size_t catalog_bytes_ = 0;
  SiteAddresses addresses_;
  std::vector<std::pair<HostId, PeerMessage>> sent_;
  std::vector<std::vector<election::CatalogChange>> written_;
  std::vector<HostFacts> hosts_ = {{HostId{1}, "node1", "10.0.0.251", HostState::alive, {}}};
  std::vector<HostFacts> leader_hosts_;
  std::vector<std::vector<HostId>> confirmed_;
  std::unique_ptr<Leader> leader_;
  Requests requests_;
};

}  // namespace cierzo::test
