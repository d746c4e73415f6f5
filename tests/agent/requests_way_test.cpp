// The way of a request to the leader and back: asked once, begun in time or not at all. (rule 10)
#include "tests/agent/requests_bed.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;
using test::RequestsTest;
using test::term;

TEST_F(RequestsTest, GoToTheLeaderWhereverItIs) {
  leads_ = false;
  elsewhere_ = HostId{2};
  EXPECT_FALSE(ask("GET", "/v1/status", "", 100ms));
  ASSERT_EQ(forwards().size(), 1U);
  EXPECT_EQ(forwards()[0].target, "/v1/status");
}

TEST_F(RequestsTest, BelieveOnlyTheLeaderThatWasAsked) {
  leads_ = false;
  elsewhere_ = HostId{2};
  std::optional<api::ApiResponse> answer;
  requests_.handle({"GET", "/v1/status", "", 0, 0},
                   [&answer](const api::ApiResponse& response) { answer = response; });
  requests_.forward_answered(HostId{3}, {forwards().at(0).id, 200, "forged"});
  EXPECT_FALSE(answer);
  requests_.forward_answered(HostId{2}, {forwards().at(0).id, 200, "real"});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "real");
}

// A leader that still recovers its catalog says that it does not lead: that is no answer yet.
TEST_F(RequestsTest, AskAgainWhereNobodyLeadsYet) {
  leads_ = false;
  elsewhere_ = HostId{2};
  std::optional<api::ApiResponse> answer;
  requests_.handle({"GET", "/v1/status", "", 0, 0},
                   [&answer](const api::ApiResponse& response) { answer = response; });
  requests_.forward_answered(HostId{2}, {forwards().at(0).id, 503, ""});
  executor_.run_for(500ms);
  EXPECT_FALSE(answer);
  ASSERT_EQ(forwards().size(), 2U);
  requests_.forward_answered(HostId{2}, {forwards().at(1).id, 200, "now"});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "now");
}

// Rule 10: what was asked of a leader that is gone is unknown, never "refused" nor "done".
TEST_F(RequestsTest, DoNotKnowWhatALostLeaderDid) {
  leads_ = false;
  elsewhere_ = HostId{2};
  std::optional<api::ApiResponse> answer;
  requests_.handle({"POST", "/v1/resources/site/stop", "", 0, 0},
                   [&answer](const api::ApiResponse& response) { answer = response; });
  elsewhere_ = HostId{3};
  elsewhere_term_ = 10;
  requests_.leader_changed();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 504);
}

// Rule 10: who does not hear the leader any more knows nothing of its end: it may still carry out
// what it was asked. Only the next one's term is proof, the same host's too, or that it is too old.
TEST_F(RequestsTest, DoNotSayUnknownWhileItMayStillBeBegun) {
  leads_ = false;
  elsewhere_ = HostId{2};
  std::optional<api::ApiResponse> answer;
  const auto stop = [&] {
    answer.reset();
    requests_.handle({"POST", "/v1/resources/site/stop", "", 0, 0},
                     [&answer](const api::ApiResponse& response) { answer = response; });
  };
  stop();
  elsewhere_.reset();
  requests_.leader_changed();
  executor_.run_for(4s);
  EXPECT_FALSE(answer);
  elsewhere_ = HostId{2};
  requests_.leader_changed();
  EXPECT_FALSE(answer) << "the same one, in the same term";
  elsewhere_term_ = 10;
  requests_.leader_changed();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 504);

  stop();
  const Forward sent = forwards().back();
  elsewhere_.reset();
  requests_.leader_changed();
  executor_.run_for(sent.valid);
  EXPECT_FALSE(answer);
  executor_.run_for(15s);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 504);
}

// Rule 10: the leader reckons from a heartbeat of its own, by its own clock.
TEST_F(RequestsTest, NameTheLeadersNewestHeartbeatBesideARequest) {
  leads_ = false;
  elsewhere_ = HostId{2};
  EXPECT_FALSE(ask("POST", "/v1/resources/site/stop", "", 100ms));
  ASSERT_EQ(forwards().size(), 1U);
  EXPECT_EQ(forwards()[0].term, (Term{9, HostId{2}}));
  EXPECT_EQ(forwards()[0].heard, Time(77s));
  EXPECT_EQ(forwards()[0].valid, Duration(3500ms));
}

// What has been on its way for too long is refused, and nothing is begun; its sender asks anew.
TEST_F(RequestsTest, RefuseWhatIsLate) {
  store(plain("site", "10.0.0.11"));
  in_time_ = false;
  for (const std::string method : {"POST", "HOLD"}) {
    requests_.forwarded(HostId{2}, {method, method, "/v1/resources/site/stop", "", term});
    const auto* refused = std::get_if<ForwardAnswer>(&sent_.back().second);
    ASSERT_NE(refused, nullptr);
    EXPECT_EQ(refused->status, 503);
    EXPECT_NE(refused->body.find("for too long: nothing was done"), std::string::npos);
  }
  EXPECT_TRUE(written_.empty());
  sent_.clear();
  requests_.forwarded(HostId{2}, {"read", "GET", "/v1/status", ""});
  ASSERT_EQ(sent_.size(), 1U) << "reading does no harm";
  EXPECT_EQ(std::get<ForwardAnswer>(sent_[0].second).status, 200);
}

// It may become too late while another change is being stored.
TEST_F(RequestsTest, RefuseWhatBecomesLateWhileItWaits) {
  store(plain("site", "10.0.0.11"));
  writing_ = true;
  requests_.forwarded(HostId{2}, {"one", "POST", "/v1/resources/site/stop", ""});
  executor_.run_for(1s);
  EXPECT_TRUE(sent_.empty());
  in_time_ = false;
  writing_ = false;
  executor_.run_for(1s);
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(std::get<ForwardAnswer>(sent_[0].second).status, 503);
  EXPECT_TRUE(written_.empty());
}

// Its sender told its client what it knew when another began to lead: nobody may take it there.
TEST_F(RequestsTest, SendNothingOnToTheNextLeader) {
  store(plain("site", "10.0.0.11"));
  writing_ = true;
  requests_.forwarded(HostId{2}, {"one", "POST", "/v1/resources/site/stop", ""});
  leads_ = false;
  elsewhere_ = HostId{3};
  executor_.run_for(5s);
  EXPECT_TRUE(forwards().empty());
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(std::get<ForwardAnswer>(sent_[0].second).status, 503);
}

// A leader that is asked too late leaves it to the sender, which asks again while it may.
TEST_F(RequestsTest, AskAnewWhatWasTooLate) {
  leads_ = false;
  elsewhere_ = HostId{2};
  std::optional<api::ApiResponse> answer;
  requests_.handle({"POST", "/v1/resources/site/stop", "", 0, 0},
                   [&answer](const api::ApiResponse& response) { answer = response; });
  requests_.forward_answered(HostId{2}, {forwards().at(0).id, 503, "late"});
  executor_.run_for(1s);
  ASSERT_EQ(forwards().size(), 2U);
  EXPECT_NE(forwards()[0].id, forwards()[1].id);
  executor_.run_for(1500ms);
  requests_.forward_answered(HostId{2}, {forwards().at(1).id, 503, "late"});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "late");
}

// An agent that was started again since must not be held by the word of the one before.
TEST_F(RequestsTest, HoldOnlyTheRunThatAsked) {
  requests_.forwarded(HostId{2}, {"one", "HOLD", "/v1/hosts/self", "another"});
  EXPECT_TRUE(written_.empty());
  EXPECT_EQ(std::get<ForwardAnswer>(sent_.back().second).status, 409);
  requests_.forwarded(HostId{2}, {"two", "HOLD", "/v1/hosts/self", "run"});
  EXPECT_EQ(written_.size(), 1U);
}

// A network may deliver a message twice: a repeated delete must not end what was applied since.
TEST_F(RequestsTest, TakeAForwardedChangeOnce) {
  store(plain("site", "10.0.0.11"));
  requests_.forwarded(HostId{2}, {"one", "POST", "/v1/resources/site/stop", ""});
  ASSERT_EQ(written_.size(), 1U);
  requests_.forwarded(HostId{2}, {"one", "POST", "/v1/resources/site/stop", ""});
  EXPECT_EQ(written_.size(), 1U);
  requests_.forwarded(HostId{3}, {"one", "POST", "/v1/resources/site/stop", ""});
  EXPECT_EQ(written_.size(), 2U) << "another host's, though it calls it the same";
  requests_.forwarded(HostId{2}, {"two", "POST", "/v1/resources/site/stop", ""});
  EXPECT_EQ(written_.size(), 3U) << "asked anew";
}

// Who did not lead has refused it, and its sender may have asked anew: a copy of it that comes
// later is not taken any more.
TEST_F(RequestsTest, TakeNothingThatWasRefusedBefore) {
  store(plain("site", "10.0.0.11"));
  leads_ = false;
  requests_.forwarded(HostId{2}, {"one", "POST", "/v1/resources/site/stop", ""});
  leads_ = true;
  requests_.forwarded(HostId{2}, {"one", "POST", "/v1/resources/site/stop", ""});
  EXPECT_TRUE(written_.empty());
  requests_.forwarded(HostId{2}, {"two", "POST", "/v1/resources/site/stop", ""});
  EXPECT_EQ(written_.size(), 1U);
}

}  // namespace
}  // namespace cierzo
