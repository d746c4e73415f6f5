// The stories of tests/election/stories: simulated sites, told as commands and what the hosts log.
//
//   site voters=3 [others=1] [spares=1] [timing=fast]   all hosts are started; node1, node2, ...;
//                                            spares are machines that the site's file does not name
//   run 5s                                   prints what happens meanwhile, with the time since the
//   start kill|start|power-off|boot|pause|resume|release|lose-disk|hold|isolate|deaf|mute NODE
//   restart NODE after=5ms                   of the agent
//   cut NODE NODE                            one way, from the first to the second
//   mend                                     the whole network
//   write NODE KEY                           asks that host for a write
//   members NODE voters=1,2 [others=3]       asks that host to make these the members
//   replace NODE                             by another machine: empty, under another key, off
//   status                                   what each host knows
#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "tests/simulation/describe.hpp"
#include "tests/simulation/world.hpp"
#include "tests/support/transcript.hpp"

namespace cierzo::simulation {
namespace {

using namespace election;
using namespace std::chrono_literals;

class Story {
 public:
  std::string operator()(const test::Command& command) {
    if (command.verb == "site") return site(command);
    if (!world_) throw std::runtime_error("the first command is site");
    if (command.verb == "run") return run(length(command.words.at(0)));
    if (command.verb == "status") return status();
    if (command.verb == "mend") return world_->mend_all(), taken();
    if (command.verb == "cut") return world_->cut(node(command, 0), node(command, 1)), taken();
    if (command.verb == "write") return write(command);
    if (command.verb == "restart") return restart(command);
    if (command.verb == "members") return members(command);
    act(command.verb, node(command, 0));
    return taken();
  }

  const Checker& checker() const { return world_->checker; }

 private:
  std::string site(const test::Command& command) {
    Options options;
    options.timing = command.option("timing") == "fast" ? fast_timing() : default_timing();
    const auto voters = static_cast<std::uint32_t>(std::stoul(command.option("voters", "3")));
    const auto others = static_cast<std::uint32_t>(std::stoul(command.option("others", "0")));
    const auto spares = static_cast<std::uint32_t>(std::stoul(command.option("spares", "0")));
    for (std::uint32_t id = 1; id <= voters + others + spares; ++id) {
      options.members.push_back({HostId{id}, "node" + std::to_string(id), id <= voters});
      if (id > voters + others) options.spares.insert(HostId{id});
    }
    world_ = std::make_unique<World>(options);
    world_->on_fact = [this](HostId host, const Fact& fact) { log(host, fact); };
    if (command.option("start", "all") == "all")
      for (const Member& member : options.members) world_->start_agent(member.id);
    return taken();
  }

  void log(HostId host, const Fact& fact) {
    if (std::holds_alternative<HostHeard>(fact) || std::holds_alternative<AuthorityBegan>(fact))
      return;
    if (const auto* changed = std::get_if<LeaderChanged>(&fact))
      if (changed->leader && changed->leader->owner == host) return;
    const std::string line = describe(fact, Members(world_->members()));
    if (line.empty()) return;
    char prefix[48];
    std::snprintf(prefix, sizeof prefix, "%8.3fs node%u  ",
                  static_cast<double>(world_->now().count()) / 1e9, host.value);
    log_ += prefix + line + "\n";
  }

  std::string taken() { return std::exchange(log_, ""); }

  std::string run(Duration time) {
    world_->run_for(time);
    return taken();
  }

  std::string status() {
    std::string text = taken();
    for (const Member& member : world_->members()) {
      text += member.name + ": ";
      if (!world_->running(member.id)) {
        text += "not running\n";
        continue;
      }
      const Node& node = world_->node(member.id);
      const auto leader = node.leader();
      text += node.role() == Role::stateless     ? "no state"
              : world_->has_authority(member.id) ? "leads"
              : leader ? "follows node" + std::to_string(leader->owner.value)
                       : "no leader: " +
                             to_string(node.shortage(world_->clock(member.id)), node.members());
      text +=
          node.permit_valid(world_->clock(member.id)) ? ", has a permit\n" : ", has no permit\n";
    }
    return text;
  }

  std::string write(const test::Command& command) {
    const std::uint64_t value = world_->write(node(command, 0), command.words.at(1));
    return "write " + std::to_string(value) + " sets " + command.words.at(1) + "\n" + taken();
  }

  std::string members(const test::Command& command) {
    std::vector<Member> members;
    const auto add = [&](const std::string& ids, bool votes) {
      std::istringstream in(ids);
      for (std::string id; std::getline(in, id, ',');) {
        const HostId host{static_cast<std::uint32_t>(std::stoul(id))};
        members.push_back({host, "node" + id, votes, false, "", world_->key(host)});
      }
    };
    add(command.option("voters", ""), true);
    add(command.option("others", ""), false);
    world_->change_members(node(command, 0), std::move(members));
    return taken();
  }

  std::string restart(const test::Command& command) {
    const HostId host = node(command, 0);
    world_->kill_agent(host);
    world_->run_for(length(command.option("after", "5ms")));
    world_->start_agent(host);
    return taken();
  }

  void act(const std::string& verb, HostId host) {
    if (verb == "kill") return world_->kill_agent(host);
    if (verb == "start") return world_->start_agent(host);
    if (verb == "power-off") return world_->power_off(host);
    if (verb == "boot") return world_->boot(host);
    if (verb == "pause") return world_->pause_agent(host);
    if (verb == "resume") return world_->resume_agent(host);
    if (verb == "release") return world_->release(host);
    if (verb == "lose-disk") return world_->lose_disk(host);
    if (verb == "replace") return world_->replace_machine(host);
    if (verb == "hold") return world_->stop_cleanly(host);
    if (verb == "isolate") return world_->isolate(host);
    for (const Member& other : world_->members()) {
      if (other.id == host) continue;
      if (verb == "deaf")
        world_->cut(other.id, host);
      else if (verb == "mute")
        world_->cut(host, other.id);
      else
        throw std::runtime_error("unknown command: " + verb);
    }
  }

  static HostId node(const test::Command& command, std::size_t index) {
    const std::string& name = command.words.at(index);
    if (name.rfind("node", 0) != 0) throw std::runtime_error("not a host: " + name);
    return HostId{static_cast<std::uint32_t>(std::stoul(name.substr(4)))};
  }

  static Duration length(const std::string& text) {
    std::size_t digits = 0;
    const auto count = std::stoll(text, &digits);
    const std::string unit = text.substr(digits);
    if (unit == "ms") return std::chrono::milliseconds(count);
    if (unit == "s") return std::chrono::seconds(count);
    throw std::runtime_error("a time is 20ms or 5s, not " + text);
  }

  std::unique_ptr<World> world_;
  std::string log_;
};

class Stories : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Stories, ReadAsWritten) {
  Story story;
  test::run_transcript(GetParam(), [&](const test::Command& command) { return story(command); });
  EXPECT_EQ(story.checker().failures(), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(Election, Stories,
                         testing::ValuesIn(test::transcripts_in("tests/election/stories")),
                         [](const auto& file) { return test::transcript_name(file.param); });

}  // namespace
}  // namespace cierzo::simulation
