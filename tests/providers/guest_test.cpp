// The scripts for guests, run by real shells in namespaces of their own: /run and /var/lib are
// empty there, the
// network is one interface, and the boot id can be another one.
#include "resources/guest.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "resources/providers/guest_agent.hpp"
#include "resources/providers/program.hpp"

namespace cierzo {
namespace {

namespace fs = std::filesystem;

// A guest that lasts as long as the object; each run() is one script in it.
class Sandbox : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string shell = GetParam();
    const auto found = run_program({"sh", "-c", "command -v " + shell.substr(0, shell.find(' '))},
                                   std::chrono::seconds(5));
    // CI runs as root, and tests/packages has every shell that is tried.
    if (geteuid() != 0) GTEST_SKIP() << "not run: namespaces need root";
    if (!found.ok) GTEST_SKIP() << "not run: this machine has no " << shell;
    std::string name = (fs::temp_directory_path() / "cierzo-guest-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    fs::create_directories(folder_ / "run");
    fs::create_directories(folder_ / "etc");
    fs::create_directories(folder_ / "lib");
    set_boot("boot-1");
  }
  void TearDown() override {
    std::error_code error;
    if (!folder_.empty()) fs::remove_all(folder_, error);
  }
  void set_boot(const std::string& boot) { write("boot_id", boot + "\n"); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::string read(const std::string& name) {
    std::ifstream in(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Returns the exit status; `printed_` has what it printed.
  int run(const std::string& script) {
    write("script", script);
    const std::string outer =
        "d=" + folder_.string() +
        "; mount --bind $d/run /run && mount --bind $d/etc /etc && mount --bind $d/lib /var/lib &&"
        " mount --bind $d/boot_id /proc/sys/kernel/random/boot_id &&"
        " mount -t sysfs sys /sys && ip link set lo up &&"
        " ip link add eth7 address 52:54:00:aa:bb:01 type veth peer name other || exit 99\n" +
        std::string(GetParam()) +
        " $d/script >$d/printed 2>&1; echo $? >$d/status;"
        " hostname >$d/hostname; ip -4 -o addr show dev eth7 >$d/addresses;"
        " ip route show >$d/routes";
    const auto ended =
        run_program({"unshare", "-m", "-n", "-u", "sh", "-c", outer}, std::chrono::seconds(20));
    EXPECT_TRUE(ended.ok) << ended.output;
    printed_ = read("printed");
    return std::atoi(read("status").c_str());
  }
  // While the script in the file `first` runs. Each is run as the guest agent runs it.
  int run_beside_first(const std::string& script) {
    write("second", script);
    const std::string shell = GetParam(), folder = folder_.string();
    return run("CIERZO_RUN=r1 " + shell + " " + folder + "/first >/dev/null & sleep 0.3\n" +
               "CIERZO_RUN=r2 " + shell + " " + folder + "/second");
  }
  GuestKnowledge probe() {
    EXPECT_EQ(run(probe_script()), 0);
    return read_probe(printed_);
  }
  static RunScript start(const std::string& text, const std::string& digest) {
    RunScript script;
    script.role = {"server"};
    script.text = text;
    script.input = {{}, "{\"it's\": \"$HOME\\n`x` \\\\\"}\n", digest};
    return script;
  }
  static RunScript stop(const std::string& text, const std::string& digest) {
    auto script = start(text, digest);
    script.kind = ScriptKind::stop;
    return script;
  }

  static RunScript about(ScriptKind kind, const std::string& text, const std::string& digest) {
    auto script = start(text, digest);
    script.kind = kind;
    script.member = {{"f-node-2"}, {"node"}, "10.0.0.12", 2};
    return script;
  }

  fs::path folder_;
  std::string printed_;
};

std::string shell_name(const testing::TestParamInfo<const char*>& info) {
  const std::string words = info.param;
  return words.substr(0, words.find(' '));
}
INSTANTIATE_TEST_SUITE_P(Shells, Sandbox, testing::Values("dash", "bash --posix", "busybox sh"),
                         shell_name);

TEST_P(Sandbox, a_start_that_works_is_remembered_with_its_digest) {
  EXPECT_TRUE(probe().configured.empty());
  EXPECT_EQ(run(role_script(start("#!/bin/sh\nset -eu\necho 'it works'\n", "d1"))), 0) << printed_;
  EXPECT_EQ(printed_, "it works\n");
  const auto knowledge = probe();
  EXPECT_EQ(knowledge.boot, "boot-1");
  EXPECT_EQ(knowledge.configured, (std::map<RoleName, std::string>{{{"server"}, "d1"}}));
  EXPECT_EQ(read("run/cierzo/resource.json"), "{\"it's\": \"$HOME\\n`x` \\\\\"}\n");
  EXPECT_EQ(fs::status(folder_ / "run/cierzo/resource.json").permissions(), fs::perms(0600));
}

TEST_P(Sandbox, a_start_that_fails_is_not) {
  EXPECT_EQ(run(role_script(start("exit 3", "d1"))), 3);
  EXPECT_TRUE(probe().configured.empty());
  EXPECT_EQ(run(role_script(start("true", "d1"))), 0);
  EXPECT_EQ(run(role_script(start("set -e; false; echo 'went on'", "d2"))), 1);
  EXPECT_EQ(printed_, "") << "set -e must work";
  EXPECT_EQ(probe().configured[{"server"}], "d1") << "the last that worked";
  EXPECT_NE(run(role_script(start("if; then", "d3"))), 0) << "a syntax error";
  EXPECT_EQ(probe().configured[{"server"}], "d1");
}

TEST_P(Sandbox, a_drain_is_asked_since_the_first_time_and_a_start_ends_it) {
  auto drain = start("echo '2 jobs are running'; exit 1", "");
  drain.kind = ScriptKind::drain;
  EXPECT_EQ(run(role_script(start("true", "d1"))), 0);
  EXPECT_EQ(run(role_script(drain)), 1);
  EXPECT_EQ(printed_, "2 jobs are running\n");
  const auto asked = probe();
  EXPECT_TRUE(asked.configured.empty()) << "it is not checked any more";
  ASSERT_EQ(asked.drained.count({"server"}), 1U);
  EXPECT_FALSE(asked.drained.at({"server"}).done);
  EXPECT_GE(asked.up, asked.drained.at({"server"}).asked_at);
  write("run/cierzo/roles/server", "drain boot-1 7\n");  // As if it was long ago.
  EXPECT_EQ(run(role_script(drain)), 1);
  EXPECT_EQ(probe().drained.at({"server"}).asked_at, std::chrono::seconds(7));
  drain.text = "true";
  EXPECT_EQ(run(role_script(drain)), 0);
  EXPECT_TRUE(probe().drained.at({"server"}).done);
  EXPECT_EQ(probe().drained.at({"server"}).asked_at, std::chrono::seconds(7));
  EXPECT_EQ(run(role_script(start("exit 1", "d1"))), 1);
  EXPECT_TRUE(probe().drained.empty()) << "whatever comes of the start";
  EXPECT_EQ(run(role_script(start("true", "d1"))), 0);
  EXPECT_EQ(probe().configured[{"server"}], "d1");
  set_boot("boot-2");
  EXPECT_EQ(run(role_script(drain)), 0);
  EXPECT_NE(probe().drained.at({"server"}).asked_at, std::chrono::seconds(7));
}

TEST_P(Sandbox, who_has_joined_is_on_the_disk_until_it_has_left) {
  const auto join = about(ScriptKind::join, "true", "j1");
  EXPECT_TRUE(probe().joined.empty());
  EXPECT_EQ(run(role_script(join)), 0) << printed_;
  EXPECT_EQ(probe().joined, (std::vector<Joined>{{{"server"}, join.member, "j1", {}}}));
  auto twice = join;  // The same machine in another role.
  twice.member.role = {"store"};
  EXPECT_EQ(run(role_script(twice)), 0);
  EXPECT_EQ(probe().joined.size(), 2U);
  twice.kind = ScriptKind::leave;
  EXPECT_EQ(run(role_script(twice)), 0);
  EXPECT_EQ(probe().joined, (std::vector<Joined>{{{"server"}, join.member, "j1", {}}}));
  set_boot("boot-2");
  EXPECT_EQ(probe().joined, (std::vector<Joined>{{{"server"}, join.member, "", {}}}))
      << "not told in this boot, but it may still have to leave";
  EXPECT_EQ(run(role_script(about(ScriptKind::leave, "exit 4", "-"))), 4);
  EXPECT_EQ(probe().joined.size(), 1U);
  EXPECT_EQ(run(role_script(about(ScriptKind::leave, "", "-"))), 0);
  EXPECT_TRUE(probe().joined.empty());
  EXPECT_EQ(run(role_script(about(ScriptKind::leave, "true", "-"))), 0) << "twice is no harm";
}

TEST_P(Sandbox, half_a_join_has_to_leave_as_well) {
  EXPECT_EQ(run(role_script(about(ScriptKind::join, "exit 3", "j1"))), 3);
  const auto joined = probe().joined;
  ASSERT_EQ(joined.size(), 1U);
  EXPECT_EQ(joined.front().digest, "");
  EXPECT_EQ(run(role_script(about(ScriptKind::join, "true", "j1"))), 0);
  EXPECT_EQ(run(role_script(about(ScriptKind::join, "exit 3", "j2"))), 3);
  EXPECT_EQ(probe().joined.front().digest, "") << "what it knew is not certain any more";
}

TEST_P(Sandbox, what_a_start_says_about_itself_is_kept_when_it_has_worked) {
  const std::string says = "printf 'port=80\\nurl=http://it is/?a=b\\n' >>$CIERZO_OUTPUTS";
  EXPECT_EQ(run(role_script(start(says, "d1"))), 0) << printed_;
  const Outputs outputs = {{"port", "80"}, {"url", "http://it is/?a=b"}};
  EXPECT_EQ(probe().outputs.at({"server"}), outputs);
  EXPECT_EQ(fs::status(folder_ / "run/cierzo/outputs/server").permissions(), fs::perms(0600));
  EXPECT_EQ(run(role_script(start("echo port=81 >>$CIERZO_OUTPUTS; exit 1", "d1"))), 1);
  EXPECT_EQ(probe().outputs.at({"server"}), outputs) << "of the last that worked";
  EXPECT_EQ(run(role_script(start("true", "d2"))), 0);
  EXPECT_TRUE(probe().outputs.empty()) << "each says all";
  for (const char* wrong : {"80", "=80", "a b=80", "1a=80", "a-b=80"}) {
    EXPECT_EQ(run(role_script(start("echo '" + std::string(wrong) + "' >>$CIERZO_OUTPUTS", "d3"))),
              1);
    EXPECT_EQ(printed_, "an output must be KEY=VALUE, not: " + std::string(wrong) + "\n");
  }
  const std::string many = "for i in $(seq 33); do echo \"k$i=v\" >>$CIERZO_OUTPUTS; done";
  EXPECT_EQ(run(role_script(start(many, "d3"))), 1);
  EXPECT_NE(printed_.find("at most 32 lines"), std::string::npos) << printed_;
  EXPECT_EQ(run(role_script(start(says, "d1"))), 0);
  set_boot("boot-2");
  EXPECT_TRUE(probe().outputs.empty());
}

TEST_P(Sandbox, a_reboot_forgets) {
  EXPECT_EQ(run(role_script(start("true", "d1"))), 0);
  set_boot("boot-2");
  const auto knowledge = probe();
  EXPECT_EQ(knowledge.boot, "boot-2");
  EXPECT_TRUE(knowledge.configured.empty()) << "even where /run outlives it";
}

TEST_P(Sandbox, a_stop_that_works_takes_the_place_of_the_start) {
  EXPECT_EQ(run(role_script(start("true", "d1"))), 0);
  EXPECT_EQ(run(role_script(stop("exit 1", "d2"))), 1);
  EXPECT_EQ(probe().configured.size(), 1U);
  EXPECT_EQ(run(role_script(stop("true", "d2"))), 0);
  EXPECT_TRUE(probe().configured.empty());
  EXPECT_EQ(probe().stopped[{"server"}], "d2");
  EXPECT_EQ(run(role_script(start("exit 1", "d3"))), 1);
  EXPECT_TRUE(probe().stopped.empty()) << "a start that failed half-way: it is not stopped";
  EXPECT_TRUE(probe().configured.empty());
}

// An agent that was restarted does not know that the script still runs.
TEST_P(Sandbox, a_second_run_waits_for_the_first_and_finds_the_work_done) {
  const std::string tries = (folder_ / "tries").string();
  const auto script = role_script(start("echo x >>" + tries + "; sleep 0.5", "d1"));
  write("first", script);
  EXPECT_EQ(run_beside_first(script), 0) << printed_;
  EXPECT_EQ(read("tries"), "x\n");
  EXPECT_NE(printed_.find("waits for an earlier run"), std::string::npos) << printed_;
  EXPECT_EQ(run(script), 0) << "asked for again, it is run again";
  EXPECT_EQ(read("tries"), "x\nx\n");
}

TEST_P(Sandbox, a_second_run_does_the_work_where_the_first_failed) {
  const std::string tries = (folder_ / "tries").string();
  const auto script =
      role_script(start("echo x >>" + tries + "; sleep 0.5; [ -e " + (folder_ / "again").string() +
                            " ] || { : >" + (folder_ / "again").string() + "; exit 1; }",
                        "d1"));
  write("first", script);
  EXPECT_EQ(run_beside_first(script), 0) << printed_;
  EXPECT_EQ(read("tries"), "x\nx\n");
  EXPECT_EQ(probe().configured[RoleName{"server"}], "d1");
}

// Also one that was killed: its process is gone, and its daemons have another number.
TEST_P(Sandbox, a_daemon_of_an_earlier_run_holds_nothing_up) {
  write("first", role_script(start("sleep 3 >/dev/null 2>&1 & kill -KILL $$", "d1")));
  EXPECT_EQ(run_beside_first(role_script(start("echo again", "d2"))), 0);
  EXPECT_EQ(printed_.find("waits"), std::string::npos) << printed_;
}

// Whichever of them finds what the last round left behind, and whatever it finds half done.
TEST_P(Sandbox, of_many_runs_at_once_never_two_work) {
  const std::string folder = folder_.string(), shell = GetParam();
  const std::string text = "mkdir " + folder + "/busy || echo two >>" + folder + "/two\n" +
                           "echo x >>" + folder + "/done; rmdir " + folder + "/busy";
  constexpr int rounds = 6, runs = 5;
  for (int run = 0; run < runs; ++run) {  // Other digests: none finds its work done.
    write("run" + std::to_string(run),
          "sleep() { :; }\n" + role_script(start(text, "d" + std::to_string(run))));
  }
  EXPECT_EQ(this->run("round=0; while [ $round -lt " + std::to_string(rounds) +
                      " ]; do for run in 0 1 2 3 4; do CIERZO_RUN=r$round-$run " + shell + " " +
                      folder + "/run$run & done; wait; round=$((round + 1)); done"),
            0);
  EXPECT_EQ(read("two"), "") << printed_;
  EXPECT_EQ(read("done").size(), 2U * rounds * runs) << printed_;
  EXPECT_TRUE(fs::exists(folder_ / "run/cierzo/server.lock"));
  const auto files = std::distance(fs::directory_iterator(folder_ / "run/cierzo"), {});
  EXPECT_EQ(files, 4) << "the lock, the facts, the outputs and resource.json";
}

// It had claimed to be the next, and did not get further.
TEST_P(Sandbox, a_run_that_was_killed_with_a_claim_is_followed) {
  fs::create_directories(folder_ / "run/cierzo");
  write("run/cierzo/server.lock", "999999991 r1\n");
  write("run/cierzo/server.lock.after.999999991.r1", "999999992 r2\n");
  write("run/cierzo/server.lock.after.999999992.r2", "999999993 r3\n");
  EXPECT_EQ(run(role_script(start("echo begun", "d1"))), 0);
  EXPECT_EQ(printed_, "begun\n");
  EXPECT_FALSE(fs::exists(folder_ / "run/cierzo/server.lock.after.999999991.r1"));
  EXPECT_FALSE(fs::exists(folder_ / "run/cierzo/server.lock.after.999999992.r2"));
}

TEST_P(Sandbox, a_lock_that_cannot_be_written_is_no_endless_wait) {
  const auto script = role_script(start("echo begun", "d1"));
  EXPECT_EQ(run("mount -t tmpfs -o size=8k full /run; mkdir -p /run/cierzo/roles;"
                " head -c 9000 /dev/zero >/run/data 2>/dev/null\n" +
                script),
            1);
  EXPECT_NE(printed_.find("cannot write /run/cierzo/server.lock"), std::string::npos) << printed_;
}

TEST_P(Sandbox, a_script_may_name_its_interpreter) {
  EXPECT_EQ(run(role_script(start("#!/bin/bash\na=(1 2 3); exit ${#a[@]}\n", "d1"))), 3);
  EXPECT_EQ(run(role_script(start("#!/usr/bin/env sh\necho \"it's '$((1 + 1))'\"", "d1"))), 0);
  EXPECT_EQ(printed_, "it's '2'\n");
}

TEST_P(Sandbox, a_check_passes_its_status_through_and_notes_nothing) {
  RoleCheck check;
  check.role = {"server"};
  check.text = "#!/bin/sh\nset -eu\necho 'no answer'\nexit 42";
  EXPECT_EQ(run(check_script(check)), 42);
  EXPECT_EQ(printed_, "no answer\n");
  EXPECT_FALSE(fs::exists(folder_ / "run/cierzo"));
  check.text = "#!/bin/bash\na=(1 2); exit ${#a[@]}\n";
  EXPECT_EQ(run(check_script(check)), 2);
}

TEST_P(Sandbox, a_guest_gets_its_address_and_names) {
  const Configure configure{
      {}, "10.77.1.11", "", "web-server-1", "127.0.0.1 localhost\n10.1 a'$b\n", "n1"};
  const GuestNetwork network{16, "10.77.0.1", {"10.77.0.2", "10.77.0.3"}};
  EXPECT_EQ(run(configure_script(configure, network, "52:54:00:AA:BB:01")), 0) << printed_;
  EXPECT_NE(read("addresses").find("inet 10.77.1.11/16 brd 10.77.255.255"), std::string::npos);
  EXPECT_NE(read("routes").find("default via 10.77.0.1 dev eth7"), std::string::npos);
  EXPECT_EQ(read("hostname"), "web-server-1\n");
  EXPECT_EQ(read("etc/hostname"), "web-server-1\n");
  EXPECT_EQ(read("etc/hosts"), "127.0.0.1 localhost\n10.1 a'$b\n");
  EXPECT_EQ(read("etc/resolv.conf"), "nameserver 10.77.0.2\nnameserver 10.77.0.3\n");
  EXPECT_EQ(probe().network_digest, "n1");
  set_boot("boot-2");
  EXPECT_EQ(probe().network_digest, "");
}

TEST_P(Sandbox, a_guest_without_that_interface_says_so) {
  const Configure configure{{}, "10.77.1.11", "", "web-server-1", "", "n1"};
  EXPECT_EQ(run(configure_script(configure, {}, "52:54:00:00:00:99")), 1);
  EXPECT_NE(printed_.find("52:54:00:00:00:99"), std::string::npos) << printed_;
  EXPECT_EQ(probe().network_digest, "");
}

// What the guest agent is given around a script, as it would start it. Its first line of output is
// the token.
class Command : public Sandbox {
 protected:
  int run_command(const std::string& script, const std::string& log, int limit,
                  const std::string& before_all = "") {
    const std::string request = exec_request({"", {}, log, std::chrono::seconds(limit)}, "t-1");
    const std::string before = R"("arg":["-c",")";
    std::string wrapper;  // Unescaped: newlines, quotes and backslashes.
    for (auto at = request.find(before) + before.size(); request[at] != '"'; ++at) {
      if (request[at] == '\\') ++at;
      wrapper += request[at - 1] == '\\' && request[at] == 'n' ? '\n' : request[at];
    }
    write("body", script);
    return run(before_all + "export CIERZO_LOG=" + log +
               " CIERZO_TOKEN=t-1 CIERZO_LIMIT=" + std::to_string(limit) +
               " CIERZO_SCRIPT_0=\"$(cat " + (folder_ / "body").string() + ")\"\n" + wrapper);
  }
  // Once nobody runs it any more; namespaces share the processes of this machine.
  bool ends_soon(const std::string& name) {
    for (int i = 0; i < 50; ++i) {
      const auto found = run_program({"pgrep", "-f", name}, std::chrono::seconds(5));
      if (!found.ok) return true;
      // A poll: what pgrep finds, or the number of turns, ends the loop.
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
};

TEST_P(Command, prints_its_token_and_the_end_of_its_output) {
  EXPECT_EQ(run_command("echo one; echo two >&2; exit 3", "log", 5), 3);
  EXPECT_EQ(printed_, "t-1\none\ntwo\n");
  EXPECT_EQ(read("run/cierzo/log/log"), "one\ntwo\n");
  EXPECT_EQ(run_command("head -c 1000000 /dev/zero | tr '\\\\0' x", "log", 5), 0);
  EXPECT_EQ(printed_.size(), 4 + 8192U) << "a megabyte without a newline";
}

TEST_P(Command, without_a_log_writes_nothing) {
  EXPECT_EQ(run_command("echo one; exit 4", "", 5), 4);
  EXPECT_EQ(printed_, "t-1\none\n");
  EXPECT_FALSE(fs::exists(folder_ / "run/cierzo"));
}

// Also what ignores SIGTERM, and what has left the process group and holds the output open.
TEST_P(Command, that_does_not_end_is_killed_with_all_that_it_started) {
  const std::string name = "4321.5" + std::to_string(getpid());
  EXPECT_EQ(
      run_command("trap '' TERM; echo begun; setsid sleep " + name + " & sleep " + name, "log", 1),
      137);
  EXPECT_EQ(printed_, "t-1\nbegun\n");
  EXPECT_TRUE(ends_soon("sleep " + name));
}

// Their output is in the log; they are the service.
TEST_P(Command, that_ends_leaves_its_daemons_alone) {
  const std::string name = "4322.5" + std::to_string(getpid());
  EXPECT_EQ(run_command("sleep " + name + " & echo done", "log", 5), 0);
  EXPECT_EQ(printed_, "t-1\ndone\n");
  EXPECT_TRUE(run_program({"pkill", "-f", "sleep " + name}, std::chrono::seconds(5)).ok);
}

TEST_P(Command, runs_where_its_log_cannot_be_written_and_says_so) {
  write("run/cierzo", "a file in the way");
  EXPECT_EQ(run_command("echo lost; exit 5", "log", 5), 5);
  EXPECT_NE(printed_.find("/run/cierzo/log/log cannot be written: "), std::string::npos)
      << printed_;
  EXPECT_EQ(printed_.find("lost\n"), std::string::npos);
  fs::remove(folder_ / "run/cierzo");
  const std::string full =
      "mount -t tmpfs -o size=8k full /run; mkdir -p /run/cierzo/log;"
      " head -c 9000 /dev/zero >/run/data 2>/dev/null\n";
  EXPECT_EQ(run_command("echo lost; exit 6", "log", 5, full), 6);
  EXPECT_NE(printed_.find("no output is kept"), std::string::npos) << printed_;
}

INSTANTIATE_TEST_SUITE_P(Shells, Command, testing::Values("dash", "bash --posix", "busybox sh"),
                         shell_name);

TEST(Guest, text_that_is_no_probes_says_nothing) {
  EXPECT_TRUE(read_probe("").boot.empty());
  EXPECT_TRUE(read_probe("start server d1\n").configured.empty()) << "cut short";
  const auto knowledge = read_probe("noise\nstart a d1\nstop b d2\nnetwork n\nboot x\n");
  EXPECT_EQ(knowledge.boot, "x");
  EXPECT_EQ(knowledge.network_digest, "n");
  EXPECT_EQ(knowledge.configured.size(), 1U);
  EXPECT_EQ(knowledge.stopped.size(), 1U);
}

TEST(Guest, what_a_probe_says_of_drains_and_members_is_read) {
  const auto knowledge = read_probe(
      "up 90\nmember head j1 f-node-1 node 10.0.0.11 1\nmember head - f-node-2 node 10.0.0.12 2\n"
      "member head j1 f-node-3 node 10.0.0.13 -3\nmember head f-node-4\ndrain node 30\n"
      "drained head 40\ndrain other soon\nmember head j1 ../up node 10.0.0.11 1\n"
      "start head " +
      std::string(5000, 'a') + "\nboot x\n");
  EXPECT_TRUE(knowledge.configured.empty()) << "no report is refused for what a guest says";
  EXPECT_EQ(knowledge.up, std::chrono::seconds(90));
  ASSERT_EQ(knowledge.joined.size(), 2U) << "the others are none";
  EXPECT_EQ(knowledge.joined[0],
            (Joined{{"head"}, {{"f-node-1"}, {"node"}, "10.0.0.11", 1}, "j1", {}}));
  EXPECT_EQ(knowledge.joined[1].digest, "");
  ASSERT_EQ(knowledge.drained.size(), 2U);
  EXPECT_FALSE(knowledge.drained.at({"node"}).done);
  EXPECT_TRUE(knowledge.drained.at({"head"}).done);
  EXPECT_EQ(knowledge.drained.at({"head"}).asked_at, std::chrono::seconds(40));
}

TEST(Guest, every_script_says_what_it_is_for) {
  using Kind = ScriptPurpose::Kind;
  RunScript run;
  run.role = {"server"};
  run.input.digest = "d1";
  auto purpose = script_purpose(role_script(run));
  EXPECT_EQ(purpose.kind, Kind::start);
  EXPECT_EQ(purpose.role.value, "server");
  EXPECT_EQ(purpose.digest, "d1");
  run.kind = ScriptKind::stop;
  EXPECT_EQ(script_purpose(role_script(run)).kind, Kind::stop);
  run.kind = ScriptKind::drain;
  EXPECT_EQ(script_purpose(role_script(run)).kind, Kind::drain);
  run.member = {{"f-node-2"}, {"node"}, "10.0.0.12", 2};
  run.kind = ScriptKind::join;
  purpose = script_purpose(role_script(run));
  EXPECT_EQ(purpose.kind, Kind::join);
  EXPECT_EQ(purpose.digest, "d1");
  EXPECT_EQ(purpose.member, run.member);
  run.kind = ScriptKind::leave;
  EXPECT_EQ(script_purpose(role_script(run)).kind, Kind::leave);
  EXPECT_EQ(script_purpose(probe_script()).kind, Kind::probe);
  RoleCheck check;
  check.role = {"server"};
  EXPECT_EQ(script_purpose(check_script(check)).kind, Kind::check);
  EXPECT_EQ(script_purpose(check_script(check)).role.value, "server");
  EXPECT_EQ(script_purpose(metrics_script(check)).kind, Kind::metrics);
  Configure configure;
  configure.digest = "n1";
  purpose = script_purpose(configure_script(configure, {}, ""));
  EXPECT_EQ(purpose.kind, Kind::configure);
  EXPECT_EQ(purpose.digest, "n1");
  EXPECT_EQ(script_purpose("echo hello").kind, Kind::other);
}

TEST(Guest, HowBusyItIsStandsInALine) {
  EXPECT_EQ(read_load("jobs=3\nload=7\n"), 7);
  EXPECT_EQ(read_load("load=0"), 0);
  EXPECT_EQ(read_load("load=7\nload=8\nqueue=1"), 8) << "the last one counts";
  for (const char* none : {"", "load", "load=", "load=-1", "load=1.5", "load= 1", "load=many",
                           "load=99999999999", "payload=3", "7"}) {
    EXPECT_EQ(read_load(none), std::nullopt) << none;
  }
  EXPECT_EQ(read_load("load=3\nload=much"), std::nullopt) << "what was said last is not known";
}

}  // namespace
}  // namespace cierzo
