#include "tests/simulation/site/site.hpp"

#include <time.h>

#include <cstdio>
#include <utility>

#include "agent/net/codec_api.hpp"
#include "manifests/parse.hpp"
#include "resources/plan.hpp"
#include "resources/type_folder.hpp"

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration look_every = 100ms;
constexpr Duration converge_every = 30s;
// Before one of the hosts that lost power at once is lost, every leader knows that the others are
// suspect: unless what they said is late.
Duration surely_away_after(const SiteOptions& options) {
  const bool late = options.straggling > 0 || options.duplication > 0;
  return options.timing.permit / 2 + (late ? options.straggle_max : Duration::zero());
}

// The same for all sites, and not quickly read.
// The built-in ones, and those of the system tests.
const std::map<std::string, Type>& known_types() {
  static const TypesRead read =
      load_types({CIERZO_SOURCE_DIR "/resources/types", CIERZO_SOURCE_DIR "/tests/system/types"});
  return read.types;
}

Duration cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

Site::Site(SiteOptions options)
    : random(options.seed),
      options_(std::move(options)),
      checker_(
          options_.hosts + options_.spare,
          [this](HostIndex host) { return hosts_[host]->machine.clock.read(timeline_.now()); }),
      promises_(options_.hosts + options_.spare,
                [this](const std::string& what) { checker_.fail(now(), what); }),
      brake_watch_(options_.hosts + options_.spare, surely_away_after(options_),
                   [this](const std::string& what) { checker_.fail(now(), what); }) {
  for (std::uint32_t id = 1; id <= options_.hosts + options_.spare; ++id) {
    auto host = std::make_unique<Host>();
    host->id = HostId{id};
    host->index = id - 1;
    host->name = "node" + std::to_string(id);
    host->machine.sync = options_.sync;
    if (options_.skewed_clocks) host->machine.clock.ppm = random.chance(0.5) ? 4950 : -4950;
    host->hypervisor = std::make_unique<SimulatedProvider>(
        options_.hypervisor,
        [this, &machine = host->machine] { return machine.vm_time(timeline_.now()); });
    // Bounded on the host's own clock. (rule 14)
    const Duration latest = options_.guard.max > Duration::zero()
                                ? options_.guard.max
                                : options_.timing.at_least(options_.timing.guard_delay);
    host->guard = std::make_unique<SimulatedGuard>(
        timeline_, host->index, host->machine, *host->hypervisor,
        Latency{options_.guard.min, latest}, random, options_.guard_mutations);
    hosts_.push_back(std::move(host));
  }
  for (const auto& host : hosts_) {
    if (host->id.value <= options_.hosts) boot(*host);
  }
}

// Agents go first: they stand on everything else.
Site::~Site() {
  for (const auto& host : hosts_) kill_agent(*host);
}

Config Site::config(const Host& host) const {
  Config made;
  made.self = host.id;
  made.name = host.name;
  // Files are not changed with the site: they name the first machines. Each names its own.
  for (const auto& other : hosts_) {
    if (other->id.value > options_.hosts && other->id != host.id) continue;
    made.hosts.push_back({other->id, other->name, other->name,
                          key(other->id, other->id == host.id ? host.machines : 1),
                          other->id.value <= options_.voters});
    if (options_.fences.contains(other->id)) {
      made.hosts.back().fence = FenceDevice{"fence_toy", {{"plug", other->name}}};
    }
  }
  made.networks = {{"site", "10.0.0.0/8", "br0", "", {}}};
  made.timing = options_.timing;
  made.converge = converge_every;
  made.brake_share = options_.brake_share;
  return made;
}

// Forty characters, as keys have.
std::string Site::key(HostId host, unsigned machine) {
  std::string text = "host-" + std::to_string(host.value) + "-machine-" + std::to_string(machine);
  text.resize(40, 'x');
  return text;
}

std::vector<unsigned> Site::machines_of(const election::Members& members) const {
  std::vector<unsigned> known;
  for (const auto& host : hosts_) {
    unsigned machine = members.is_member(host->id) ? host->machines : 0;
    while (machine > 0 && members.key(host->id) != key(host->id, machine)) --machine;
    known.push_back(machine);
  }
  return known;
}

// ---- Time

void Site::step() {
  const HostIndex host = *timeline_.next(Time::max());
  const Duration began = options_.measure_cpu ? cpu_now() : Duration{};
  timeline_.step();
  if (options_.measure_cpu) hosts_[host]->traffic.cpu += cpu_now() - began;
  look(*hosts_[host]);
}

void Site::look(Host& host) {
  tell(host);
  SiteChecker::Sight sight;
  sight.host = host.index;
  sight.hypervisor = host.hypervisor.get();
  if (host.agent) {
    const election::Node& node = host.agent->node();
    sight.authority_until = node.authority_until();
    sight.site = &node.record().site;
    const Time clock = host.machine.clock.read(now());
    promises_.permit(now(), host.index, now() + (node.deadline() - clock));
    if (node.ready(clock)) promises_.acts(host.index, node.committed());
  }
  checker_.after(now(), sight);
  if (std::exchange(host.changes, host.hypervisor->changes()) != host.hypervisor->changes()) {
    promises_.look(now(), host.index, *host.hypervisor);
  }
}

void Site::tell(Host& host) {
  if (!options_.on_event || !host.agent || host.agent->events().last() == host.told) return;
  for (const api::EventRow& event : host.agent->events().after(host.told).events) {
    options_.on_event(now(), event);
  }
  host.told = host.agent->events().last();
}

void Site::run_for(Duration length) {
  const Time end = now() + length;
  while (timeline_.next(end)) step();
  timeline_.skip_to(end);
}

bool Site::run_until(const std::function<bool()>& condition, Duration limit) {
  const Time end = now() + limit;
  while (!condition()) {
    if (now() >= end) return false;
    run_for(std::min(look_every, end - now()));
  }
  return true;
}

// ---- Network

bool Site::send(Host& from, HostId to, const PeerMessage& message) {
  if (to.value == 0 || to.value > hosts_.size()) return false;
  ++from.traffic.sent;
  if (options_.on_message) options_.on_message(from.id, to, message);
  if (const auto* command = std::get_if<Command>(&message)) {
    brake_watch_.ordered(now(), *command);
    promises_.ordered(*command);
  }
  if (cut_.contains({from.id, to})) return true;
  Duration delay{};
  if (to != from.id) {
    if (options_.loss > 0 && random.chance(options_.loss)) return true;
    if (options_.duplication > 0 && random.chance(options_.duplication)) {
      deliver(from.id, to, message, random.between(options_.network.min, options_.straggle_max));
    }
    const bool straggles = options_.straggling > 0 && random.chance(options_.straggling);
    delay = random.between(options_.network.min,
                           straggles ? options_.straggle_max : options_.network.max);
    if (options_.takes_longer) delay += options_.takes_longer(message);
  }
  deliver(from.id, to, message, delay);
  return true;
}

void Site::deliver(HostId from, HostId to, const PeerMessage& message, Duration delay) {
  Host& receiver = host_of(to);
  timeline_.at(now() + delay, receiver.index,
               [this, &receiver, from, machine = host_of(from).machines,
                message = std::make_shared<PeerMessage>(message)] {
                 if (!receiver.agent) return;
                 // Who sends is who has the key.
                 if (from != receiver.id && receiver.let_in[from.value - 1] != machine) return;
                 const auto process = receiver.process;
                 const auto receive = [this, &receiver, from, message] {
                   ++receiver.traffic.received;
                   const auto* said = std::get_if<election::Message>(message.get());
                   // What another site's leader says is nothing to it. (rule 22)
                   if (said != nullptr && std::holds_alternative<election::Heartbeat>(said->body) &&
                       said->site == receiver.agent->node().record().site) {
                     promises_.heard(receiver.index,
                                     std::get<election::Heartbeat>(said->body).term);
                   }
                   receiver.agent->received(from, std::move(*message));
                 };
                 if (process->frozen) {
                   process->waiting.push_back(receive);
                 } else {
                   receive();
                 }
               });
}

// ---- Requests

Site::Reply Site::request(HostId at, const std::string& method, const std::string& target,
                          const std::string& body) {
  auto reply = std::make_shared<std::optional<api::ApiResponse>>();
  Host& host = host_of(at);
  if (!host.agent) return reply;
  constexpr std::string_view resources = "/v1/resources/";
  if (method == "DELETE" && target.starts_with(resources)) {
    declare(target.substr(resources.size()), {});
  }
  if (target == "/v1/confirm-lost") {
    if (const auto said = api::from_json<api::ConfirmRequest>(body);
        const auto* request = std::get_if<api::ConfirmRequest>(&said))
      note_confirmed(request->hosts);
  }
  if (target == "/v1/site/recover") {
    if (const auto said = api::from_json<api::RecoverRequest>(body);
        const auto* request = std::get_if<api::RecoverRequest>(&said))
      note_confirmed(request->lost);
  }
  timeline_.at(now(), host.index, [&host, reply, request = api::ApiRequest{method, target, body}] {
    if (!host.agent) return;
    host.agent->request(request, [reply](const api::ApiResponse& answer) {
      if (!*reply) *reply = answer;
    });
  });
  return reply;
}

// Whether it is stored or not: it may be.
void Site::note_confirmed(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    for (const auto& host : hosts_) {
      if (host->name == name && !host->up) brake_watch_.confirmed(host->index);
    }
  }
}

// Disks of what is not declared any more may go; what is declared again starts anew.
void Site::declare(const std::string& resource, const std::set<InstanceName>& instances) {
  std::set<InstanceName> gone = std::exchange(declared_[resource], instances);
  for (const InstanceName& name : instances) gone.erase(name);
  promises_.declared(instances);
  promises_.undeclared(gone);
  brake_watch_.undeclared(gone);
}

Site::Reply Site::scale(HostId at, const std::string& resource, const api::ScaleRequest& wanted) {
  std::set<InstanceName> names = declared_[resource];
  for (const auto& [role, number] : wanted.roles) {
    const std::string prefix = resource + "-" + role + "-";
    std::erase_if(names, [&](const InstanceName& name) { return name.value.starts_with(prefix); });
    for (int i = 1; i <= number; ++i) names.insert({prefix + std::to_string(i)});
  }
  for (const InstanceName& name : names) {  // What went before starts once more.
    if (!declared_[resource].contains(name)) checker_.may_be_replaced(name);
  }
  declare(resource, names);
  return request(at, "POST", "/v1/resources/" + resource + "/scale", api::to_json(wanted));
}

Site::Reply Site::apply(HostId at, const std::string& manifest, const std::string& to) {
  const auto parsed = manifests::parse(manifest, "simulated.yaml");
  std::vector<manifests::Diagnostic> mistakes = parsed.diagnostics;
  api::ApplyRequest request;
  for (const manifests::Declaration& declaration : parsed.declarations) {
    const Type& type = known_types().at(declaration.type);
    ResourceRead read =
        read_resource(declaration, type, [](const std::string&, std::string& error) {
          error = "there are no files in the simulation";
          return std::optional<std::string>();
        });
    mistakes.insert(mistakes.end(), read.diagnostics.begin(), read.diagnostics.end());
    if (!read.resource) continue;
    std::set<InstanceName> names;
    const Type& own = read.own_type ? *read.own_type : type;
    for (const Instance& instance : expand(*read.resource, own)) names.insert(instance.name);
    if (to == "/v1/apply") declare(declaration.title, names);
    request.types[own.digest] = own.files;
    request.resources.push_back(std::move(*read.resource));
  }
  for (const auto& mistake : mistakes) {
    if (mistake.severity != manifests::Severity::error) continue;
    checker_.fail(now(), "manifest: " + to_string(mistake));
  }
  return this->request(at, "POST", to, api::to_json(request));
}

// ---- Looking

std::optional<HostId> Site::leader() const {
  for (const auto& host : hosts_) {
    if (host->agent && host->agent->node().ready(host->machine.clock.read(now()))) return host->id;
  }
  return std::nullopt;
}

std::string Site::open_plan() const {
  const auto leads = leader();
  const Leader* leader = leads ? agent(*leads)->leader() : nullptr;
  if (leader == nullptr) return "nobody leads";
  const Plan open = plan(leader->world());
  std::string text;
  for (const Action& action : open.actions) {
    text += to_string(action, hosts_[action.on.value - 1]->name) + "; ";
  }
  for (const Blocked& blocked : open.blocked) {
    text += blocked.instance.value + " waits: " + blocked.reason + "; ";
  }
  return text;
}

std::string Site::difference(const std::set<InstanceName>& running,
                             const std::set<InstanceName>& stopped) const {
  std::map<InstanceName, std::vector<HostIndex>> copies, disks;
  std::string text;
  for (const auto& host : hosts_) {
    if (!host->up) continue;
    for (const auto& [name, domain] : host->hypervisor->domains()) {
      copies[name].push_back(host->index);
      if (!domain.runs) text += name.value + " is paused on " + host->name + "; ";
    }
    for (const auto& [name, number] : host->hypervisor->overlays()) {
      disks[name].push_back(host->index);
    }
  }
  const auto differs = [&](const InstanceName& name, const char* what) {
    text += name.value + ": " + std::to_string(copies[name].size()) + " domains, " +
            std::to_string(disks[name].size()) + " disks, " + what + "; ";
  };
  for (const InstanceName& name : running) {
    if (copies[name].size() != 1 || disks[name] != copies[name]) differs(name, "should run once");
  }
  for (const InstanceName& name : stopped) {
    if (!copies[name].empty()) differs(name, "should be stopped");
  }
  for (const auto& [name, where] : std::map(copies)) {
    if (!running.contains(name) && !stopped.contains(name)) differs(name, "should not exist");
  }
  for (const auto& [name, where] : disks) {
    if (running.contains(name) || stopped.contains(name) || copies.contains(name)) continue;
    text += name.value + ": a disk is left; ";
  }
  return text;
}

}  // namespace cierzo::simulation
