#include "tests/scenarios/scenario.hpp"

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "agent/ctl/show.hpp"
#include "agent/net/codec_api.hpp"

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration answer_limit = 35s;  // agentctl waits for 30.
constexpr Duration settle_limit = 120s;
constexpr Duration notice = 1s;  // For what has just happened to be noticed.

Duration length(const std::string& text) {
  std::size_t digits = 0;
  const long long count = std::stoll(text, &digits);
  const std::string unit = text.substr(digits);
  if (unit == "ms") return std::chrono::milliseconds(count);
  if (unit == "s") return std::chrono::seconds(count);
  if (unit == "min") return std::chrono::minutes(count);
  throw std::runtime_error("a time is 20ms, 5s or 3min, not " + text);
}

std::string in_seconds(Duration time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(time).count());
  return text;
}

unsigned number(const test::Command& command, const std::string& name,
                const std::string& otherwise) {
  return static_cast<unsigned>(std::stoul(command.option(name, otherwise)));
}

std::string file(const std::string& name) {
  std::ifstream in(CIERZO_SOURCE_DIR "/tests/scenarios/" + name);
  if (!in) throw std::runtime_error("there is no tests/scenarios/" + name);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Every line of it two columns in, and no empty ones: a transcript ends a block with one.
std::string indented(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) out += "  " + line + "\n";
  }
  return out;
}

// "node2,node3"
std::set<HostId> hosts_of(const std::string& names) {
  std::set<HostId> hosts;
  std::istringstream in(names);
  for (std::string name; std::getline(in, name, ',');) {
    hosts.insert(HostId{static_cast<std::uint32_t>(std::stoul(name.substr(4)))});
  }
  return hosts;
}

// Without faults of its own, and the same every time: what is told must not depend on luck.
SiteOptions options_of(const test::Command& command) {
  SiteOptions options;
  options.hosts = number(command, "hosts", "3");
  options.voters = number(command, "voters", command.option("hosts", "3"));
  if (command.option("timing") == "fast") options.timing = election::fast_timing();
  options.network = {200us, 200us};
  options.sync = {2ms, 2ms};
  options.hypervisor_call = {5ms, 5ms};
  options.skewed_clocks = false;
  options.fences = hosts_of(command.option("fences"));
  options.fences_failing = hosts_of(command.option("failing"));
  if (const Duration way = length(command.option("forwards", "0s")); way > Duration::zero()) {
    options.takes_longer = [way](const PeerMessage& message) {
      return std::holds_alternative<Forward>(message) ? way : Duration::zero();
    };
  }
  options.hypervisor.memory_total_kib = number(command, "memory", "16") * 1024ULL * 1024;
  return options;
}

}  // namespace

std::string Scenario::operator()(const test::Command& command) {
  if (command.verb == "site") return begin(command);
  if (!site_) throw std::runtime_error("the first command is site");
  std::string printed = do_command(command);
  everything_ += printed;
  return printed;
}

std::string Scenario::do_command(const test::Command& command) {
  if (command.verb == "run") {
    site_->run_for(length(command.words.at(0)));
    return taken();
  }
  if (command.verb == "settle") {
    return settle(command.words.empty() ? settle_limit : length(command.words.at(0)));
  }
  if (command.verb == "agentctl") return agentctl(command);
  if (command.verb == "look") return taken() + look();
  if (command.verb == "script") return script(command);
  if (command.verb == "take-name" || command.verb == "free-name") {
    const InstanceName name{command.words.at(1)};
    site_->provider(host(command.words.at(0))).set_name_taken(name, command.verb == "take-name");
    return taken();
  }
  if (command.verb == "ignore-power-button") {
    for (std::uint32_t id = 1; id <= site_->hosts(); ++id) {
      site_->provider(HostId{id}).set_ignores_shutdown({command.words.at(0)}, true);
    }
    return taken();
  }
  if (command.verb == "never-says") return never_says(command.words.at(0));
  return befall(command);
}

// ---- The site, and time

std::string Scenario::begin(const test::Command& command) {
  SiteOptions options = options_of(command);
  options.on_event = [this](Time now, const api::EventRow& event) { told(now, event); };
  site_ = std::make_unique<Site>(std::move(options));
  if (const std::string small = command.option("small"); !small.empty()) {
    site_->provider(host(small)).add_foreign_domain(1ULL << 40, 0);
  }
  if (!site_->run_until([this] { return site_->leader().has_value(); }, 20s)) {
    return "nobody leads\n";
  }
  // What heads of the type `farm` say of themselves.
  for (std::uint32_t id = 1; id <= site_->hosts(); ++id) {
    site_->provider(HostId{id})
        .set_script({}, ScriptPurpose::Kind::start, {"head"}, {0, "url=http://head/\nticket=t"});
  }
  std::istringstream resources(command.option("resources"));
  for (std::string name; std::getline(resources, name, ',');) {
    const std::string answer = answer_of(site_->apply(HostId{1}, file(name + ".yaml")), "apply");
    if (answer.find("created") == answer.npos) return answer;
  }
  const std::string settled = settle(settle_limit);
  site_->run_for(notice);  // For what is told of it.
  log_.clear();
  began_ = site_->now();
  const std::string leads = "node" + std::to_string(site_->leader().value_or(HostId{}).value);
  if (settled.find("settled") == settled.npos) return settled;
  return leads + " leads\n" + (resources.str().empty() ? "" : look());
}

std::string Scenario::settle(Duration limit) {
  const Time began = site_->now();
  site_->run_for(notice);
  const bool well = site_->run_until([this] { return site_->open_plan().empty(); }, limit - notice);
  const std::string took = in_seconds(site_->now() - began);
  return taken() + (well ? "settled after " + took + "\n"
                         : "not settled after " + took + ": " + site_->open_plan() + "\n");
}

// Who leads is told by everybody: once is enough.
void Scenario::told(Time now, const api::EventRow& event) {
  everything_ += event.message + "\n";
  if (event.kind == "leader" && event.subject != event.host) return;
  char prefix[64];
  std::snprintf(prefix, sizeof prefix, "%7.1f s  %-6s ",
                std::chrono::duration<double>(now - began_).count(), event.host.c_str());
  log_ += prefix + event.message + "\n";
}

std::string Scenario::taken() { return std::exchange(log_, ""); }

// ---- What befalls it

HostId Scenario::host(const std::string& name) const {
  if (name == "leader") return whoever_leads;
  if (name.rfind("node", 0) != 0) throw std::runtime_error("not a host: " + name);
  return HostId{static_cast<std::uint32_t>(std::stoul(name.substr(4)))};
}

std::string Scenario::befall(const test::Command& command) {
  const auto word = [&](std::size_t index) { return command.words.at(index); };
  const auto on = [&] { return host(word(0)); };
  const auto instance = [&] { return InstanceName{word(0)}; };
  using Make = std::function<Fault()>;
  const std::map<std::string, Make> faults = {
      {"kill-agent", [&] { return fault::KillAgent{on()}; }},
      {"start-agent", [&] { return fault::StartAgent{on()}; }},
      {"restart-agent",
       [&] {
         return fault::RestartAgent{on(), length(command.option("after", "5ms"))};
       }},
      {"stop-agent", [&] { return fault::StopAgent{on()}; }},
      {"kill-guard", [&] { return fault::KillGuard{on()}; }},
      {"start-guard", [&] { return fault::StartGuard{on()}; }},
      {"cut-power", [&] { return fault::PowerCut{on()}; }},
      {"boot", [&] { return fault::Boot{on()}; }},
      {"lose-disks", [&] { return fault::LoseDisks{on()}; }},
      {"freeze-agent", [&] { return fault::Freeze{on()}; }},
      {"thaw-agent", [&] { return fault::Thaw{on()}; }},
      {"freeze-host", [&] { return fault::FreezeHost{on()}; }},
      {"thaw-host", [&] { return fault::ThawHost{on()}; }},
      {"isolate", [&] { return fault::Isolate{on()}; }},
      {"cut",
       [&] {
         return fault::Cut{on(), host(word(1))};
       }},
      {"switch-off", [&] { return fault::Switch{}; }},
      {"mend-network", [&] { return fault::Mend{}; }},
      {"lose-messages", [&] { return fault::Lose{std::stod(word(0)) / 100}; }},
      {"hang-libvirtd",
       [&] {
         return fault::HangHypervisor{on(), length(command.option("for"))};
       }},
      {"stop-libvirtd", [&] { return fault::StopHypervisor{on()}; }},
      {"start-libvirtd", [&] { return fault::StartHypervisor{on()}; }},
      {"fail-starts",
       [&] {
         return fault::FailStarts{on(), static_cast<int>(number(command, "times", "1"))};
       }},
      {"fill-disk", [&] { return fault::FillDisk{on()}; }},
      {"free-disk", [&] { return fault::FreeDisk{on()}; }},
      {"slow-disk",
       [&] {
         return fault::SlowDisk{on(), length(command.option("write"))};
       }},
      {"crash", [&] { return fault::CrashGuest{instance()}; }},
      {"reboot-guest", [&] { return fault::RebootGuest{instance()}; }},
      {"silence-guest-agent",
       [&] {
         return fault::SilenceGuest{instance(), true};
       }},
      {"free-guest-agent",
       [&] {
         return fault::SilenceGuest{instance(), false};
       }},
  };
  const auto found = faults.find(command.verb);
  if (found == faults.end()) throw std::runtime_error("unknown command: " + command.text);
  site_->befall(found->second());
  return taken();
}

// script fails|works|hangs start|stop|check|drain|join|leave ROLE [in=INSTANCE]
// [says=WORDS_WITH_UNDERSCORES]
std::string Scenario::script(const test::Command& command) {
  using Kind = ScriptPurpose::Kind;
  const std::map<std::string, Kind> kinds = {{"start", Kind::start}, {"stop", Kind::stop},
                                             {"check", Kind::check}, {"drain", Kind::drain},
                                             {"join", Kind::join},   {"leave", Kind::leave}};
  ScriptResult result;
  if (command.words.at(0) == "fails") result.exit_code = 1;
  if (command.words.at(0) == "hangs") result.takes = 24h;
  if (command.words.at(0) != "works" && command.words.at(1) == "check") {
    site_->checker().may_be_replaced({command.option("in")});
  }
  result.output = command.option("says");
  for (char& c : result.output) c = c == '_' ? ' ' : c;
  for (std::uint32_t id = 1; id <= site_->hosts(); ++id) {
    site_->provider(HostId{id})
        .set_script({command.option("in")}, kinds.at(command.words.at(1)), {command.words.at(2)},
                    result);
  }
  return taken();
}

std::string Scenario::look() const {
  std::string text;
  for (std::uint32_t id = 1; id <= site_->hosts(); ++id) {
    std::string line = "  node" + std::to_string(id) + ":";
    if (!site_->is_up(HostId{id})) line += " has no power;";
    auto disks = site_->hypervisor(HostId{id}).overlays();
    for (const auto& [name, copy] : site_->hypervisor(HostId{id}).domains()) {
      line += " " + name.value + (copy.runs ? "" : " (paused)");
      disks.erase(name);
    }
    for (const auto& [name, disk] : disks) line += " disk of " + name.value + ";";
    if (line.back() == ':') line += " nothing";
    if (line.back() == ';') line.pop_back();
    text += line + "\n";
  }
  return text;
}

std::string Scenario::never_says(const std::string& text) const {
  const bool said = everything_.find(text) != everything_.npos;
  return said ? "it was said: " + text + "\n" : "never said\n";
}

// ---- Requests

HostId Scenario::asked(const test::Command& command) const {
  if (const std::string at = command.option("at"); !at.empty()) return host(at);
  for (std::uint32_t id = 1; id <= site_->hosts(); ++id) {
    if (site_->agent(HostId{id}) != nullptr) return HostId{id};
  }
  throw std::runtime_error("no agent runs");
}

std::string Scenario::answer_of(const Site::Reply& reply, const std::string& verb) {
  const bool answered = site_->run_until([&] { return reply->has_value(); }, answer_limit);
  const std::string log = taken();
  if (!answered) return log + "  " + verb + " failed: no answer\n";
  const api::ApiResponse& answer = **reply;
  if (answer.status == 200) return log + indented(in_words(verb, answer.body));
  const auto error = api::from_json<api::ErrorView>(answer.body);
  const auto* view = std::get_if<api::ErrorView>(&error);
  if (view == nullptr) return log + "  " + verb + " failed: " + answer.body + "\n";
  std::string text = verb + " failed: " + view->error + "\n";
  for (const std::string& mistake : view->mistakes) text += mistake + "\n";
  return log + indented(text + view->next + "\n");
}

std::string Scenario::in_words(const std::string& verb, const std::string& body) const {
  if (verb == "status" || verb == "hosts") {
    const auto view = api::from_json<api::StatusView>(body);
    const auto& status = std::get<api::StatusView>(view);
    return verb == "hosts" ? ctl::show_hosts(status, false) : ctl::show_status(status, false);
  }
  if (verb == "plan")
    return ctl::show_plan(std::get<api::PlanView>(api::from_json<api::PlanView>(body)));
  if (verb == "confirm-lost")
    return ctl::show_confirmed(std::get<api::ConfirmView>(api::from_json<api::ConfirmView>(body)));
  if (verb == "recover")
    return ctl::show_recovery(std::get<api::RecoverView>(api::from_json<api::RecoverView>(body)));
  const auto view = api::from_json<api::ApplyAnswer>(body);
  return ctl::show_changes(std::get<api::ApplyAnswer>(view));
}

std::string Scenario::agentctl(const test::Command& command) {
  const HostId at = asked(command);
  const std::string& verb = command.words.at(0);
  const auto name = [&] { return "/v1/resources/" + command.words.at(1); };
  if (verb == "apply") {
    return answer_of(site_->apply(at, file(command.words.at(1))), verb);
  }
  if (verb == "stop" || verb == "start") {
    return answer_of(site_->request(at, "POST", name() + "/" + verb), verb);
  }
  if (verb == "scale") {
    api::ScaleRequest scaled;
    for (const auto& [role, number] : command.options) {
      if (role != "at") scaled.roles[role] = std::stoi(number);
    }
    return answer_of(site_->scale(at, command.words.at(1), scaled), verb);
  }
  if (verb == "reset") {
    const std::string& what = command.words.at(1);
    const std::size_t slash = what.find('/');
    const api::ResetRequest reset{slash == what.npos ? "" : what.substr(slash + 1)};
    const std::string target = "/v1/resources/" + what.substr(0, slash) + "/reset";
    return answer_of(site_->request(at, "POST", target, api::to_json(reset)), verb);
  }
  if (verb == "delete") return answer_of(site_->request(at, "DELETE", name()), verb);
  if (verb == "plan" && command.words.size() > 1) {
    return answer_of(site_->apply(at, file(command.words.at(1)), "/v1/plan"), verb);
  }
  if (verb == "plan") {
    return answer_of(site_->request(at, "POST", "/v1/plan", api::to_json(api::ApplyRequest{})),
                     verb);
  }
  if (verb == "status" || verb == "hosts") {
    return answer_of(site_->request(at, "GET", "/v1/" + verb), verb);
  }
  if (verb == "confirm-lost") {
    const std::vector<std::string> hosts(command.words.begin() + 1, command.words.end());
    const api::ConfirmRequest confirmed{hosts, false};
    return answer_of(site_->request(at, "POST", "/v1/confirm-lost", api::to_json(confirmed)), verb);
  }
  if (verb == "host") return host_change(command);
  if (verb == "recover") {
    api::RecoverRequest request;
    std::istringstream lost(command.option("lost"));
    for (std::string one; std::getline(lost, one, ',');) request.lost.push_back(one);
    return answer_of(site_->request(at, "POST", "/v1/site/recover", api::to_json(request)), verb);
  }
  throw std::runtime_error("unknown command: " + command.text);
}

// agentctl host set|remove HOST [voter=yes|no]
std::string Scenario::host_change(const test::Command& command) {
  api::HostChange change;
  change.action = command.words.at(1);
  change.name = command.words.at(2);
  change.voter = command.option("voter");
  return answer_of(site_->request(asked(command), "POST", "/v1/hosts/change", api::to_json(change)),
                   "host");
}

}  // namespace cierzo::simulation
