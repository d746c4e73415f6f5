// agentctl where a wrong word costs data: confirm-lost, site recover and host remove say what will
// happen, ask on a terminal, and without one name the command that does not ask.
#include "tests/agent/ctl_bed.hpp"

namespace cierzo::ctl {
namespace {

// It says what would be started, and the danger; without a terminal it names the command that does
// not ask, and changes nothing.
TEST_F(Ctl, ConfirmLostAsksOrRefuses) {
  api::ConfirmView view;
  view.hosts = {{"node2", "confirmed"}, {"node3", "unchanged"}};
  view.actions = {{"start", "mine-one-1", "node1", "host node2 lost",
                   "start mine-one-1 on node1: host node2 lost"}};
  view.warnings = {"node2 is held"};
  script("POST /v1/confirm-lost", view);
  const auto dry_run = [this] {
    const auto sent = api::from_json<api::ConfirmRequest>(last_request().body);
    return std::get<api::ConfirmRequest>(sent).dry_run;
  };
  EXPECT_EQ(run({"confirm-lost", "node2", "node3"}), exit_failed);
  EXPECT_NE(err_.find("confirm-lost --yes node2 node3\n"), std::string::npos) << err_;
  EXPECT_NE(err_.find("start mine-one-1 on node1"), std::string::npos) << err_;
  EXPECT_NE(err_.find("run twice"), std::string::npos) << err_;
  EXPECT_TRUE(dry_run());
  EXPECT_EQ(run({"confirm-lost", "node2", "node3"}, "n\n", true), exit_failed);
  EXPECT_TRUE(dry_run());
  EXPECT_EQ(run({"confirm-lost", "node2", "node3"}, "y\n", true), exit_done);
  EXPECT_FALSE(dry_run());
  EXPECT_NE(err_.find("warning: node2 is held"), std::string::npos) << err_;
  EXPECT_EQ(out_,
            "node2: confirmed lost\nnode3: was confirmed lost before\nwarning: node2 is held\n"
            "start mine-one-1 on node1: host node2 lost\n");
  EXPECT_EQ(run({"confirm-lost", "--yes", "node2", "--output", "json"}), exit_done);
  EXPECT_FALSE(dry_run());
  EXPECT_NE(out_.find("\"change\":\"confirmed\""), std::string::npos) << out_;
  EXPECT_EQ(run({"confirm-lost"}), exit_usage);
}

// It says what becomes of every host, and wants the name of this one typed.
TEST_F(Ctl, SiteRecoverAsksForTheNameOrRefuses) {
  script("POST /v1/site/recover",
         api::RecoverView{"node1", "change 7 of term 3 by node2", {"node2"}, {"node3"}});
  const auto sent = [this] {
    return std::get<api::RecoverRequest>(api::from_json<api::RecoverRequest>(last_request().body));
  };
  EXPECT_EQ(run({"site", "recover", "--lost", "node2"}), exit_failed);
  EXPECT_NE(err_.find("site recover --yes --lost node2\n"), std::string::npos) << err_;
  EXPECT_NE(err_.find("run twice"), std::string::npos) << err_;
  EXPECT_TRUE(sent().dry_run);
  EXPECT_EQ(run({"site", "recover", "--lost", "node2"}, "yes\n", true), exit_failed);
  EXPECT_TRUE(sent().dry_run);
  EXPECT_NE(err_.find("what was changed after that is gone"), std::string::npos) << err_;
  EXPECT_EQ(
      run({"site", "recover", "--lost", "node2", "--lost", "node4", "--address", "node3=10.0.0.3"},
          "node1\n", true),
      exit_done);
  EXPECT_FALSE(sent().dry_run);
  EXPECT_EQ(sent().lost, (std::vector<std::string>{"node2", "node4"}));
  EXPECT_EQ(sent().addresses, (std::vector<std::string>{"node3=10.0.0.3"}));
  EXPECT_NE(out_.find("Next:\n  agentctl hosts "), std::string::npos) << out_;
  EXPECT_EQ(run({"site", "recover", "--yes"}), exit_done);
  EXPECT_FALSE(sent().dry_run);
  EXPECT_EQ(run({"site", "recover", "--yes", "--dry-run"}), exit_done) << "needs no terminal";
  EXPECT_TRUE(sent().dry_run);
  EXPECT_NE(out_.find("kept: what node1 has stored, change 7 of term 3"), std::string::npos);
  EXPECT_NE(out_.find("nothing was changed"), std::string::npos) << out_;
  EXPECT_EQ(out_.find("Next:"), std::string::npos) << out_;
  EXPECT_EQ(run({"site", "recover", "--help"}), exit_done);
  EXPECT_NE(out_.find("then VMs run twice"), std::string::npos) << out_;
  EXPECT_EQ(run({"site"}), exit_usage);
}

TEST_F(Ctl, HostRemoveAsksOnATerminal) {
  script("POST /v1/hosts/change", api::ApplyAnswer{{{"node4", "removed"}}, {}, "accepted", 0});
  EXPECT_EQ(run({"host", "remove", "node4"}, "n\n", true), exit_failed);
  EXPECT_EQ(requests(), "");
  EXPECT_EQ(run({"host", "remove", "node4"}, "y\n", true), exit_done);
  EXPECT_EQ(run({"host", "remove", "--yes", "node4"}, "", true), exit_done);
  EXPECT_EQ(run({"host", "remove", "node4"}), exit_done) << "a script has decided";
  EXPECT_EQ(run({"host", "remove", "--help"}), exit_done);
  EXPECT_NE(out_.find("agentctl host remove node4"), std::string::npos) << out_;
}

}  // namespace
}  // namespace cierzo::ctl
