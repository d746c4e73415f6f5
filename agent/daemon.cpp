#include "agent/daemon.hpp"

#include <filesystem>
#include <utility>

#include "agent/agent.hpp"
#include "agent/api/server.hpp"
#include "agent/asio.hpp"
#include "agent/asio_executor.hpp"
#include "agent/clock.hpp"
#include "agent/guard/link.hpp"
#include "agent/log.hpp"
#include "agent/net/transport.hpp"
#include "agent/store/sqlite_store.hpp"
#include "resources/providers/libvirt.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

constexpr Duration goodbye = 50ms;  // For the last messages to leave.
constexpr Duration farewell = 1s;   // For a host that was removed to hear of it.

TransportConfig transport_config(const Config& config) {
  TransportConfig made;
  made.self = config.self;
  made.listen = config.listen;
  made.secret_key = config.secret_key;
  for (const HostConfig& host : config.hosts) {  // Until start(): the agent knows better.
    made.peers.push_back({host.id, host.name, host.address, host.key});
  }
  made.software = software_version;
  return made;
}

LibvirtConfig provider_config(const Config& config) {
  LibvirtConfig made;
  made.uri = config.hypervisor;
  made.images_folder = config.images;
  made.state_folder = config.state;
  made.networks = config.networks;
  made.capacity = {config.memory_kib, config.cpus};
  made.virtualization = config.virtualization;
  return made;
}

std::unique_ptr<Guard> make_guard(const Config& config, const std::string& boot) {
  if (config.guard.require) {
    return std::make_unique<GuardLink>(
        GuardLinkConfig{config.guard.page, boot, config.guard.program});
  }
  log::warning(
      "no guard looks after this host's VMs (guard: {require: false}): when it is cut off they run "
      "on while others replace them");
  return std::make_unique<NoGuard>();
}

}  // namespace

class Daemon::Impl {
 public:
  Impl(asio::io_context& io, const Config& config)
      : io_(io),
        boot_(boot_id()),
        store_(io, config.state, boot_, [this](const std::string& reason) { give_up(reason); }),
        provider_(make_libvirt_provider(provider_config(config))),
        guard_(make_guard(config, boot_)),
        executor_(io),
        agent_(config, boot_, seams()),
        transport_(io, transport_config(config), transport_events()),
        server_(std::make_unique<api::Server>(
            io, config.socket,
            api::find_groups(config.operators, !config.operators_given, config.readers),
            [this](const api::ApiRequest& request, const api::Answer& answer) {
              agent_.request(request, answer);
            })) {
    if (store_.loaded().created) {
      log::info("there was no state in " + config.state + ": this host starts without any");
    }
  }

  void start() { agent_.start(); }
  void stop() { agent_.stop(); }
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  void give_up(const std::string& reason) {
    log::error("the state cannot be written, so nothing more can be promised: " + reason +
               "; stopping");
    exit_code_ = 2;
    io_.stop();
  }

  void left() {
    server_->close();
    executor_.after(goodbye, [this] { io_.stop(); });
  }

  AgentSeams seams() {
    const auto send = [this](HostId to, const PeerMessage& message) {
      return transport_.send(to, message);
    };
    AgentSeams seams{executor_, store_, *provider_, *guard_, send, random_id, [this] { left(); }};
    seams.fence = run_fence;
    seams.members = [this](const election::Members& members) { listen_to(members); };
    return seams;
  }

  // A host that was removed is spoken to for a moment longer; one under another key is not.
  void listen_to(const election::Members& members) {
    std::vector<Peer> peers;
    for (const election::Member& member : members.all())
      peers.push_back({member.id, member.name, member.address, member.key});
    std::vector<Peer> with_removed = peers;
    for (const Peer& peer : peers_)
      if (!members.is_member(peer.id)) with_removed.push_back(peer);
    peers_ = std::move(peers);
    transport_.set_peers(std::move(with_removed));
    executor_.after(farewell, [this] { transport_.set_peers(peers_); });
  }

  Transport::Events transport_events() {
    return {[this](HostId from, PeerMessage message) { agent_.received(from, std::move(message)); },
            [this](HostId peer, bool up) {
              if (!up) agent_.connection_broken(peer);
            },
            [](const std::string& line) { log::info(line); }};
  }

  asio::io_context& io_;
  const std::string boot_;
  SqliteStore store_;
  const std::unique_ptr<Provider> provider_;
  const std::unique_ptr<Guard> guard_;
  AsioExecutor executor_;  // Behind the provider: its pool is idle before that goes.
  Agent agent_;            // Sends nothing before start(), so the transport may come after it.
  Transport transport_;
  std::unique_ptr<api::Server> server_;
  std::vector<Peer> peers_;  // The members, as the agent last named them.
  int exit_code_ = 0;
};

Lacks lacks_here(const Config& config) {
  Lacks lacks;
  try {
    (void)api::find_groups(config.operators, !config.operators_given, config.readers);
  } catch (const std::exception& error) {
    lacks.groups.emplace_back(error.what());
  }
  namespace fs = std::filesystem;
  std::error_code ignored;
  const auto need = [&](const std::string& key, const std::string& path, bool folder) {
    const bool there = folder ? fs::is_directory(path, ignored) : fs::exists(path, ignored);
    if (!there)
      lacks.files.push_back(key + ": there is no " + (folder ? "folder " : "file ") + path);
  };
  need("images", config.images, true);
  if (!config.guard.program.empty()) need("guard.program", config.guard.program, false);
  for (const std::string& folder : config.types_given) need("types", folder, true);
  for (const HostConfig& host : config.hosts) {
    if (!host.fence) continue;
    if (host.fence->agent.starts_with('/')) need("hosts[].fence.agent", host.fence->agent, false);
    for (const char* option : {"passwd_file", "passwd_script"}) {
      const auto file = host.fence->options.find(option);
      if (file != host.fence->options.end()) {
        need("hosts[].fence.options." + std::string(option), file->second, false);
      }
    }
  }
  return lacks;
}

Daemon::Daemon(asio::io_context& io, const Config& config)
    : impl_(std::make_unique<Impl>(io, config)) {}
Daemon::~Daemon() = default;
void Daemon::start() { impl_->start(); }
void Daemon::stop() { impl_->stop(); }
int Daemon::exit_code() const { return impl_->exit_code(); }

}  // namespace cierzo
