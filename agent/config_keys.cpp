#include "agent/config_keys.hpp"

namespace cierzo::config {
namespace {

constexpr const char* default_hypervisor = "qemu:///system";
constexpr const char* default_images = "/var/lib/cierzo/images";
constexpr const char* default_state = "/var/lib/cierzo";
constexpr const char* default_socket = "/run/cierzo/agent.sock";
constexpr const char* default_operators = "cierzo";
constexpr const char* default_guard_page = "/run/cierzo/guard.page";
constexpr const char* default_listen = "*:7400";
constexpr std::uint32_t host_id_most = 65535;
constexpr std::uint32_t cpus_most = 65535;
constexpr std::uint32_t starts_most = 100'000;

FenceDevice& fence_of(Draft& draft) {
  auto& fence = draft.hosts.back().host.fence;
  if (!fence) fence.emplace();
  return *fence;
}

// Keeps what could be read.
template <class Value, class Target>
void keep(std::optional<Value> value, Target& target) {
  if (value) target = std::move(*value);
}

}  // namespace

Draft empty_draft() {
  Draft draft;
  draft.config.listen = default_listen;
  draft.config.hypervisor = default_hypervisor;
  draft.config.images = default_images;
  draft.config.state = default_state;
  draft.config.socket = default_socket;
  draft.config.operators = {default_operators};
  draft.config.virtualization = "auto";
  draft.config.guard.page = default_guard_page;
  draft.config.converge = std::chrono::seconds(30);
  return draft;
}

const std::vector<Key>& keys() {
  static const std::vector<Key> table = {
      {"host.id", "", "number of this host, 1 or more, its own for ever; the lowest leads",
       [](Draft& d, const Field& f) { keep(f.number(1, host_id_most), d.config.self.value); }},
      {"host.name", "", "name of this host, as in hosts[]",
       [](Draft& d, const Field& f) { keep(f.name(), d.config.name); }},
      {"listen", default_listen,
       "address[:port] where other agents reach this one; port 7400 unless given",
       [](Draft& d, const Field& f) { keep(f.text(), d.config.listen); }},
      {"hosts[].id", "",
       "every host of the site, this one included: its number. Seeds the first start only",
       [](Draft& d, const Field& f) {
         keep(f.number(1, host_id_most), d.hosts.back().host.id.value);
       }},
      {"hosts[].name", "", "its name",
       [](Draft& d, const Field& f) { keep(f.name(), d.hosts.back().host.name); }},
      {"hosts[].address", "",
       "address[:port] where its agent listens: 10.77.0.11, [fd00::1]:7400, a host name",
       [](Draft& d, const Field& f) { keep(f.text(), d.hosts.back().host.address); }},
      {"hosts[].key", "", "its public key, quoted: agentctl keygen prints it",
       [](Draft& d, const Field& f) { keep(f.text(), d.hosts.back().host.key); }},
      {"hosts[].voter", "true up to 7 hosts",
       "whether it votes: an odd number should, 3 to 7 of a large site",
       [](Draft& d, const Field& f) { d.hosts.back().voter = f.boolean(); }},
      {"hosts[].fence.agent", "",
       "program that cuts its power when its loss must be proved, of the package fence-agents: "
       "fence_ipmilan",
       [](Draft& d, const Field& f) { keep(f.text(), fence_of(d).agent); }},
      {"hosts[].fence.options", "none",
       "what that program is told, as {ip: 192.0.2.21, username: cierzo}; the password by "
       "passwd_script or passwd_file",
       [](Draft& d, const Field& f) { fence_of(d).options = f.mapping(); }},
      {"hosts[].witness", "false",
       "a voter that runs no VMs, and needs no libvirt: makes a site of two hosts safe",
       [](Draft& d, const Field& f) { keep(f.boolean(), d.hosts.back().host.witness); }},
      {"secret_key_file", "",
       "file with this host's secret key, mode 0600: agentctl keygen makes it",
       [](Draft& d, const Field& f) { keep(f.absolute_path(), d.config.secret_key_file); }},
      {"hypervisor", default_hypervisor, "libvirt URI",
       [](Draft& d, const Field& f) { keep(f.text(), d.config.hypervisor); }},
      {"images", default_images, "folder of the images that manifests name without a path",
       [](Draft& d, const Field& f) { keep(f.absolute_path(), d.config.images); }},
      {"networks[].name", "", "networks that guests are attached to: a name for people",
       [](Draft& d, const Field& f) { keep(f.name(), d.config.networks.back().name); }},
      {"networks[].cidr", "", "the addresses it holds: 10.78.0.0/16",
       [](Draft& d, const Field& f) { keep(f.text(), d.config.networks.back().cidr); }},
      {"networks[].bridge", "", "bridge of this host",
       [](Draft& d, const Field& f) { keep(f.text(), d.config.networks.back().bridge); }},
      {"networks[].gateway", "none", "default gateway of the guests",
       [](Draft& d, const Field& f) { keep(f.text(), d.config.networks.back().gateway); }},
      {"networks[].dns", "none", "name servers of the guests; a list or one",
       [](Draft& d, const Field& f) { d.config.networks.back().dns = f.texts(); }},
      {"capacity.memory", "all of the host's",
       "memory that instances may use in all: KiB, or with a unit: 2 GiB",
       [](Draft& d, const Field& f) { d.config.memory_kib = f.memory_kib(); }},
      {"capacity.cpus", "all of the host's", "CPUs that instances may use in all",
       [](Draft& d, const Field& f) {
         if (const auto cpus = f.number(1, cpus_most)) d.config.cpus = static_cast<int>(*cpus);
       }},
      {"state", default_state, "folder of this host's state; what it promised is in it",
       [](Draft& d, const Field& f) { keep(f.absolute_path(), d.config.state); }},
      {"socket", default_socket, "the control socket, for agentctl",
       [](Draft& d, const Field& f) { keep(f.absolute_path(), d.config.socket); }},
      {"control.operators", "cierzo, where there is such a group",
       "groups whose members may use all of the control socket, as root may; a list or one. With "
       "it "
       "they control every host of the site",
       [](Draft& d, const Field& f) {
         d.config.operators = f.texts();
         d.config.operators_given = true;
       }},
      {"control.readers", "none",
       "groups whose members may see status, events and plans there; a list or one",
       [](Draft& d, const Field& f) { d.config.readers = f.texts(); }},
      {"guard.page", default_guard_page, "file that it shares with its guard: cierzo-guard --page",
       [](Draft& d, const Field& f) { keep(f.absolute_path(), d.config.guard.page); }},
      {"guard.program", "none: systemd starts it",
       "path of cierzo-guard, for the agent to start where nothing else does",
       [](Draft& d, const Field& f) { keep(f.absolute_path(), d.config.guard.program); }},
      {"guard.require", "true",
       "whether VMs run here only under a live guard; false: two copies of a VM may run at once",
       [](Draft& d, const Field& f) { keep(f.boolean(), d.config.guard.require); }},
      {"timing.profile", "default",
       "default, or fast for a quiet network: replaces a lost host's VMs sooner",
       [](Draft& d, const Field& f) {
         d.fast = f.one_of({"default", "fast"}) == "fast";
       }},
      {"timing.heartbeat", "100ms (fast: 20ms)", "pause between two heartbeats of the leader",
       [](Draft& d, const Field& f) { d.heartbeat = f.duration(); }},
      {"timing.lease", "500ms (fast: 100ms)", "how long a vote binds: at least 3 heartbeats",
       [](Draft& d, const Field& f) { d.lease = f.duration(); }},
      {"timing.permit", "2s (fast: 400ms)",
       "how long a host may run VMs without the leader: at least 3 leases",
       [](Draft& d, const Field& f) { d.permit = f.duration(); }},
      {"timing.answer", "25ms (fast: 5ms)", "how long a candidate waits for a better one",
       [](Draft& d, const Field& f) { d.answer = f.duration(); }},
      {"timing.drift", "1%", "bound on how much faster one host's clock may run than another's",
       [](Draft& d, const Field& f) { d.drift = f.share(); }},
      {"timing.guard_delay", "50ms", "bound on how late the guard pauses VMs",
       [](Draft& d, const Field& f) { d.guard_delay = f.duration(); }},
      {"timing.destroy_after", "5s (fast: 2s)",
       "how long after its permit a host kills paused VMs on shared disks",
       [](Draft& d, const Field& f) { d.destroy_after = f.duration(); }},
      {"timing.converge", "30s", "how often the leader looks at everything again, as a safety net",
       [](Draft& d, const Field& f) { keep(f.duration(), d.config.converge); }},
      {"recovery.brake", "50%",
       "with more than this share of the hosts lost or suspect nothing is replaced; the same on "
       "every host",
       [](Draft& d, const Field& f) { keep(f.share(), d.config.brake_share); }},
      {"recovery.starts", "0",
       "how many VMs of the site may be starting or booting at once; 0: any number",
       [](Draft& d, const Field& f) {
         if (const auto most = f.number(0, starts_most)) {
           d.config.starts_max = static_cast<int>(*most);
         }
       }},
      {"types", "none",
       "folders of further types, beside the built-in ones and /etc/cierzo/types; a list or one",
       [](Draft& d, const Field& f) { d.types = f.texts(); }},
      {"virtualization", "auto", "auto, kvm or qemu (emulation): what this host's VMs run on",
       [](Draft& d, const Field& f) {
         keep(f.one_of({"auto", "kvm", "qemu"}), d.config.virtualization);
       }},
      {"log.level", "info", "debug, info, warning or error",
       [](Draft& d, const Field& f) {
         const auto level = f.one_of({"debug", "info", "warning", "error"});
         if (level == "debug") d.config.log_level = LogLevel::debug;
         if (level == "warning") d.config.log_level = LogLevel::warning;
         if (level == "error") d.config.log_level = LogLevel::error;
       }},
  };
  return table;
}

}  // namespace cierzo::config
