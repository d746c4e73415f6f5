// A simulated site: real election Nodes on simulated hosts, disks, clocks and network.
//
// Everything follows from the options and the calls made; nothing reads a clock or a random device.
// True time is nanoseconds since the world began; each host's clock starts at its boot and runs at
// its own rate. Each host runs one VM, so that permits and commands have something to be right or
// wrong about.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "election/commands.hpp"
#include "election/node.hpp"
#include "tests/simulation/checker.hpp"
#include "tests/simulation/random.hpp"

namespace cierzo::simulation {

struct Options {
  std::uint64_t seed = 1;
  std::vector<election::Member> members;
  // Of these, machines that the site's file does not name: each has a file of its own, with itself
  // as one more voter. (rule 23)
  std::set<HostId> spares{};
  election::Timing timing;
  election::Mutations mutations;
  Duration delay_min{200'000};
  Duration delay_max{200'000};
  Duration sync_min{0};  // How long a durable write takes.
  Duration sync_max{0};
  double loss = 0;
  double duplication = 0;
  double straggling = 0;  // Share of messages that take up to straggle_max.
  Duration straggle_max{2'000'000'000};
  bool trace = false;  // Print every step to stderr.
};

// A host command under way: what the leader's shell sends to start the host's VM.
struct VmCommand {
  election::CommandHeader header;
  Time issued{};
};

using Payload = std::variant<election::Message, VmCommand>;

// What a test may do to one message: none for the network's own choice.
struct Fate {
  bool dropped = false;
  std::optional<Duration> delay;
};

class World {
 public:
  explicit World(Options options);
  ~World();

  Time now() const { return now_; }
  void run_for(Duration length);
  // False: it did not become true in time.
  bool run_until(const std::function<bool()>& condition, Duration limit);

  // Hosts and agents. A host is up from the first start_agent or boot.
  void start_agent(HostId host);
  void kill_agent(HostId host);   // Unsynced writes are lost.
  void pause_agent(HostId host);  // Its messages wait.
  void resume_agent(HostId host);
  void power_off(HostId host);               // The VM goes too, and the clock.
  void boot(HostId host);                    // And starts the agent.
  void lose_disk(HostId host);               // Only while the agent is not running.
  void replace_machine(HostId host);         // By another: empty, under another key, switched off.
  void release(HostId host);                 // A clean hand-over of leading.
  void stop_cleanly(HostId host);            // Asks to be held; stands down when that is committed.
  void cancel_stops() { holding_.clear(); }  // Those not committed yet.
  void set_rate(HostId host, std::int64_t ppm);  // Before the first start.

  // Network
  void cut(HostId from, HostId to) { cut_[{from, to}] = true; }
  void mend(HostId from, HostId to) { cut_.erase({from, to}); }
  void cut_both(HostId a, HostId b) {
    cut(a, b);
    cut(b, a);
  }
  void isolate(HostId host);
  void mend_all() { cut_.clear(); }
  void set_loss(double loss) { options_.loss = loss; }
  void set_straggling(double share) { options_.straggling = share; }
  // Looks at every message when it is sent.
  std::function<Fate(HostId from, HostId to, const election::Message& message)> meddle;
  // Puts a message into the network, as if `from` had sent it.
  void inject(HostId from, HostId to, election::Message message, Duration delay);
  std::function<Fate(HostId to, const VmCommand& command)> meddle_command;

  // Writes: value is the number of the write. False: nobody to ask, or the agent is not there.
  std::uint64_t write(HostId at, const std::string& key);
  bool is_acknowledged(std::uint64_t value) const { return acknowledged_writes_.count(value) > 0; }
  // Asks that host to make these the members; as write. (rule 23)
  std::uint64_t change_members(HostId at, std::vector<election::Member> members);

  // Looking
  bool running(HostId host) const;  // The agent.
  bool is_up(HostId host) const;
  bool is_paused(HostId host) const;
  bool has_disk(HostId host) const;  // State on its disk.
  const election::Node& node(HostId host) const;
  Time clock(HostId host) const;
  bool has_authority(HostId host) const;
  bool ready(HostId host) const;
  std::optional<HostId> leader() const;  // Who has authority now.
  bool vm_runs(HostId host) const;
  Time leaderless() const { return leaderless_; }  // Since the first leader, in all.
  const std::vector<election::Member>& members() const { return options_.members; }
  std::string key(HostId host) const;  // Of its machine.
  // The members by any host's disk, each kind once: those that may still be in force somewhere.
  std::vector<election::Members> known_members() const;

  Checker checker;
  // Called for every fact when the host's shell handles it.
  std::function<void(HostId host, const election::Fact& fact)> on_fact;
  Random random;
  std::uint64_t events = 0;

 private:
  struct Host;
  struct Event {
    Time at;
    std::uint64_t order;
    std::size_t slot;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  struct Parcel {
    HostId from;
    HostId to;
    Payload payload;
    std::string key;  // Of the machine that sent it.
  };

  Host& host(HostId id) { return *hosts_[index_.at(id)]; }
  const Host& host(HostId id) const { return *hosts_[index_.at(id)]; }
  Time true_time(const Host& host, Time local) const;
  bool step_once(Time until);
  void deliver(Parcel parcel);
  void post(HostId from, HostId to, Payload payload, Duration delay);
  void transmit(HostId from, HostId to, const Payload& payload);
  void handle(Host& host, election::Output output);
  void flush(Host& host);
  void perform(Host& host, const election::Fact& fact);
  void write_page(Host& host, bool lowering_only);
  void after_step(Host& host);
  void check_authority(Host& host);
  void obey(Host& host, const VmCommand& command);
  void command_vm(Host& leader, HostId to);
  bool believes(const Host& to, const Parcel& parcel) const;
  std::vector<election::Member> members_of_file(HostId host) const;
  void trace(const Host& host, const std::string& what) const;

  Options options_;
  Time now_{};
  std::uint64_t order_ = 0;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::map<HostId, std::size_t> index_;
  std::map<std::pair<HostId, HostId>, bool> cut_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<Parcel> parcels_;
  std::vector<std::size_t> free_slots_;
  std::uint64_t writes_ = 0;
  std::map<std::uint64_t, std::string> keys_;
  std::set<std::uint64_t> member_writes_;
  std::map<std::uint64_t, HostId> holding_;  // Writes of held marks, and for whom.
  std::set<std::uint64_t> acknowledged_writes_;
  std::uint64_t ids_ = 0;
  Time leaderless_{};
  Time last_authority_{};
  bool ever_led_ = false;
};

}  // namespace cierzo::simulation
