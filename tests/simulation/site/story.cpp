#include "tests/simulation/site/story.hpp"

#include <map>
#include <set>
#include <utility>

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration lead_limit = 20s;      // For a site that starts.
constexpr Duration converge_limit = 90s;  // Back-off after failed starts included.
constexpr Duration window = 12s;  // In which the leader is hit: what it does takes about that.

constexpr const char* before_growing = R"(
web:
  shop:
    ensure: running
    balancer: {ip: 10.1.0.10, image: mini.qcow2}
    server: {ips: 10.1.0.11-10.1.0.12, image: mini.qcow2}
    database: {ip: 10.1.0.20, image: mini.qcow2}
torque:
  batch:
    ensure: running
    head: {ip: 10.2.0.10, image: mini.qcow2}
    compute: {ips: 10.2.0.11-10.2.0.12, image: mini.qcow2}
)";

constexpr const char* after_growing = R"(
web:
  shop:
    ensure: running
    balancer: {ip: 10.1.0.10, image: mini.qcow2}
    server: {ips: 10.1.0.11-10.1.0.14, image: mini.qcow2}
    database: {ip: 10.1.0.20, image: mini.qcow2}
)";

std::set<InstanceName> shop(int servers) {
  std::set<InstanceName> names{{"shop-balancer-1"}, {"shop-database-1"}};
  for (int i = 1; i <= servers; ++i) names.insert({"shop-server-" + std::to_string(i)});
  return names;
}

std::set<InstanceName> batch() {
  return {{"batch-head-1"}, {"batch-compute-1"}, {"batch-compute-2"}};
}

class Teller {
 public:
  explicit Teller(const Story& story) : story_(story), site_(story.site) {}

  StoryEnd tell() {
    begin();
    if (good()) do_it();
    if (good()) heal_and_look();
    end_.failures.insert(end_.failures.end(), site_.checker().failures().begin(),
                         site_.checker().failures().end());
    end_.events = site_.events();
    return std::move(end_);
  }

 private:
  [[nodiscard]] bool good() const { return end_.failures.empty(); }
  void fail(const std::string& what) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(site_.now()).count();
    end_.failures.push_back(std::to_string(ms) + " ms: " + what);
  }

  // Asks until it is said to be stored: whoever asks a site whose leader was just hit asks again.
  void ask(const std::string& method, const std::string& target, const std::string& manifest) {
    const Time give_up = site_.now() + converge_limit;
    while (site_.now() < give_up) {
      const auto leads = site_.leader();
      const HostId at = leads && site_.random.chance(0.5) ? *leads : someone();
      const auto reply =
          manifest.empty() ? site_.request(at, method, target) : site_.apply(at, manifest);
      const bool answered = site_.run_until([&] { return reply->has_value(); }, 3s);
      if (answered && (**reply).status == 200) return;
      if (answered && (**reply).status < 500) return fail("refused: " + (**reply).body);
      site_.run_for(200ms);
    }
    fail("nobody accepts " + method + " " + target);
  }
  void apply(const char* manifest) { ask("POST", "/v1/apply", manifest); }

  HostId someone() {
    return HostId{static_cast<std::uint32_t>(1 + site_.random.below(site_.hosts()))};
  }

  [[nodiscard]] bool as_declared() const {
    return site_.difference(running_, stopped_).empty() && site_.open_plan().empty();
  }

  void begin() {
    if (!site_.run_until([&] { return site_.leader().has_value(); }, lead_limit)) {
      return fail("nobody leads");
    }
    if (story_.doing == Doing::starting) return;
    apply(before_growing);
    running_ = shop(2);
    running_.merge(batch());
    if (!site_.run_until([&] { return as_declared(); }, converge_limit)) not_as_declared();
  }

  void do_it() {
    for (const PlannedFault& fault : story_.faults) site_.plan_fault(fault);
    switch (story_.doing) {
      case Doing::starting:
        apply(before_growing);
        running_ = shop(2);
        running_.merge(batch());
        break;
      case Doing::stopping:
        ask("POST", "/v1/resources/shop/stop", "");
        running_ = batch();
        stopped_ = shop(2);
        break;
      case Doing::removing:
        ask("DELETE", "/v1/resources/shop", "");
        running_ = batch();
        break;
      case Doing::growing:
        apply(after_growing);
        running_.merge(shop(4));
        break;
      case Doing::replacing:  // A fault of the story cuts the power of a host.
      case Doing::mending:    // A fault of the story crashes a guest.
      case Doing::count:
        break;
    }
    site_.run_for(window + 8s);
  }

  void heal_and_look() {
    site_.heal();
    const Time healed = site_.now();
    if (!site_.run_until([&] { return as_declared(); }, converge_limit)) return not_as_declared();
    end_.healed_after = site_.now() - healed;
    site_.run_for(3s);  // And so it stays.
    if (!as_declared()) return not_as_declared();
    const std::string repeated = site_.checker().started_too_often();
    if (!repeated.empty()) fail(repeated);
  }

  void not_as_declared() {
    fail("not as declared: " + site_.difference(running_, stopped_) + "plan: " + site_.open_plan());
  }

  const Story& story_;
  Site site_;
  std::set<InstanceName> running_, stopped_;
  StoryEnd end_;
};

// What hits the leader, and what lets it come back.
void add_hit(Random& random, Duration at, std::vector<PlannedFault>& faults, HostId victim) {
  const Duration later = at + random.between(50ms, 4s);
  switch (random.below(5)) {
    case 0:
    case 1:
      faults.push_back({at, fault::KillAgent{victim}});
      break;
    case 2:
      faults.push_back({at, fault::PowerCut{victim}});
      break;
    case 3:
      faults.push_back({at, fault::Freeze{victim}});
      break;
    case 4:
      faults.push_back({at, fault::Isolate{victim}});
      faults.push_back({later, fault::Mend{}});
      break;
  }
}

}  // namespace

std::string to_string(Doing doing) {
  switch (doing) {
    case Doing::starting:
      return "starting";
    case Doing::stopping:
      return "stopping";
    case Doing::removing:
      return "removing";
    case Doing::growing:
      return "growing";
    case Doing::replacing:
      return "replacing";
    case Doing::mending:
      return "mending";
    case Doing::count:
      break;
  }
  return "?";
}

Story story_of(std::uint64_t seed) {
  Random random(seed * 2 + 1);
  Story story;
  story.seed = seed;
  story.site.seed = seed;
  story.site.hosts = static_cast<unsigned>(3 + random.below(3));
  story.site.voters = 3;
  if (random.chance(0.3)) story.site.timing = election::fast_timing();
  story.site.hypervisor.boot = random.between(500ms, 4s);
  story.site.hypervisor_call.max = random.between(2ms, 300ms);
  story.site.sync.max = random.between(1ms, 40ms);
  if (random.chance(0.3)) story.site.loss = 0.02;
  if (random.chance(0.3)) story.site.duplication = 0.05;
  if (random.chance(0.3)) story.site.straggling = 0.02;
  story.doing = static_cast<Doing>(random.below(static_cast<std::uint64_t>(Doing::count)));
  const auto any_host = [&] {
    return HostId{static_cast<std::uint32_t>(1 + random.below(story.site.hosts))};
  };
  if (story.doing == Doing::replacing) story.faults.push_back({0ms, fault::PowerCut{any_host()}});
  if (story.doing == Doing::mending) {
    story.faults.push_back({0ms, fault::CrashGuest{{"shop-database-1"}}});
  }
  const std::uint64_t hits = 1 + random.below(2);
  for (std::uint64_t i = 0; i < hits; ++i) {
    add_hit(random, random.between(0ms, window), story.faults, whoever_leads);
  }
  if (random.chance(0.5)) {
    add_hit(random, random.between(0ms, window), story.faults, any_host());
  }
  for (Duration at = 1s; at < window; at += random.between(500ms, 5s)) {
    const HostId host = any_host();
    story.faults.push_back({at, fault::StartAgent{host}});
    story.faults.push_back({at, fault::Thaw{host}});
    if (random.chance(0.3)) story.faults.push_back({at, fault::Boot{host}});
  }
  return story;
}

std::string to_string(const Story& story) {
  std::string text = "seed " + std::to_string(story.seed) + ": " +
                     std::to_string(story.site.hosts) + " hosts, " + to_string(story.doing);
  for (const PlannedFault& planned : story.faults) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(planned.after).count();
    text += "\n  " + std::to_string(ms) + " ms  " + to_string(planned.fault);
  }
  return text;
}

StoryEnd run(const Story& story) { return Teller(story).tell(); }

}  // namespace cierzo::simulation
