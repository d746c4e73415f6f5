// Who answers a request of the control socket, and what it changes: no socket, no network, virtual
// time.
#include "agent/requests.hpp"

#include <gtest/gtest.h>

#include "agent/net/codec.hpp"
#include "agent/net/codec_api.hpp"
#include "agent/net/transport.hpp"
#include "tests/agent/requests_bed.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;
using test::RequestsTest;
using test::term;

// Rule 21: without a leader changes are refused, with who is missing, and reads are labelled.
TEST_F(RequestsTest, RefuseChangesWithoutALeaderAndLabelReads) {
  leads_ = false;
  const auto stop = ask("POST", "/v1/resources/site/stop");
  ASSERT_TRUE(stop);
  EXPECT_EQ(stop->status, 503);
  EXPECT_NE(stop->body.find("1 of 3 voters reachable, 2 needed"), std::string::npos);
  EXPECT_TRUE(written_.empty());
  const auto status = ask("GET", "/v1/status");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->status, 200);
  EXPECT_NE(status->body.find("\"local_view\":true"), std::string::npos);
  EXPECT_NE(status->body.find("\"leader\":null"), std::string::npos);
}

TEST_F(RequestsTest, WaitAMomentForALeader) {
  leads_ = false;
  executor_.after(1s, [this] { leads_ = true; });
  const auto status = ask("GET", "/v1/status");
  ASSERT_TRUE(status);
  EXPECT_NE(status->body.find("\"local_view\":false"), std::string::npos);
}

TEST_F(RequestsTest, StoreWhatIsAppliedWithItsType) {
  const auto applied = ask("POST", "/v1/apply", api::to_json(plain("site", "10.0.0.11")));
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->status, 200) << applied->body;
  ASSERT_EQ(written_.size(), 1U);
  ASSERT_EQ(written_[0].size(), 2U);
  EXPECT_EQ(written_[0][0].key, "resource/site");
  EXPECT_TRUE(written_[0][1].key.starts_with("type/"));
}

TEST_F(RequestsTest, StoreNothingWhereNothingChanges) {
  store(plain("site", "10.0.0.11"));
  const auto again = ask("POST", "/v1/apply", api::to_json(plain("site", "10.0.0.11")));
  ASSERT_TRUE(again);
  EXPECT_NE(again->body.find("unchanged"), std::string::npos);
  EXPECT_TRUE(written_.empty());
}

TEST_F(RequestsTest, RefuseAnAddressThatAnotherResourceHas) {
  store(plain("site", "10.0.0.11"));
  const auto other = ask("POST", "/v1/apply", api::to_json(plain("other", "10.0.0.11")));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->status, 409);
  EXPECT_NE(other->body.find("10.0.0.11"), std::string::npos);
  EXPECT_TRUE(written_.empty());
}

TEST_F(RequestsTest, DecideChangesOnWhatIsStoredNotOnWhatWas) {
  store(plain("site", "10.0.0.11"));
  writing_ = true;
  EXPECT_FALSE(ask("POST", "/v1/resources/site/stop", "", 500ms));
  EXPECT_TRUE(written_.empty());
  writing_ = false;
  executor_.run_for(200ms);
  EXPECT_EQ(written_.size(), 1U);
}

// Each of them writes the whole resource: made from what is about to change, the later of two that
// come at once would undo the earlier one.
TEST_F(RequestsTest, MakeEveryChangeOfAResourceOnWhatIsStored) {
  store(plain("site", "10.0.0.11"));
  writing_ = true;
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"/v1/apply", api::to_json(plain("site", "10.0.0.12"))},
      {"/v1/resources/site/stop", ""},
      {"/v1/resources/site/start", ""},
      {"/v1/resources/site/scale", R"({"roles":{"app":0}})"},
      {"/v1/resources/site/reset", R"({"instance":""})"}};
  for (const auto& [path, body] : changes) EXPECT_FALSE(ask("POST", path, body, 100ms)) << path;
  EXPECT_FALSE(ask("DELETE", "/v1/resources/site", "", 100ms));
  EXPECT_TRUE(written_.empty());
}

TEST_F(RequestsTest, KeepTheCatalogSmallEnoughToBeFetched) {
  catalog_bytes_ = catalog_bytes_max - 10;
  const auto applied = ask("POST", "/v1/apply", api::to_json(plain("site", "10.0.0.11")));
  ASSERT_TRUE(applied);
  EXPECT_EQ(applied->status, 409);
  EXPECT_TRUE(written_.empty());
}

TEST_F(RequestsTest, StopTwiceIsNoMistakeAndAnUnknownNameIs) {
  store(plain("site", "10.0.0.11"));
  EXPECT_EQ(ask("POST", "/v1/resources/site/stop")->status, 200);
  api::ApplyRequest stopped = plain("site", "10.0.0.11");
  stopped.resources[0].ensure = Ensure::stopped;
  store(stopped);
  EXPECT_EQ(ask("POST", "/v1/resources/site/stop")->status, 200);
  EXPECT_EQ(written_.size(), 1U);
  const auto unknown = ask("POST", "/v1/resources/other/stop");
  EXPECT_EQ(unknown->status, 404);
  EXPECT_NE(unknown->body.find("site"), std::string::npos) << "it names what there is";
}

TEST_F(RequestsTest, ScaleKeepsTheNumberBesideTheManifests) {
  api::ApplyRequest request = plain("site", "10.0.0.11");
  auto& slots = request.resources[0].slots[RoleName{"app"}];
  slots.push_back({"10.0.0.12", "app.qcow2", 2});
  slots.push_back({"10.0.0.13", "app.qcow2", 3});
  store(request);
  const auto scale = [this](const std::string& name, const std::string& role, int number) {
    return ask("POST", "/v1/resources/" + name + "/scale",
               api::to_json(api::ScaleRequest{{{role, number}}}));
  };
  EXPECT_EQ(scale("nothing", "app", 1)->status, 404);
  EXPECT_EQ(scale("site", "app", 4)->status, 409);
  EXPECT_EQ(scale("site", "ap", 1)->status, 409);
  EXPECT_EQ(scale("site", "app", 3)->status, 200) << "as it is";
  EXPECT_TRUE(written_.empty());
  ASSERT_EQ(scale("site", "app", 0)->status, 200);
  ASSERT_EQ(written_.size(), 1U);
  std::string error;
  const auto stored = decode_resource(written_[0].at(0).value.value(), error);
  ASSERT_TRUE(stored) << error;
  EXPECT_EQ(stored->scaled, (std::map<RoleName, int>{{RoleName{"app"}, 0}}));
  EXPECT_TRUE(stored->count.empty());

  // The same manifest again, for whatever reason: it stays, and that is said.
  api::ApplyRequest scaled = request;
  scaled.resources[0] = *stored;
  store(scaled);
  const auto again = ask("POST", "/v1/apply", api::to_json(request));
  ASSERT_EQ(again->status, 200);
  EXPECT_NE(again->body.find("stays scaled to 0"), std::string::npos) << again->body;
  EXPECT_EQ(written_.size(), 1U) << "nothing has changed";
  // One that says something else of the role takes its place.
  api::ApplyRequest other = request;
  other.resources[0].count[RoleName{"app"}] = 2;
  const auto plan = ask("POST", "/v1/plan", api::to_json(other));
  EXPECT_NE(plan->body.find("was scaled to 0, and becomes 2"), std::string::npos) << plan->body;
  ASSERT_EQ(ask("POST", "/v1/apply", api::to_json(other))->status, 200);
  ASSERT_EQ(written_.size(), 2U);
  for (const election::CatalogChange& change : written_[1]) {
    if (change.key == resource_key(ResourceName{"site"})) {
      EXPECT_TRUE(decode_resource(change.value.value(), error)->scaled.empty());
    }
  }
}

const std::map<std::string, std::string> telling_files = {
    {"type.yaml",
     "type: telling\nattributes: {key: {generate: secret}}\n"
     "roles:\n  app: {count: 1.., start: go, outputs: {port: {}, token: {secret: true}}}\n"},
    {"go", "true"}};

api::ApplyRequest telling(const std::string& address) {
  api::ApplyRequest request;
  Resource resource;
  resource.name = ResourceName{"site"};
  resource.type = "telling";
  resource.type_digest = read_type(telling_files, "telling").type->digest;
  resource.slots[RoleName{"app"}] = {{address, "app.qcow2", 1}};
  request.resources.push_back(resource);
  request.types["telling"] = telling_files;
  return request;
}

TEST_F(RequestsTest, ASecretIsMadeUpOnceAndNeverShown) {
  const auto apply = [this](const api::ApplyRequest& request) {
    EXPECT_EQ(ask("POST", "/v1/apply", api::to_json(request))->status, 200);
    for (const election::CatalogChange& change : written_.back()) {
      catalog_.entries[change.key] = change.value.value();
    }
    leader_->catalog_changed(catalog_);
    const auto& stored = leader_->desired().resources().at(ResourceName{"site"});
    return stored.resource->secrets.at("key");
  };
  EXPECT_EQ(apply(telling("10.0.0.11")), "secret-1");
  EXPECT_EQ(apply(telling("10.0.0.12")), "secret-1") << "another manifest, the same secret";
  api::ApplyRequest given = telling("10.0.0.12");
  given.resources[0].secrets["key"] = "mine";
  EXPECT_EQ(apply(given), "mine");
  EXPECT_EQ(apply(telling("10.0.0.13")), "mine");
  EXPECT_EQ(ask("GET", "/v1/status")->body.find("mine"), std::string::npos);
}

TEST_F(RequestsTest, OutputsAreShownButForSecrets) {
  EXPECT_EQ(ask("GET", "/v1/resources/site/outputs")->status, 404);
  const api::ApplyRequest request = telling("10.0.0.11");
  const Said said{
      {"site"}, {{"site-app-1"}, {"app"}}, {{"port", "80"}, {"token", "hush"}, {"old", "hush"}}};
  catalog_.entries[resource_key(ResourceName{"site"})] = encode_resource(request.resources[0]);
  catalog_.entries[type_key(request.resources[0].type_digest)] = encode_type_files(telling_files);
  catalog_.entries[outputs_key(said.key)] = encode_outputs(said);
  leader_->catalog_changed(catalog_);
  const auto answer = ask("GET", "/v1/resources/site/outputs");
  ASSERT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body.find("hush"), std::string::npos);
  const auto parsed = api::from_json<api::OutputsView>(answer->body);
  const auto& rows = std::get<api::OutputsView>(parsed).outputs;
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_TRUE(rows[0].secret) << "what its type does not name any more";
  EXPECT_EQ(rows[1].key + "=" + rows[1].value, "port=80");
  EXPECT_TRUE(rows[2].secret);
}

TEST_F(RequestsTest, ResetMarksWhatIsOpen) {
  store(plain("site", "10.0.0.11"));
  const auto reset = [this](const std::string& name, const std::string& instance) {
    return ask("POST", "/v1/resources/" + name + "/reset",
               api::to_json(api::ResetRequest{instance}));
  };
  EXPECT_EQ(reset("nothing", "")->status, 404);
  EXPECT_EQ(reset("site", "site-app-2")->status, 404);
  EXPECT_EQ(reset("site", "")->status, 200);
  EXPECT_TRUE(written_.empty()) << "nothing has failed";
  const Breaker open{InstanceName{"site-app-1"}, RoleName{"app"}, {}, "inputs", "it failed", false};
  const BreakerKey key{open.instance, open.role};
  catalog_.entries[breaker_key(key)] = encode_breaker(open);
  leader_->catalog_changed(catalog_);
  ASSERT_EQ(reset("site", "site-app-1")->status, 200);
  ASSERT_EQ(written_.size(), 1U);
  EXPECT_EQ(written_[0].at(0).key, breaker_key(key));
  std::string error;
  const auto stored = decode_breaker(written_[0].at(0).value.value(), error);
  ASSERT_TRUE(stored) << error;
  EXPECT_TRUE(stored->reset);
}

TEST_F(RequestsTest, SayUnknownWhereTheOutcomeIs) {
  store(plain("site", "10.0.0.11"));
  done_ = WriteOutcome::unknown;
  EXPECT_EQ(ask("POST", "/v1/resources/site/stop")->status, 504);
}

// Rule 14: the mark names the run, and the record lists what may run there, starts under way
// included.
TEST_F(RequestsTest, HoldAHostWithAllThatItMayRun) {
  Report report;
  report.host = HostId{2};
  report.term = term;
  report.permit_spell = 1;
  Observed seen;
  seen.name = InstanceName{"site-app-1"};
  seen.presence = Presence::present;
  report.instances.push_back(seen);
  Observed disk;
  disk.name = InstanceName{"site-app-2"};
  disk.presence = Presence::absent;
  disk.overlay = true;
  report.instances.push_back(disk);
  Unfinished starting;
  starting.action.instance = InstanceName{"site-app-3"};
  starting.action.work = StartVm{};
  report.unfinished.push_back(starting);
  leader_->report(report);
  requests_.forwarded(HostId{2}, {"id", "HOLD", "/v1/hosts/self", ""});
  ASSERT_EQ(written_.size(), 1U);
  EXPECT_EQ(written_[0][0].key, election::held_key(HostId{2}));
  EXPECT_EQ(written_[0][0].value, "run");
  std::string error;
  const auto held = decode_held(*written_[0][1].value, error);
  ASSERT_TRUE(held) << error;
  EXPECT_EQ(held->instances.size(), 3U);
  EXPECT_EQ(written_[0][2].key, election::lost_key(HostId{2}));
  EXPECT_FALSE(written_[0][2].value) << "it speaks: proof of its loss must not end what is held";
}

TEST_F(RequestsTest, FollowersOfEventsWaitAndAreForgotten) {
  EXPECT_FALSE(ask("GET", "/v1/events?after=0&wait=5", "", 1s));
  events_.add("host", "node2", "host node2: alive");
  executor_.run_for(1ms);
  const auto told = ask("GET", "/v1/events?after=0&wait=5");
  ASSERT_TRUE(told);
  EXPECT_NE(told->body.find("host node2: alive"), std::string::npos);
  const auto nothing = ask("GET", "/v1/events?after=1&wait=2", "", 3s);
  ASSERT_TRUE(nothing) << "the wait is over";
}

// What only the site knows is refused by the leader with the places that came with the request.
TEST_F(RequestsTest, RefuseAddressesThatGuestsOfThisSiteCannotHave) {
  addresses_.networks = {{"lab", "10.0.0.0/24", "br0", "10.0.0.254", {}}};
  addresses_.hosts = {{"10.0.0.2", "node2"}};
  api::ApplyRequest request = plain("site", "10.0.0.1");
  auto& slots = request.resources.at(0).slots.at(RoleName{"app"});
  for (const char* address : {"10.0.0.0", "10.0.0.2", "10.0.0.254", "10.0.0.255", "10.0.1.1"}) {
    slots.push_back({address, "app.qcow2", static_cast<int>(slots.size()) + 1});
  }
  request.places["site"].addresses = {{"10.0.0.2", "m.yaml:4:9"}};
  const auto refused = ask("POST", "/v1/apply", api::to_json(request));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 409);
  const auto view = api::from_json<api::ErrorView>(refused->body);
  const std::vector<std::string> expected = {
      "plain.site.app: 10.0.0.0 is the address of the network lab itself",
      "m.yaml:4:9: plain.site.app: 10.0.0.2 is the address of host node2",
      "plain.site.app: 10.0.0.254 is the gateway of the network lab",
      "plain.site.app: 10.0.0.255 is the broadcast address of the network lab",
      "plain.site.app: 10.0.1.1 is in no network of this site (lab 10.0.0.0/24)"};
  EXPECT_EQ(std::get<api::ErrorView>(view).mistakes, expected);
  EXPECT_TRUE(written_.empty());
  EXPECT_EQ(ask("POST", "/v1/plan", api::to_json(request))->status, 409);
  EXPECT_EQ(ask("POST", "/v1/apply", api::to_json(plain("site", "10.0.0.1")))->status, 200);
}

TEST_F(RequestsTest, WarnOfAPoolHostThatTheSiteDoesNotHave) {
  leader_hosts_ = hosts_;
  api::ApplyRequest request = plain("site", "10.0.0.1");
  request.resources.at(0).pool = {"node1", "nodde1"};
  const auto accepted = ask("POST", "/v1/apply", api::to_json(request));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->status, 200);
  const auto view = api::from_json<api::ApplyAnswer>(accepted->body);
  const std::vector<std::string> expected = {
      "plain.site.pool: 'nodde1' is no host of this site; did you mean 'node1'?"};
  EXPECT_EQ(std::get<api::ApplyAnswer>(view).warnings, expected);
}

// Said where it is certain: of every host that may run it, and none has it.
TEST_F(RequestsTest, WarnOfAnImageThatNobodyHas) {
  const auto warnings = [this](const std::string& image, const std::string& pool = "") {
    api::ApplyRequest request = plain("site", "10.0.0.1");
    request.resources.at(0).slots.begin()->second.at(0).image = image;
    if (!pool.empty()) request.resources.at(0).pool = {pool};
    const auto accepted = ask("POST", "/v1/apply", api::to_json(request));
    EXPECT_EQ(accepted->status, 200);
    const auto view = api::from_json<api::ApplyAnswer>(accepted->body);
    return std::get<api::ApplyAnswer>(view).warnings;
  };
  const std::vector<std::string> none;
  leader_hosts_ = hosts_;
  leader_hosts_.push_back({HostId{2}, "node2", "10.0.0.252", HostState::alive, {}});
  Report report;
  report.host = HostId{1};
  report.term = term;
  report.permit_spell = 1;
  report.hypervisor_answers = true;
  report.images = {{"web.qcow2", "1"}};
  report.images_asked = {"/srv/web.img"};
  leader_->report(report);
  EXPECT_EQ(warnings("wbe.qcow2"), none) << "node2 has not said: it may have it";
  EXPECT_EQ(warnings("wbe.qcow2", "node1"),
            std::vector<std::string>{"plain.site.app: no host that may run it has the image "
                                     "'wbe.qcow2'; did you mean 'web.qcow2'?"});
  report.host = HostId{2};
  report.images = {{"db.qcow2", "1"}};
  leader_->report(report);
  EXPECT_EQ(warnings("wbe.qcow2").size(), 1U);
  EXPECT_EQ(warnings("web.qcow2"), none);
  EXPECT_EQ(warnings("web.qcow2", "node2").size(), 1U);
  EXPECT_EQ(warnings("/srv/web.img").size(), 1U) << "both were asked for it, and have it not";
  EXPECT_EQ(warnings("/srv/other.img"), none) << "nobody was asked for it yet";
}

TEST_F(RequestsTest, NameWhatTheSiteHasAlready) {
  store(plain("old", "10.0.0.1"));
  api::ApplyRequest request = plain("new", "10.0.0.1");
  request.places["new"].addresses = {{"10.0.0.1", "m.yaml:4:9"}};
  const auto refused = ask("POST", "/v1/apply", api::to_json(request));
  ASSERT_TRUE(refused);
  const auto view = api::from_json<api::ErrorView>(refused->body);
  EXPECT_EQ(std::get<api::ErrorView>(view).mistakes,
            (std::vector<std::string>{"m.yaml:4:9: 10.0.0.1: used by old-app-1, which the site has "
                                      "already, and by new-app-1"}));
}

// Rule 14: an administrator's word; all of the hosts that were named are noted, or none.
TEST_F(RequestsTest, ConfirmTheLossOfHostsThatAreNotAlive) {
  hosts_.push_back({HostId{2}, "node2", "", HostState::lost, {}});
  hosts_.push_back({HostId{3}, "node3", "", HostState::held, {}});
  const auto confirm = [this](const std::vector<std::string>& names, bool dry_run) {
    const auto answer =
        ask("POST", "/v1/confirm-lost", api::to_json(api::ConfirmRequest{names, dry_run}));
    return answer.value_or(api::ApiResponse{0, ""});
  };
  const auto alive = confirm({"node2", "node1"}, false);
  EXPECT_EQ(alive.status, 409);
  EXPECT_NE(alive.body.find("node1: is alive"), std::string::npos) << alive.body;
  const auto unknown = confirm({"node22"}, false);
  EXPECT_EQ(unknown.status, 409);
  EXPECT_NE(unknown.body.find("did you mean 'node2'?"), std::string::npos) << unknown.body;
  EXPECT_EQ(confirm({}, false).status, 409);
  EXPECT_EQ(ask("POST", "/v1/confirm-lost", "[")->status, 400);
  const auto asked = confirm({"node2", "node3"}, true);
  EXPECT_EQ(asked.status, 200);
  EXPECT_NE(asked.body.find("node3 is held"), std::string::npos) << asked.body;
  EXPECT_TRUE(confirmed_.empty()) << "so far only questions and refusals";
  const auto done = confirm({"node3", "node2"}, false);
  EXPECT_EQ(done.status, 200);
  ASSERT_EQ(confirmed_.size(), 1U);
  EXPECT_EQ(confirmed_[0], (std::vector<HostId>{HostId{2}, HostId{3}}));
  hosts_[1].confirmed_lost = hosts_[2].confirmed_lost = true;
  const auto again = confirm({"node2", "node3"}, false);
  EXPECT_EQ(again.status, 200);
  EXPECT_NE(again.body.find("unchanged"), std::string::npos);
  EXPECT_EQ(confirmed_.size(), 1U) << "nothing to write";
  leads_ = false;
  EXPECT_EQ(confirm({"node2"}, false).status, 503);
}

// It is back; the mark of its loss is only not yet taken off: no word makes it lost.
TEST_F(RequestsTest, DoNotConfirmAHostThatAnswersAgain) {
  hosts_.push_back({HostId{2}, "node2", "", HostState::suspect, {}});
  hosts_[1].confirmed_lost = hosts_[1].returning = true;
  const std::string body = api::to_json(api::ConfirmRequest{{"node2"}, false});
  const auto answer = ask("POST", "/v1/confirm-lost", body);
  EXPECT_EQ(answer->status, 409);
  EXPECT_NE(answer->body.find("node2: is alive"), std::string::npos) << answer->body;
}

// Rule 14: what may have been stored is not said to have been refused.
TEST_F(RequestsTest, KnowWhatIsNotKnownOfAHold) {
  std::optional<Requests::Hold> outcome;
  const auto hold = [&](WriteOutcome stored) {
    done_ = stored;
    requests_.hold_self([&](Requests::Hold held) { outcome = held; });
    executor_.run_for(1s);
    return outcome;
  };
  EXPECT_EQ(hold(WriteOutcome::committed), Requests::Hold::held);
  EXPECT_EQ(hold(WriteOutcome::unknown), Requests::Hold::unknown);
  EXPECT_EQ(hold(WriteOutcome::refused), Requests::Hold::refused);
}

// Rule 10: what was not stored for certain is not said to be.
TEST_F(RequestsTest, DoNotSayConfirmedBeforeItIsStored) {
  hosts_.push_back({HostId{2}, "node2", "", HostState::lost, {}});
  done_ = WriteOutcome::unknown;
  const std::string body = api::to_json(api::ConfirmRequest{{"node2"}, false});
  EXPECT_EQ(ask("POST", "/v1/confirm-lost", body)->status, 504);
}

TEST_F(RequestsTest, ShowTheBrake) {
  hosts_.push_back({HostId{2}, "node2", "", HostState::lost, {}});
  hosts_.push_back({HostId{3}, "node3", "", HostState::lost, {}});
  leader_hosts_ = hosts_;
  for (const char* path : {"/v1/status", "/v1/hosts"}) {
    const auto status = ask("GET", path);
    ASSERT_TRUE(status);
    const auto view = std::get<api::StatusView>(api::from_json<api::StatusView>(status->body));
    EXPECT_EQ(view.brake,
              "brake: 2 of 3 hosts lost or suspect; agentctl confirm-lost node2 node3 if they are "
              "really down");
  }
}

}  // namespace
}  // namespace cierzo
