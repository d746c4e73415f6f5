#include "tests/simulation/site/crowd.hpp"

#include <chrono>
#include <cstdio>
#include <functional>
#include <set>
#include <utility>

#include "tests/simulation/site/declared.hpp"

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration converge_limit = 300s;

SiteOptions options_of(const Crowd& crowd) {
  SiteOptions options;
  options.seed = crowd.seed;
  options.hosts = crowd.hosts;
  options.voters = crowd.voters;
  options.trace = crowd.trace;
  return options;
}

class Day {
 public:
  explicit Day(const Crowd& crowd) : crowd_(crowd), site_(options_of(crowd)) {}

  CrowdEnd live() {
    chapter("the site starts, somebody leads", [] {});
    chapter("apply, until all instances serve", [this] { apply(); });
    chapter("a tenth of the hosts lose power", [this] { lose_hosts(crowd_.hosts / 10); });
    chapter("the leader's host loses power",
            [this] { site_.befall(fault::PowerCut{whoever_leads}); });
    chapter("every tenth guest crashes", [this] { crash_guests(); });
    chapter("all hosts are back", [this] { site_.heal(); });
    end_.failures.insert(end_.failures.end(), site_.checker().failures().begin(),
                         site_.checker().failures().end());
    const std::string repeated = site_.checker().started_too_often();
    if (!repeated.empty()) end_.failures.push_back(repeated);
    end_.events = site_.events();
    return std::move(end_);
  }

 private:
  void chapter(const std::string& what, const std::function<void()>& happens) {
    if (!end_.failures.empty()) return;
    const auto wall = std::chrono::steady_clock::now();
    const Time began = site_.now();
    happens();
    site_.run_for(100ms);  // Nothing is known of it yet: the plan is empty for that reason.
    const auto well = [this] {
      return site_.leader() && site_.difference(names_, {}).empty() && site_.open_plan().empty();
    };
    if (!site_.run_until(well, converge_limit)) {
      end_.failures.push_back(what + ": not as declared: " + site_.difference(names_, {}) +
                              "plan: " + site_.open_plan());
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - wall;
    end_.chapters.push_back({what, site_.now() - began, took.count()});
  }

  void apply() {
    for (unsigned number = 1; number <= crowd_.resources; ++number) {
      const Declared resource{number, crowd_.each};
      names_.merge(instances_of(resource));
      const auto reply = site_.apply(HostId{crowd_.hosts}, manifest(resource));
      const bool answered = site_.run_until([&] { return reply->has_value(); }, 5s);
      if (!answered || (**reply).status != 200) {
        end_.failures.push_back("apply: " + (answered ? (**reply).body : std::string("no answer")));
      }
    }
  }

  void lose_hosts(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const unsigned spread = (crowd_.hosts - crowd_.voters) / count;
      site_.befall(fault::PowerCut{HostId{crowd_.voters + 1 + i * spread}});
    }
  }

  void crash_guests() {
    unsigned number = 0;
    for (std::uint32_t id = 1; id <= crowd_.hosts; ++id) {
      if (!site_.is_up(HostId{id})) continue;
      for (const auto& [name, domain] : site_.hypervisor(HostId{id}).domains()) {
        if (number++ % 10 == 0) site_.befall(fault::CrashGuest{name});
      }
    }
  }

  const Crowd crowd_;
  Site site_;
  std::set<InstanceName> names_;
  CrowdEnd end_;
};

}  // namespace

CrowdEnd run(const Crowd& crowd) { return Day(crowd).live(); }

std::string to_string(const CrowdEnd& end) {
  std::string text;
  char line[160];
  for (const Chapter& chapter : end.chapters) {
    std::snprintf(line, sizeof line, "%-40s %8.2f s virtual %8.2f s wall\n", chapter.what.c_str(),
                  std::chrono::duration<double>(chapter.virtual_time).count(),
                  chapter.wall_seconds);
    text += line;
  }
  return text + std::to_string(end.events) + " events\n";
}

}  // namespace cierzo::simulation
