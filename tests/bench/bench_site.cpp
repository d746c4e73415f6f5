// What leading a large site costs: messages and CPU of the leader per second, on a simulated site
// whose agents are those of agentd. The CPU is that of everything the leader's agent does
// (election, permits, reports, plan) and of the wire format; sockets and encryption are not in it.
//
//     build/bin/bench_site [--hosts 1000] [--voters 5] [--instances 1000] [--output json]
#include <time.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "agent/log.hpp"
#include "agent/net/codec.hpp"
#include "tests/simulation/site/declared.hpp"
#include "tests/simulation/site/site.hpp"

namespace {

using namespace cierzo;
using namespace cierzo::simulation;
using namespace std::chrono_literals;

constexpr Duration measured = 10s;
constexpr unsigned instances_each = 200;  // Of a resource.

struct Measured {
  double sent = 0, received = 0;  // Messages of the leader per second.
  double bytes_sent = 0, bytes_received = 0;
  double decide_ms = 0, wire_ms = 0;  // CPU of the leader per second.
};

std::chrono::nanoseconds cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

class Bench {
 public:
  Bench(unsigned hosts, unsigned voters, unsigned instances)
      : instances_(instances), site_(options(hosts, voters)) {}

  bool converge() {
    if (!site_.run_until([this] { return site_.leader().has_value(); }, 20s)) return false;
    for (unsigned number = 1; number * instances_each <= instances_; ++number) {
      site_.apply(*site_.leader(), manifest({number, instances_each}));
    }
    site_.run_for(2s);
    return site_.run_until([this] { return site_.open_plan().empty(); }, 5min);
  }

  Measured idle() {
    const HostId leader = *site_.leader();
    const Site::Traffic before = site_.traffic(leader);
    counted_ = leader;
    wire_ = {};
    result_ = {};
    site_.run_for(measured);
    counted_ = HostId{0};
    const Site::Traffic after = site_.traffic(leader);
    const double seconds = std::chrono::duration<double>(measured).count();
    const auto ms = [seconds](Duration time) {
      return std::chrono::duration<double, std::milli>(time).count() / seconds;
    };
    result_.sent = static_cast<double>(after.sent - before.sent) / seconds;
    result_.received = static_cast<double>(after.received - before.received) / seconds;
    result_.bytes_sent /= seconds;
    result_.bytes_received /= seconds;
    result_.wire_ms = ms(wire_);
    result_.decide_ms = ms(after.cpu - before.cpu - aside_);
    return result_;
  }

 private:
  SiteOptions options(unsigned hosts, unsigned voters) {
    SiteOptions made;
    made.hosts = hosts;
    made.voters = voters;
    made.measure_cpu = true;
    made.on_message = [this](HostId from, HostId to, const PeerMessage& message) {
      count(from, to, message);
    };
    return made;
  }

  // Its own time does not count as the leader's, but for what the leader does of it: writing what
  // it sends, reading what it receives.
  void count(HostId from, HostId to, const PeerMessage& message) {
    if (counted_.value == 0 || from == to || (from != counted_ && to != counted_)) return;
    const auto began = cpu_now();
    const std::string bytes = encode(message);
    const auto encoded = cpu_now();
    std::string error;
    const bool good = decode(bytes, error).has_value();
    const auto decoded = cpu_now();
    if (!good) std::abort();
    const bool sends = from == counted_;
    wire_ += sends ? encoded - began : decoded - encoded;
    (sends ? result_.bytes_sent : result_.bytes_received) += static_cast<double>(bytes.size());
    if (sends) aside_ += cpu_now() - began;
  }

  const unsigned instances_;
  HostId counted_{0};
  Measured result_;
  Duration wire_{}, aside_{};
  Site site_;
};

unsigned option(int argc, char** argv, const std::string& name, unsigned otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == name) return static_cast<unsigned>(std::strtoul(argv[i + 1], nullptr, 10));
  }
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--help") {
    std::printf("bench_site [--hosts 1000] [--voters 5] [--instances 1000] [--output json]\n");
    return 0;
  }
  bool json = false;
  for (int i = 1; i + 1 < argc; ++i) {
    json = json || (std::string(argv[i]) == "--output" && std::string(argv[i + 1]) == "json");
  }
  log::start(log::Level::error);
  const unsigned hosts = option(argc, argv, "--hosts", 1000);
  const unsigned voters = option(argc, argv, "--voters", 5);
  const unsigned instances = option(argc, argv, "--instances", 1000);
  Bench bench(hosts, voters, instances);
  if (!bench.converge()) {
    std::fprintf(stderr, "the site did not converge\n");
    return 1;
  }
  const Measured it = bench.idle();
  const char* const format =
      json ? "{\"hosts\": %u, \"voters\": %u, \"instances\": %u, \"sent_per_s\": %.0f, "
             "\"received_per_s\": %.0f, \"sent_kib_per_s\": %.0f, \"received_kib_per_s\": %.0f, "
             "\"cpu_decide_ms_per_s\": %.1f, \"cpu_wire_ms_per_s\": %.1f}\n"
           : "%u hosts, %u voters, %u instances, nothing happens; the leader, per second:\n"
             "  messages  %.0f sent, %.0f received\n"
             "  bytes     %.0f KiB sent, %.0f KiB received\n"
             "  CPU       %.1f ms deciding, %.1f ms for the wire format\n";
  std::printf(format, hosts, voters, instances, it.sent, it.received, it.bytes_sent / 1024,
              it.bytes_received / 1024, it.decide_ms, it.wire_ms);
  return 0;
}
