// The configuration file of agentd: one YAML file, every key in one table (config_keys.cpp), which
// reads, checks and documents it (`agentd --help-config`). Unknown keys are refused; all mistakes
// are reported at once.
//
// `hosts:` and `timing:` only seed a site's first start: later the catalog owns them.
// (ARCHITECTURE.md)
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/fence_device.hpp"
#include "agent/log_level.hpp"
#include "election/members.hpp"
#include "manifests/diagnostic.hpp"
#include "resources/ids.hpp"
#include "resources/network.hpp"

namespace cierzo {

struct HostConfig {
  HostId id;
  std::string name;     // Unique; what people call it.
  std::string address;  // endpoint_of() accepts it.
  std::string key;      // Public, Z85.
  bool voter = true;
  std::optional<FenceDevice> fence = {};  // How its power is cut; none: by nobody.
  bool witness = false;                   // A voter that runs no VMs.
};

using LogLevel = log::Level;

struct Config {
  HostId self;
  std::string name;               // Of this host.
  std::string listen;             // endpoint_of() accepts it.
  std::vector<HostConfig> hosts;  // By id, this one among them.
  std::string secret_key_file;
  std::string secret_key;  // Read from it. Never in logs.
  std::string hypervisor;  // libvirt URI
  std::string images;      // Folder
  std::vector<NetworkConfig> networks;
  std::optional<std::uint64_t>
      memory_kib;  // capacity: what instances may use in all; none: what the host has.
  std::optional<int> cpus;
  std::string state;   // Folder
  std::string socket;  // Path of the control socket.
  // Groups whose members may change the site, and those that may only look (api/access.hpp).
  std::vector<std::string> operators, readers;
  bool operators_given = false;  // Else `operators` is the default, which need not exist.
  election::Timing timing;
  double brake_share = 0.5;  // With more of the hosts away nothing is replaced. (rule 19)
  int starts_max = 0;        // VMs of the site that may be starting at once; 0: any number.
  Duration converge{};       // How often the leader looks at everything again, as a safety net.
  std::vector<std::string> types;  // Folders of type folders; of types of one name the last wins.
  std::vector<std::string> types_given;  // Those of them that the file names.
  std::string virtualization;            // auto, kvm or qemu
  // The guard, which pauses this host's VMs when its permit ends (rule 13): the page it shares with
  // the agent, the program that the agent starts where nothing else does (empty: something else
  // does), and whether VMs may run here without it.
  struct {
    std::string page, program;
    bool require = true;
  } guard;
  LogLevel log_level = LogLevel::info;
};

struct ConfigRead {
  std::optional<Config> config;  // Only where there is no error among the diagnostics.
  std::vector<manifests::Diagnostic> diagnostics;
};

// Gives the secret key of a file, or throws with a sentence: read_secret_key().
using SecretReader = std::function<std::string(const std::string& path)>;

// Pure but for the reader. `file_name` is what diagnostics show.
[[nodiscard]] ConfigRead read_config(std::string_view text, const std::string& file_name,
                                     const SecretReader& secret_reader);

// Reads the file; what cannot be read is a diagnostic too.
[[nodiscard]] ConfigRead load_config(const std::string& path);

// Every key with its default, unit and meaning, as `agentd --help-config` prints it.
[[nodiscard]] std::string config_help();

// The folder of the types that come with the program: <prefix>/share/cierzo/types beside an
// installed program, otherwise the source tree's.
[[nodiscard]] std::string builtin_types_folder();

}  // namespace cierzo
