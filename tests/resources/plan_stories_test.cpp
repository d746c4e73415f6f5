// The stories in tests/resources/plans: what plan() does in each situation that has a name. The
// commands are explained in plans/README.md.
#include <gtest/gtest.h>

#include <sstream>

#include "resources/ladder.hpp"
#include "resources/plan.hpp"
#include "tests/resources/toy_site.hpp"
#include "tests/support/transcript.hpp"

namespace cierzo::test {
namespace {

using manifests::Array;
using manifests::Value;

Value word(const std::string& text) { return Value{text, {}}; }

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
  return parts;
}

class Story {
 public:
  std::string run(const Command& command) {
    const std::string& verb = command.verb;
    if (verb == "host") return add_host(command);
    if (verb == "resource") return declare(command);
    if (verb == "delete")
      site_.forget(command.words.at(0));
    else if (verb == "garble")
      garble(command.words.at(0));
    else if (verb == "recover")
      recover();
    else if (verb == "settle")
      site_.recovered.value().settled.insert(ResourceName{command.words.at(0)});
    else if (verb == "plan")
      return print(plan(site_.world()), true);
    else if (verb == "apply")
      return apply();
    else if (verb == "converge")
      return converge();
    else if (verb == "send")
      return send();
    else if (verb == "arrive")
      arrive();
    else if (verb == "status")
      return print_status();
    else if (verb == "set")
      set_host(command);
    else if (verb == "limit")
      set_limits(command);
    else if (verb == "copy")
      set_copy(command);
    else if (verb == "reboot")
      reboot(command);
    else if (verb == "erase")
      site_.erase(command.words.at(0), command.option("on"));
    else if (verb == "break")
      set_broken(command, true);
    else if (verb == "mend")
      set_broken(command, false);
    else if (verb == "reset")
      return reset(command);
    else if (verb == "scale")
      return site_.scale(command.words.at(0), {command.options.begin(), command.options.end()});
    else if (verb == "retype")  // retype RESOURCE start=TEXT | check=TEXT: that script of its type
      site_.retype(command.words.at(0), {command.options.begin(), command.options.end()});
    else if (verb == "forget-counts")  // As an agent that is restarted does.
      site_.forget_counts(command.words.at(0), command.option("on"));
    else if (verb == "says") {  // says INSTANCE ROLE KEY=VALUE ...: its start does, from now on
      site_.says[{{command.words.at(0)}, {command.words.at(1)}}] = {command.options.begin(),
                                                                    command.options.end()};
    } else if (verb == "await")
      site_.images_awaited[command.words.at(0)] =
          site_.now + std::chrono::seconds(std::stoi(command.words.at(1)));
    else if (verb == "pass")
      site_.now += std::chrono::seconds(std::stoi(command.words.at(0)));
    else
      ADD_FAILURE() << "unknown command: " << command.text;
    return {};
  }

 private:
  std::string add_host(const Command& c) {
    HostView& host = site_.add_host(c.words.at(0), std::stoull(c.option("memory", "8192")),
                                    std::stoi(c.option("cpus", "8")));
    if (!c.option("images").empty()) host.images.clear();
    for (const std::string& image : split(c.option("images"))) host.images[image] = "1";
    host.networks = split(c.option("networks"));
    return {};
  }

  // resource shop myshop ROLE=addresses ... [image=NAME] [image.ROLE=NAME] attribute=value ...
  std::string declare(const Command& c) {
    const auto type = c.words.at(0) == "vault"   ? vault_type()
                      : c.words.at(0) == "frail" ? frail_type()
                      : c.words.at(0) == "plain" ? plain_type()
                      : c.words.at(0) == "farm"  ? farm_type()
                      : c.words.at(0) == "bell"  ? bell_type()
                      : c.words.at(0) == "talk"  ? talk_type()
                                                 : shop_type();
    manifests::Declaration declaration{c.words.at(0), c.words.at(1), {}, {}};
    for (const auto& [name, text] : c.options) {
      if (name.starts_with("image")) continue;
      const std::string image = c.option("image." + name, c.option("image", "vm.qcow2"));
      Value value = word(text);
      if (type->role(RoleName{name})) {
        Array all;
        for (const std::string& range : split(text)) {
          all.push_back(Value{Array{word(range), word(image)}, {}});
        }
        value.data = all;
      } else if (name == "pool") {
        Array all;
        for (const std::string& host : split(text)) all.push_back(word(host));
        value.data = all;
      }
      declaration.attributes.push_back({name, value, {}});
    }
    if (c.option("ensure").empty()) {
      declaration.attributes.push_back({"ensure", word("running"), {}});
    }
    const auto no_files = [](const std::string&, std::string& error) {
      error = "no files here";
      return std::optional<std::string>{};
    };
    ResourceRead read = read_resource(declaration, *type, no_files);
    std::string text;
    for (const auto& diagnostic : read.diagnostics) text += to_string(diagnostic) + "\n";
    if (read.resource) {
      site_.unreadable.erase(read.resource->name);
      site_.declare(std::make_shared<const Resource>(std::move(*read.resource)), type);
    }
    return text;
  }

  // Its entry of the catalog is there, but cannot be read; `declare` mends it.
  void garble(const std::string& resource) {
    site_.forget(resource);
    site_.unreadable.insert(ResourceName{resource});
  }

  // What was made until now is of the former site. (rule 22)
  void recover() {
    ++site_.term;
    site_.recovered = Recovered{{site_.term, HostId{1}}, {}};
  }

  std::string print(const Plan& plan, bool with_blocked) {
    std::string text;
    for (const Action& action : plan.actions) {
      text += to_string(action, site_.host_name(action.on)) + "\n";
    }
    for (const Breaker& breaker : plan.opened) {
      text += (breaker.reset ? "reset" : "open") + std::string(" the breaker of ") +
              breaker.role.value + " in " + breaker.instance.value + "\n";
    }
    for (const BreakerKey& key : plan.closed) {
      text += "close the breaker of " + key.second.value + " in " + key.first.value + "\n";
    }
    for (const Said& said : plan.said) {
      text += "keep what " + said.key.second.value + " in " + said.key.first.value + " says:";
      for (const auto& [key, value] : said.outputs) text += " " + key + "=" + value;
      text += "\n";
    }
    for (const RoleKey& key : plan.unsaid) {
      text += "forget what " + key.second.value + " in " + key.first.value + " said\n";
    }
    if (!with_blocked) return text;
    if (!plan.brake.empty()) text += "told: " + plan.brake + "\n";
    for (const Blocked& blocked : plan.blocked) {
      text += (blocked.waiting ? "wait " : "blocked ") + blocked.instance.value + ": " +
              blocked.reason + "\n";
    }
    for (const HostId host : plan.proof_wanted) {
      text += "prove the loss of " + site_.host_name(host) + "\n";
    }
    if (plan.look_again) {
      const auto wait =
          std::chrono::duration_cast<std::chrono::seconds>(*plan.look_again - site_.now);
      text += "look again in " + std::to_string(wait.count()) + "s\n";
    }
    return text.empty() ? "nothing to do\n" : text;
  }

  std::string apply() {
    const Plan made = plan(site_.world());
    for (const Action& action : made.actions) site_.perform(action);
    site_.store(made);
    return print(made, false);
  }

  std::string converge() {
    std::string text;
    for (int round = 1; round <= 50; ++round) {
      const std::string done = apply();
      if (done.empty()) return text.empty() ? "nothing to do\n" : text;
      text += done;
    }
    return text + "does not end\n";
  }

  std::string send() {
    const Plan made = plan(site_.world());
    for (const Action& action : made.actions) {
      site_.in_flight.push_back({action, {{1, HostId{1}}, site_.in_flight.size() + 1}});
    }
    return print(made, false);
  }

  void arrive() {
    for (const InFlight& command : site_.in_flight) site_.perform(command.action);
    site_.in_flight.clear();
  }

  std::string print_status() {
    const World world = site_.world();
    std::string text;
    for (const ResourceStatus& resource : status(world, plan(world))) {
      text += resource.type + " " + resource.name.value + " " + resource.state + "\n";
      for (const InstanceStatus& i : resource.instances) {
        text += "  " + i.name.value + " " + i.state + " " + i.health +
                (i.host ? " on " + site_.host_name(*i.host) : "") +
                (i.load.empty() ? "" : " " + i.load) + (i.reason.empty() ? "" : " # " + i.reason) +
                "\n";
      }
    }
    return text;
  }

  void set_host(const Command& c) {
    HostView& host = site_.host(c.words.at(0));
    const std::map<std::string, HostState> states = {{"alive", HostState::alive},
                                                     {"suspect", HostState::suspect},
                                                     {"lost", HostState::lost},
                                                     {"held", HostState::held}};
    const std::map<std::string, LostProof> proofs = {{"permit", LostProof::permit_ended},
                                                     {"disks", LostProof::disks_released},
                                                     {"proven", LostProof::proven}};
    for (const auto& [name, value] : c.options) {
      if (name == "state")
        host.state = states.at(value);
      else if (name == "proof")
        host.lost_proof = proofs.at(value);
      else if (name == "confirmed")  // by an administrator, which proves everything
        host.confirmed_lost = set_proof(host, value == "yes");
      else if (name == "released")  // so many seconds from now
        host.disks_released_at = site_.now + std::chrono::seconds(std::stoi(value));
      else if (name == "unguarded")  // and silent: proof is due so many seconds from now
        host.proof_due = site_.now + std::chrono::seconds(std::stoi(value));
      else if (name == "inventory")
        host.inventory_known = value == "yes";
      else if (name == "asked")
        host.images_asked = split(value);
      else if (name == "has")
        host.images[value] = "1";
      else if (name == "hypervisor")
        host.hypervisor_answers = value == "yes";
      else if (name == "holds") {
        host.held_instances.clear();
        for (const std::string& one : split(value)) host.held_instances.insert(InstanceName{one});
      } else {
        ADD_FAILURE() << c.text;
      }
    }
  }

  static bool set_proof(HostView& host, bool proven) {
    host.lost_proof = proven ? LostProof::proven : LostProof::permit_ended;
    return proven;
  }

  // limit brake=SHARE starts=N
  void set_limits(const Command& c) {
    site_.brake_share = std::stod(c.option("brake", "0.5"));
    site_.starts_max = std::stoi(c.option("starts", "0"));
  }

  void set_copy(const Command& c) {
    Observed& copy = site_.copy(c.words.at(0), c.option("on"));
    const std::map<std::string, RunState> runs = {{"running", RunState::running},
                                                  {"paused", RunState::paused},
                                                  {"stopping", RunState::stopping},
                                                  {"shut_off", RunState::shut_off},
                                                  {"crashed", RunState::crashed}};
    for (const auto& [name, value] : c.options) {
      if (name == "run") {
        copy.presence = Presence::present;
        copy.run = runs.at(value);
      } else if (name == "gone") {
        copy.presence = Presence::absent;
        copy.guest_answers = false;
      } else if (name == "overlay") {
        copy.overlay = value == "yes";
      } else if (name == "owner") {
        copy.resource.value = value;
      } else if (name == "incarnation") {
        copy.incarnation = {{1, HostId{1}}, std::stoull(value)};
      } else if (name == "answers") {
        copy.guest_answers = value == "yes";
        copy.since = site_.now;
      } else if (name == "unconfigured") {  // So often in vain; the guest may know better.
        copy.configure = {std::stoi(value), site_.now, "exit status 1: no space left"};
      } else if (name.starts_with("load.")) {  // load.ROLE=N
        copy.roles[RoleName{name.substr(5)}].load = std::stoi(value);
      } else if (name == "unknown") {
        copy.presence = Presence::unknown;
      } else if (name != "on") {
        ADD_FAILURE() << c.text;
      }
    }
  }

  // reset RESOURCE [INSTANCE]
  std::string reset(const Command& c) {
    const InstanceName only{c.words.size() > 1 ? c.words.at(1) : ""};
    std::string text;
    for (const Breaker& breaker :
         breakers_to_reset(site_.world(), ResourceName{c.words.at(0)}, only)) {
      site_.breakers[{breaker.instance, breaker.role}] = breaker;
      text += breaker.instance.value + " " + breaker.role.value + "\n";
    }
    return text.empty() ? "nothing to reset\n" : text;
  }

  void reboot(const Command& c) {
    site_.guests_boot_at_once = c.option("boots") != "slowly";
    site_.reboot_guest(site_.copy(c.words.at(0), c.option("on")));
  }

  // break INSTANCE start=HOST | script=ROLE (or join, leave) | check=ROLE | flap=ROLE
  void set_broken(const Command& c, bool broken) {
    for (const auto& [what, where] : c.options) {
      if (what == "flap") {
        set_health(c.words.at(0), where, broken ? Health::flapping : Health::passing);
        continue;
      }
      auto& set = what == "start"    ? site_.broken_starts
                  : what == "script" ? site_.broken_scripts
                                     : site_.sick;
      const std::pair key{c.words.at(0), where};
      if (broken)
        set.insert(key);
      else
        set.erase(key);
      if (what == "check") {
        set_health(key.first, where, broken ? Health::failing : Health::passing);
      }
    }
  }

  void set_health(const std::string& instance, const std::string& role, Health health) {
    for (const Observed& seen : site_.world().observed) {
      if (seen.name.value != instance || seen.presence != Presence::present) continue;
      RoleObserved& state = site_.copy(instance, site_.host_name(seen.host)).roles[RoleName{role}];
      state.health = health;
      state.failures = health == Health::failing ? 3 : 0;
      state.error = health == Health::passing ? "" : "connection refused";
    }
  }

  ToySite site_;
};

class PlanStory : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(PlanStory, IsWhatHappens) {
  Story story;
  run_transcript(GetParam(), [&](const Command& command) { return story.run(command); });
}

INSTANTIATE_TEST_SUITE_P(Plans, PlanStory,
                         ::testing::ValuesIn(transcripts_in("tests/resources/plans")),
                         [](const auto& parameter) { return transcript_name(parameter.param); });

}  // namespace
}  // namespace cierzo::test
