// agentctl against a scripted agent, over the real socket: what is printed, what is sent, and with
// which code it ends.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/net/keys.hpp"
#include "manifests/parse.hpp"
#include "tests/agent/ctl_bed.hpp"

namespace cierzo::ctl {
namespace {

api::StatusView site(const std::string& state, const std::string& one, const std::string& other,
                     const std::string& reason = {}) {
  api::StatusView view;
  view.leader = {1, "node1", 3};
  view.hosts = {{1, "node1", "alive", true, false, "10.77.0.11", "", 4194304, 3145728, 4, 2, ""},
                {2, "node2", "lost", true, false, "10.77.0.12", "no report for 12 s", 0, 0, 0, 0,
                 "permit-ended"}};
  const auto health = [](const std::string& of) { return of == "running" ? "passing" : "unknown"; };
  view.resources = {
      {"pair",
       "mine",
       state == "stopped" ? "stopped" : "running",
       state,
       {{"mine-one-1", {"one"}, "10.77.1.11", "node1", one, health(one), "3.1.7", ""},
        {"mine-other-1", {"other", "spare"}, "10.77.1.12", "", other, health(other), "", reason}}}};
  return view;
}

constexpr const char* manifest =
    "pair:\n  mine:\n    ensure: running\n    one: {ip: 10.77.1.11, image: a.qcow2}\n"
    "    other: {ip: 10.77.1.12, image: a.qcow2}\n";

TEST_F(Ctl, StatusShowsWhatIsWrongAndWhy) {
  script("GET /v1/status",
         site("degraded", "running", "absent", "no host can take it: node1 full"));
  EXPECT_EQ(run({"status"}), exit_done);
  EXPECT_EQ(out_,
            "leader: node1 (id 1, term 3)\n"
            "hosts:  1 alive, 1 lost\n"
            "  node2: lost: no report for 12 s\n"
            "\n"
            "pair mine: degraded (ensure running)\n"
            "INSTANCE      ROLES        ADDRESS     HOST   STATE    HEALTH\n"
            "mine-one-1    one          10.77.1.11  node1  running  passing\n"
            "mine-other-1  other,spare  10.77.1.12  -      absent   unknown\n"
            "  no host can take it: node1 full\n");
  EXPECT_EQ(err_, "");
}

TEST_F(Ctl, ColourTakesNoWidthAndNoColourMeansNone) {
  script("GET /v1/status", site("running", "running", "running"));
  run({"status"});
  const std::string plain = out_;
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  colour_ = true;
  run({"status"});
  std::string stripped;
  for (std::size_t i = 0; i < out_.size(); ++i) {
    if (out_[i] == '\x1b') i = out_.find('m', i) + 1;
    if (i < out_.size() && out_[i] == '\x1b')
      --i;
    else if (i < out_.size())
      stripped += out_[i];
  }
  EXPECT_NE(out_, plain);
  EXPECT_EQ(stripped, plain);
}

TEST_F(Ctl, StatusOfOneAndInOtherForms) {
  script("GET /v1/status", site("running", "running", "running"));
  EXPECT_EQ(run({"status", "mine", "--output", "json"}), exit_done);
  EXPECT_EQ(out_, api::to_json(site("running", "running", "running")) + "\n");
  EXPECT_EQ(run({"--output", "yaml", "status"}), exit_done);
  EXPECT_EQ(out_.rfind("leader: {id: 1, name: node1, term: 3}\nhosts:\n", 0), 0u) << out_;
  EXPECT_EQ(run({"status", "mien"}), exit_failed);
  EXPECT_EQ(err_, "status failed: no resource 'mien'\ndid you mean 'mine'?\n");
}

TEST_F(Ctl, WithoutALeaderShowsTheLocalViewAndSaysSo) {
  api::StatusView view = site("converging", "running", "unknown");
  view.leader.reset();
  view.local_view = true;
  view.no_leader = "1 of 2 voters reachable, 2 needed; missing: node2";
  script("GET /v1/status", view);
  script("GET /v1/hosts", view);
  EXPECT_EQ(run({"status"}), exit_no_leader);
  EXPECT_EQ(out_.rfind("no leader: 1 of 2 voters reachable, 2 needed; missing: node2\n", 0), 0u);
  EXPECT_EQ(run({"hosts"}), exit_no_leader);
  EXPECT_EQ(out_.rfind("no leader: 1 of 2 voters", 0), 0u);
}

TEST_F(Ctl, HostsShowsPartsAndWhatIsFree) {
  script("GET /v1/hosts", site("running", "running", "running"));
  EXPECT_EQ(run({"hosts"}), exit_done);
  EXPECT_EQ(out_,
            "ID  HOST   STATE  PART    ADDRESS     MEMORY FREE         CPUS FREE\n"
            "1   node1  alive  leader  10.77.0.11  3.0 GiB of 4.0 GiB  2 of 4\n"
            "2   node2  lost   voter   10.77.0.12  -                   -\n"
            "  no report for 12 s\n");
}

TEST_F(Ctl, ApplySendsEverythingAndWaitsThroughALeaderChange) {
  api::ApplyAnswer answer;
  answer.changes = {{"mine", "created"}};
  script("POST /v1/apply", answer);
  api::StatusView headless;
  headless.local_view = true;
  headless.no_leader = "missing: node2";
  const auto ok = [](const api::StatusView& view) { return ApiResponse{200, api::to_json(view)}; };
  script("GET /v1/status",
         {ok(site("converging", "booting", "absent", "waits for one")), ok(headless), ok(headless),
          api::outcome_unknown("the leader changed"), ok(site("converging", "running", "starting")),
          ok(site("running", "running", "running"))});
  EXPECT_EQ(run({"apply", file("m.yaml", manifest), "--types", types()}), exit_done) << err_;
  EXPECT_EQ(out_,
            "mine: created\n"
            "   0 s  mine-one-1: booting (node1)\n"
            "   0 s  mine-other-1: absent: waits for one\n"
            "   0 s  no leader now, waiting: missing: node2\n"
            "   0 s  the leader changed; it may have been done; waiting\n"
            "   0 s  mine-one-1: booting => running (node1)\n"
            "   0 s  mine-other-1: absent => starting\n"
            "   0 s  mine-other-1: starting => running\n"
            "mine: running\n"
            "done in 0 s\n");
  EXPECT_EQ(requests().rfind("POST /v1/apply\nGET /v1/status\n", 0), 0u);
}

TEST_F(Ctl, WithoutWaitingItSaysWhetherAnythingWasStored) {
  script("POST /v1/resources/mine/stop",
         api::ApplyAnswer{{{"mine", "changed"}}, {}, "accepted", 0});
  EXPECT_EQ(run({"stop", "--no-wait", "mine"}), exit_done);
  EXPECT_EQ(out_, "mine: changed\nstored; look with: agentctl status\n");
  script("POST /v1/resources/mine/stop",
         api::ApplyAnswer{{{"mine", "unchanged"}}, {}, "accepted", 0});
  EXPECT_EQ(run({"stop", "--no-wait", "mine"}), exit_done);
  EXPECT_EQ(out_, "mine: unchanged\nstored before; look with: agentctl status\n");
}

TEST_F(Ctl, ApplySendsResourcesWithTheTypesTheyUse) {
  script("POST /v1/apply", api::ApplyAnswer{});
  EXPECT_EQ(run({"apply", "--no-wait", "--types", types(), file("m.yaml", manifest)}), exit_done);
  const auto sent = api::from_json<api::ApplyRequest>(last_request().body);
  ASSERT_TRUE(std::holds_alternative<api::ApplyRequest>(sent));
  const auto& request = std::get<api::ApplyRequest>(sent);
  ASSERT_EQ(request.resources.size(), 1u);
  EXPECT_EQ(request.resources[0].slots.at({"other"}).at(0).address, "10.77.1.12");
  ASSERT_EQ(request.types.size(), 1u) << "only those used";
  EXPECT_EQ(request.types.at("pair").at("go"), "#!/bin/sh\nexit 0\n");
}

TEST_F(Ctl, ApplyFindsAllMistakesOfAllFilesAndSendsNothing) {
  const std::string one = file("a/one.yaml",
                               "pair:\n  mine:\n    ensure: running\n    flavour: big\n"
                               "    one: {ip: 10.77.1.11, image: a.qcow2}\n"
                               "pairs:\n  other:\n    ensure: running\n");
  const std::string two = file("a/two.pp", "pair { 'second': ensure => runing, }\n");
  EXPECT_EQ(run({"apply", folder_.path + "/a", "--types", types()}), exit_failed);
  EXPECT_NE(err_.find(one + ":4:5: "), std::string::npos) << err_;
  EXPECT_NE(err_.find(one + ":7:3: pairs: unknown type; did you mean 'pair'?"), std::string::npos)
      << err_;
  EXPECT_NE(err_.find(two + ":1:"), std::string::npos) << err_;
  EXPECT_NE(err_.find("in 2 files; nothing was changed\n"), std::string::npos) << err_;
  EXPECT_EQ(out_, "");
  EXPECT_EQ(requests(), "");
}

TEST_F(Ctl, ApplyReadsStandardInput) {
  script("POST /v1/apply", api::ApplyAnswer{});
  EXPECT_EQ(run({"apply", "--no-wait", "-", "--types", types()}, manifest), exit_done) << err_;
}

TEST_F(Ctl, RefusalsCarryTheirReasonsAndCodes) {
  const std::string path = file("m.yaml", manifest);
  const auto apply = [&](const ApiResponse& answer) {
    script("POST /v1/apply", {answer});
    return run({"apply", path, "--types", types()});
  };
  EXPECT_EQ(apply(api::refused("nothing was changed", {"10.77.1.11: used twice"}, "change it")),
            exit_failed);
  EXPECT_EQ(err_, "10.77.1.11: used twice\napply failed: nothing was changed\nchange it\n");
  EXPECT_EQ(apply(api::no_leader("1 of 3 voters reachable, 2 needed; missing: node2, node3")),
            exit_no_leader);
  EXPECT_NE(err_.find("no leader: 1 of 3 voters reachable, 2 needed; missing: node2, node3"),
            std::string::npos);
  EXPECT_EQ(apply(api::outcome_unknown("the leader has not answered")), exit_failed);
  EXPECT_NE(err_.find("it may have been done"), std::string::npos);
  EXPECT_EQ(apply({500, "<html>"}), exit_failed);
}

TEST_F(Ctl, ApplyGivesUpInTime) {
  script("POST /v1/apply", api::ApplyAnswer{});
  script("GET /v1/status", site("converging", "running", "absent", "no host can take it"));
  EXPECT_EQ(run({"apply", "--timeout", "1s", "--types", types(), "--output", "json",
                 file("m.yaml", manifest)}),
            exit_failed);
  EXPECT_NE(err_.find("mine-other-1: absent: no host can take it\n"
                      "apply failed: not reached within 1 s; it is stored, and the site goes on "
                      "trying, but for what an open breaker has ended\n"),
            std::string::npos)
      << err_;
  EXPECT_EQ(out_.rfind("{\"changes\":[],\"warnings\":[],\"outcome\":\"timed out\",", 0), 0u)
      << out_;
}

TEST_F(Ctl, PlanPrintsActionsInOrderAndWhatWaits) {
  api::PlanView view;
  view.actions = {
      {"start", "mine-one-1", "node1", "declared", "start mine-one-1 on node1: declared"}};
  view.blocked = {{"mine-other-1", true, "waits for one"}, {"x-1", false, "no image"}};
  view.summary = "1 action now";
  script("POST /v1/plan", view);
  const std::string expected =
      "start mine-one-1 on node1: declared\nwait mine-other-1: waits for one\n"
      "blocked x-1: no image\n1 action now\n";
  EXPECT_EQ(run({"plan"}), exit_done);
  EXPECT_EQ(out_, expected);
  EXPECT_EQ(last_request().body, "");
  EXPECT_EQ(run({"apply", "--dry-run", file("m.yaml", manifest), "--types", types()}), exit_done);
  EXPECT_EQ(out_, expected);
  EXPECT_EQ(requests(), "POST /v1/plan\nPOST /v1/plan\n") << "a dry run changes nothing";
}

TEST_F(Ctl, DeleteAsksOrRefuses) {
  script("DELETE /v1/resources/mine", api::ApplyAnswer{{{"mine", "removed"}}, {}, "accepted", 0});
  EXPECT_EQ(run({"delete", "mine"}), exit_failed);
  EXPECT_NE(err_.find("delete --yes mine\n"), std::string::npos) << err_;
  EXPECT_EQ(run({"delete", "mine"}, "n\n", true), exit_failed);
  EXPECT_EQ(run({"delete", "mine"}, "", true), exit_failed);
  EXPECT_EQ(requests(), "");
  script("GET /v1/status", {{200, api::to_json(site("stopped", "stopping", "absent"))},
                            {200, api::to_json(api::StatusView{})}});
  EXPECT_EQ(run({"delete", "mine"}, "y\n", true), exit_done);
  EXPECT_EQ(out_,
            "mine: removed\n   0 s  mine-one-1: stopping (node1)\n"
            "mine: deleted\ndone in 0 s\n");
}

TEST_F(Ctl, TheBrakeStandsFirst) {
  api::StatusView view;
  view.leader = api::LeaderView{1, "node1", 3};
  view.brake = "brake: 2 of 3 hosts lost or suspect";
  script("GET /v1/status", view);
  script("GET /v1/hosts", view);
  for (const char* verb : {"status", "hosts"}) {
    EXPECT_EQ(run({verb}), exit_done);
    EXPECT_TRUE(out_.starts_with("brake: 2 of 3 hosts lost or suspect\n\n")) << out_;
  }
}

TEST_F(Ctl, StopAndStartWaitForTheirOwnEnd) {
  script("POST /v1/resources/mine/stop", api::ApplyAnswer{});
  script("POST /v1/resources/mine/start", api::ApplyAnswer{});
  // At first the old state is seen; it must not pass for the new one.
  script("GET /v1/status", {{200, api::to_json(site("running", "running", "running"))},
                            {200, api::to_json(site("stopped", "absent", "absent"))}});
  EXPECT_EQ(run({"stop", "mine"}), exit_done);
  EXPECT_NE(out_.find("mine-one-1: running => absent"), std::string::npos) << out_;
  script("GET /v1/status", {{200, api::to_json(site("stopped", "absent", "absent"))},
                            {200, api::to_json(site("running", "running", "running"))}});
  EXPECT_EQ(run({"start", "mine"}), exit_done);
  EXPECT_NE(out_.find("mine-one-1: absent => running"), std::string::npos) << out_;
  EXPECT_EQ(run({"stop", "my web"}), exit_failed);
  EXPECT_EQ(last_request().target, "/v1/resources/my%20web/stop");
}

TEST_F(Ctl, ScaleSendsNumbersAndSaysWhatIsNone) {
  EXPECT_EQ(run({"scale", "mine", "other", "one=-1", "two=3x", "other=1", "other=2"}), exit_usage);
  EXPECT_NE(err_.find("'other': must be ROLE=N, N being 0 or more"), std::string::npos) << err_;
  EXPECT_NE(err_.find("'one=-1'"), std::string::npos);
  EXPECT_NE(err_.find("'two=3x'"), std::string::npos);
  EXPECT_NE(err_.find("'other=2': other is given twice"), std::string::npos);
  EXPECT_EQ(requests(), "") << "nothing was asked";
  script("POST /v1/resources/mine/scale",
         api::ApplyAnswer{{{"mine", "changed"}}, {}, "accepted", 0});
  EXPECT_EQ(run({"scale", "mine", "other=0", "--no-wait"}), exit_done);
  EXPECT_EQ(last_request().body, api::to_json(api::ScaleRequest{{{"other", 0}}}));
}

TEST_F(Ctl, OutputsAreATable) {
  const api::OutputRow port{"mine-one-1", "one", "port", "80", false};
  const api::OutputRow token{"mine-one-1", "one", "token", "", true};
  script("GET /v1/resources/mine/outputs", api::OutputsView{{port, token}});
  EXPECT_EQ(run({"outputs", "mine"}), exit_done);
  EXPECT_NE(out_.find("one   port   80\nmine-one-1  one   token  (a secret)\n"), out_.npos) << out_;
}

TEST_F(Ctl, StatusShowsWhatIsScaled) {
  api::StatusView view = site("running", "running", "running");
  view.resources[0].scale = {{"other", 1, 3, 4}, {"spare", 2, 2, 3}, {"full", 2, 2, 2}};
  script("GET /v1/status", view);
  EXPECT_EQ(run({"status"}), exit_done);
  EXPECT_NE(out_.find("other: 1 of 4, scaled; declared: 3\nspare: 2 of 3\n"), std::string::npos)
      << out_;
  EXPECT_EQ(out_.find("full:"), std::string::npos);
}

TEST_F(Ctl, ResetNamesAResourceOrOneInstance) {
  script("POST /v1/resources/mine/reset",
         api::ApplyAnswer{{{"mine-one-1 one", "reset"}}, {}, "accepted", 0});
  EXPECT_EQ(run({"reset", "mine/mine-one-1"}), exit_done);
  EXPECT_EQ(last_request().body, api::to_json(api::ResetRequest{"mine-one-1"}));
  EXPECT_EQ(out_, "mine-one-1 one: reset\n");
  EXPECT_EQ(run({"reset", "mine"}), exit_done);
  EXPECT_EQ(last_request().body, api::to_json(api::ResetRequest{}));
}

TEST_F(Ctl, EventsAreLines) {
  api::EventsView view;
  view.source = "s";
  view.events = {{1, "2024-05-01T10:00:00.000Z", "node1", "leader", "node1", "node1 leads"},
                 {2, "2024-05-01T10:00:01.000Z", "node1", "host", "node2", "node2: alive => lost"}};
  script("GET /v1/events?after=0", view);
  EXPECT_EQ(run({"events"}), exit_done);
  EXPECT_EQ(out_,
            "2024-05-01T10:00:00.000Z  node1  node1 leads\n"
            "2024-05-01T10:00:01.000Z  node1  node2: alive => lost\n");
  EXPECT_EQ(run({"events", "--output", "json"}), exit_done);
  EXPECT_EQ(out_, api::to_json(view.events[0]) + "\n" + api::to_json(view.events[1]) + "\n");
}

TEST_F(Ctl, TypesAndVersion) {
  api::TypesView view;
  view.types = {
      {"web", "A site", "abc", {{"database", "1", {}}, {"server", "1..", {"database"}}}, {"port"}}};
  script("GET /v1/types", view);
  EXPECT_EQ(run({"types"}), exit_done);
  EXPECT_EQ(out_,
            "TYPE  SUMMARY\nweb   A site\n  roles: database 1, server 1..\n  attributes: port\n");
  script("GET /v1/version", api::VersionView{"0.9", "node1"});
  EXPECT_EQ(run({"version"}), exit_done);
  EXPECT_NE(out_.find("agent 0.9 on node1\n"), std::string::npos);
}

TEST_F(Ctl, WithoutAnAgent) {
  const std::string none = folder_.path + "/none.sock";
  EXPECT_EQ(run_bare({"agentctl", "status", "--socket", none}), exit_unreachable);
  EXPECT_EQ(err_.rfind("status failed: no agent: " + none + " does not exist\n", 0), 0u) << err_;
  EXPECT_EQ(run_bare({"agentctl", "version", "--socket", none}), exit_done);
  ::setenv("CIERZO_SOCKET", none.c_str(), 1);
  EXPECT_EQ(run_bare({"agentctl", "hosts", "--output", "json"}), exit_unreachable);
  ::unsetenv("CIERZO_SOCKET");
  EXPECT_EQ(out_.rfind("{\"error\":\"no agent: ", 0), 0u) << out_;
}

TEST_F(Ctl, ValidateNeedsNoAgent) {
  const std::string good = file("m.yaml", manifest);
  EXPECT_EQ(run_bare({"agentctl", "validate", good, "--types", types()}), exit_done) << err_;
  EXPECT_EQ(out_, good + ": good: pair mine\n");
  EXPECT_EQ(run_bare({"agentctl", "validate", folder_.path + "/none.yaml"}), exit_failed);
  EXPECT_EQ(err_, folder_.path + "/none.yaml: cannot be read: No such file or directory\n" +
                      "validate failed: 1 mistake in " + folder_.path + "/none.yaml\n");
  EXPECT_EQ(run_bare({"agentctl", "validate", "-", "--output", "json", "--types", types()},
                     "pair:\n  mine: {}\n"),
            exit_failed);
  EXPECT_EQ(out_.rfind("{\"valid\":false,\"resources\":[],\"mistakes\":[\"-:2:", 0), 0u) << out_;
}

TEST_F(Ctl, ConvertKeepsTheMeaning) {
  const std::string path = file("m.yaml", manifest);
  ASSERT_EQ(run_bare({"agentctl", "convert", path, "--to", "puppet"}), exit_done) << err_;
  EXPECT_EQ(manifests::parse(out_, "m.pp").declarations,
            manifests::parse(manifest, "m.yaml").declarations);
  EXPECT_EQ(run_bare({"agentctl", "convert", "-", "--to", "yaml"}, "pair { "), exit_failed);
  EXPECT_NE(err_.find("convert failed: 1 mistake in -\n"), std::string::npos) << err_;
}

TEST_F(Ctl, ConvertGoesToTheOtherSyntaxAndSaysWhatItCarries) {
  const std::string text =
      "# kept nowhere\n$n = 'node'\nWeb { pool => [\"${n}1\"], root_password => 'hunter2' }\n"
      "web { ['a', 'b']: ensure => running, text => \"it's \\$5\" }\n";
  const std::string path = file("m.pp", text);
  ASSERT_EQ(run_bare({"agentctl", "convert", path}), exit_done) << err_;
  EXPECT_EQ(out_,
            "web:\n  a:\n    ensure: running\n    text: \"it's $5\"\n    pool: [node1]\n"
            "    root_password: hunter2\n  b:\n    ensure: running\n    text: \"it's $5\"\n"
            "    pool: [node1]\n    root_password: hunter2\n");
  EXPECT_EQ(err_.find("hunter2"), std::string::npos) << err_;
  EXPECT_NE(err_.find(path + ":3:26: warning: web.a.root_password: is a secret in clear text"),
            std::string::npos)
      << err_;
  const std::string yaml = out_;
  ASSERT_EQ(run_bare({"agentctl", "convert", file("m.yaml", yaml)}), exit_done) << err_;
  const std::string puppet = out_;
  ASSERT_EQ(run_bare({"agentctl", "convert", file("again.pp", puppet)}), exit_done) << err_;
  EXPECT_EQ(out_, yaml);
}

TEST_F(Ctl, VersionAndHelpAreWhereOneLooksForThem) {
  EXPECT_EQ(run_bare({"agentctl", "--version"}), exit_done);
  EXPECT_EQ(out_, std::string("agentctl ") + CIERZO_VERSION + "\n");
  EXPECT_EQ(run_bare({"agentctl", "help"}), exit_done);
  EXPECT_NE(out_.find("Examples:"), std::string::npos) << out_;
  EXPECT_EQ(run_bare({"agentctl", "help", "apply"}), exit_done);
  EXPECT_NE(out_.find("agentctl apply --timeout 5m web.yaml"), std::string::npos) << out_;
  EXPECT_NE(out_.find("--dry-run"), std::string::npos) << out_;
  EXPECT_EQ(run_bare({"agentctl", "help", "aply"}), exit_usage);
  EXPECT_EQ(err_, "agentctl: unknown verb 'aply'; did you mean 'apply'?\n");
  EXPECT_EQ(requests(), "");
}

TEST_F(Ctl, TypesWithoutAnAgentAreThoseOfThisMachine) {
  EXPECT_EQ(run_bare({"agentctl", "types", "--socket", folder_.path + "/none", "--types", types()}),
            exit_done);
  EXPECT_NE(out_.find("pair      Two of something\n"), std::string::npos) << out_;
  EXPECT_NE(out_.find("web "), std::string::npos) << out_;
  EXPECT_NE(err_.find("these are the types of this machine\n"), std::string::npos) << err_;
}

// Both places where both are known; all mistakes at once, also of resources that have others.
TEST_F(Ctl, ConflictsHaveTheirPlaces) {
  const std::string a = file("c/a.yaml", manifest);
  const std::string b = file("c/b.yaml",
                             "pair:\n  yours:\n    ensure: runing\n"
                             "    one: {ip: 10.77.1.21, image: a.qcow2}\n"
                             "    other: {ips: /nowhere, image: a.qcow2}\n"
                             "  third:\n    ensure: running\n"
                             "    one: [10.77.1.12, a.qcow2]\n");
  EXPECT_EQ(run_bare({"agentctl", "validate", folder_.path + "/c", "--types", types()}),
            exit_failed);
  EXPECT_EQ(err_, b +
                      ":3:13: pair.yours.ensure: unknown value 'runing'; did you mean 'running'? "
                      "(accepted: running, stopped, absent)\n" +
                      b + ":5:18: pair.yours.other: /nowhere: No such file or directory\n" + b +
                      ":8:11: 10.77.1.12: used by mine-other-1 (" + a +
                      ":5:17) and by third-one-1\nvalidate failed: 3 mistakes in 2 files\n");
}

TEST_F(Ctl, FilesThatAreNoneAreRefusedAllAtOnce) {
  const std::string folder = folder_.path;
  const std::string ips = file("ips", "10.77.1.12\n10.77.1.13\n10.77.1.12\n");
  const std::string binary = file("binary", std::string("\x7f\x45LF\0", 5));
  const std::string path =
      file("m.yaml", "pair:\n  a:\n    ensure: running\n    one: {ips: " + folder +
                         ", image: i}\n    other: {ips: " + ips + ", images: " + binary +
                         "}\n    vm_domain: " + folder + "/none.xml\n");
  EXPECT_EQ(run_bare({"agentctl", "validate", path, "--types", types()}), exit_failed);
  EXPECT_EQ(err_, binary +
                      ":1:5: pair.a.other: a NUL byte: only text can be read; one entry a "
                      "line\n" +
                      path + ":4:16: pair.a.one: " + folder + ": is a folder\n" + path +
                      ":6:16: pair.a.vm_domain: " + folder +
                      "/none.xml: No such file or directory\nvalidate failed: 3 mistakes in " +
                      path + "\n");
}

TEST_F(Ctl, ABrokenTypeStopsOnlyThoseWhoUseIt) {
  const std::string path = file("m.yaml", manifest);
  const std::string folder = types();
  const std::string broken = file("types/web/type.yaml", "type: web\nroles: {a: {count: many}}\n");
  EXPECT_EQ(run_bare({"agentctl", "validate", path, "--types", folder}), exit_done) << err_;
  EXPECT_NE(err_.find(broken + ":2:20: warning: roles.a.count"), std::string::npos) << err_;
  const std::string web = file("w.yaml", "web:\n  w:\n    ensure: running\n");
  EXPECT_EQ(run_bare({"agentctl", "validate", web, "--types", folder}), exit_failed);
  EXPECT_EQ(err_, web + ":2:3: web: this type cannot be used: see its own mistakes\n" + broken +
                      ":2:20: roles.a.count: must be a number, '0..1' or '1..', got 'many'\n"
                      "validate failed: 2 mistakes in " +
                      web + "\n");
}

TEST_F(Ctl, KeygenMakesAnIdentityAndKeepsIt) {
  const std::string path = folder_.path + "/secret.key";
  ASSERT_EQ(run_bare({"agentctl", "keygen", path}), exit_done) << err_;
  const std::string key = out_.substr(0, out_.size() - 1);
  EXPECT_EQ(public_key_of(read_secret_key(path)), key);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
  EXPECT_EQ(run_bare({"agentctl", "keygen", path}), exit_failed);
  EXPECT_EQ(public_key_of(read_secret_key(path)), key);
  EXPECT_EQ(run_bare({"agentctl", "keygen", "--force", path}), exit_done);
  EXPECT_NE(public_key_of(read_secret_key(path)), key);
}

TEST_F(Ctl, UsageIsOne) {
  EXPECT_EQ(run({"aply"}), exit_usage);
  EXPECT_EQ(err_, "agentctl: unknown verb 'aply'; did you mean 'apply'?\n");
  EXPECT_EQ(run({"apply"}), exit_usage);
  EXPECT_NE(err_.find("see: agentctl apply --help\n"), std::string::npos) << err_;
  EXPECT_EQ(run({}), exit_usage);
  EXPECT_EQ(run({"status", "--output", "xml"}), exit_usage);
  EXPECT_EQ(run({"apply", "x", "--timeout", "-1"}), exit_usage);
  EXPECT_EQ(run({"--help"}), exit_done);
  EXPECT_NE(out_.find("Examples:"), std::string::npos);
  EXPECT_EQ(run({"apply", "--help"}), exit_done);
  EXPECT_NE(out_.find("agentctl apply --timeout 5m web.yaml"), std::string::npos);
}

}  // namespace
}  // namespace cierzo::ctl
