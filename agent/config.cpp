#include "agent/config.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "agent/config_keys.hpp"
#include "agent/net/address.hpp"
#include "agent/net/keys.hpp"
#include "resources/address.hpp"

namespace cierzo {
namespace {

using config::Draft;
using config::DraftHost;
using config::Field;
using config::Key;
using manifests::Diagnostic;
using manifests::Position;
using manifests::YamlNode;

constexpr std::size_t voters_by_default_most = 7;
constexpr std::size_t socket_path_most = 107;  // sun_path, less its NUL.
constexpr const char* site_types = "/etc/cierzo/types";

// ---- From the tree to a draft, by the table

// The keys of a section, "" for the top: "hosts[]." has id, name, address, ...; names once, in the
// table's order.
std::vector<std::string> names_in(const std::string& prefix) {
  std::vector<std::string> names;
  for (const Key& key : config::keys()) {
    if (!key.path.starts_with(prefix)) continue;
    std::string_view rest = key.path.substr(prefix.size());
    rest = rest.substr(0, rest.find_first_of(".["));
    if (names.empty() || names.back() != rest) names.emplace_back(rest);
  }
  return names;
}

const Key* find_key(const std::string& path) {
  for (const Key& key : config::keys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

class Walk {
 public:
  Walk(Draft& draft, std::vector<Diagnostic>& mistakes) : draft_(draft), mistakes_(mistakes) {}

  // `table` is the section as the table writes it, `shown` as a message does: "hosts[]." and
  // "hosts[1].".
  void section(const YamlNode& node, const std::string& table, const std::string& shown) {
    if (node.kind != YamlNode::Kind::mapping) {
      const std::string what = shown.empty() ? "configuration" : shown.substr(0, shown.size() - 1);
      mistakes_.push_back(manifests::mistake(node.at, what, "must be a mapping of keys to values"));
      return;
    }
    for (const manifests::YamlEntry& entry : node.entries) {
      const std::string path = shown + entry.key;
      draft_.at[path] = entry.at;
      // "networks[].bridge" is how the table writes a key of an entry, and no key of a file: there
      // may be no entry to write it to.
      if (entry.key.find_first_of(".[") != std::string::npos) {
        mistakes_.push_back(
            manifests::unknown_name(entry.at, path, entry.key, names_in(table), "unknown key"));
        continue;
      }
      if (const Key* key = find_key(table + entry.key)) {
        key->read(draft_, Field(path, entry.value, mistakes_));
      } else if (!names_in(table + entry.key + ".").empty()) {
        section(entry.value, table + entry.key + ".", path + ".");
      } else if (!names_in(table + entry.key + "[].").empty()) {
        list(entry.value, table + entry.key + "[].", path);
      } else {
        mistakes_.push_back(
            manifests::unknown_name(entry.at, path, entry.key, names_in(table), "unknown key"));
      }
    }
    for (const Key& key : config::keys()) {
      if (!key.fallback.empty() || !key.path.starts_with(table)) continue;
      const std::string name(key.path.substr(table.size()));
      if (name.find_first_of(".[") == std::string::npos && node.find(name) == nullptr) {
        mistakes_.push_back(
            manifests::mistake(node.at, shown + name, "required: " + std::string(key.meaning)));
      }
    }
  }

 private:
  void list(const YamlNode& node, const std::string& table, const std::string& shown) {
    if (node.kind != YamlNode::Kind::sequence) {
      mistakes_.push_back(manifests::mistake(node.at, shown, "must be a list"));
      return;
    }
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      if (table == "hosts[].") draft_.hosts.emplace_back();
      if (table == "networks[].") draft_.config.networks.emplace_back();
      const std::string item = shown + "[" + std::to_string(i) + "]";
      draft_.at[item] = node.children[i].at;
      section(node.children[i], table, item + ".");
    }
  }

  Draft& draft_;
  std::vector<Diagnostic>& mistakes_;
};

// ---- What only shows when values are put side by side

class Checks {
 public:
  Checks(Draft& draft, std::string file, std::vector<Diagnostic>& mistakes)
      : draft_(draft), file_(std::move(file)), mistakes_(mistakes) {}

  void all(const SecretReader& secret_reader) {
    if (!draft_.at.contains("host")) refuse("host", "required: host: {id: 1, name: node1}");
    if (draft_.hosts.empty())
      refuse("hosts", "required: every host of the site, this one included");
    for (std::size_t i = 0; i < draft_.hosts.size(); ++i) host(i);
    voters();
    address("listen", draft_.config.listen, true);
    secret(secret_reader);
    this_host();
    for (std::size_t i = 0; i < draft_.config.networks.size(); ++i) network(i);
    timing();
    if (draft_.config.socket.size() > socket_path_most) {
      refuse("socket", "must have at most " + std::to_string(socket_path_most) + " characters");
    }
  }

 private:
  // The narrowest part of the file that the path names.
  [[nodiscard]] Position position(std::string path) const {
    while (true) {
      if (const auto found = draft_.at.find(path); found != draft_.at.end()) return found->second;
      const std::size_t cut = path.find_last_of(".[");
      if (cut == std::string::npos) return {file_, 0, 0};
      path.erase(cut);
    }
  }
  void refuse(const std::string& path, const std::string& why) {
    mistakes_.push_back(manifests::mistake(position(path), path, why));
  }
  [[nodiscard]] bool given(const std::string& path) const { return draft_.at.contains(path); }

  void address(const std::string& path, const std::string& text, bool listening) {
    const auto endpoint = endpoint_of(text);
    const bool usable =
        endpoint && (listening || (host_of(*endpoint) != "*" && !endpoint->ends_with(":0")));
    if (!usable)
      refuse(path, "must be address[:port], as 10.77.0.11 or [fd00::1]:7400, got '" + text + "'");
  }

  // Nothing of one host may be another's.
  void host(std::size_t i) {
    const std::string path = "hosts[" + std::to_string(i) + "].";
    const HostConfig& host = draft_.hosts[i].host;
    if (!host.address.empty()) address(path + "address", host.address, false);
    if (const auto mistake = key_mistake(host.key); mistake && !host.key.empty())
      refuse(path + "key", *mistake);
    if (host.fence) fence(path + "fence.options", *host.fence);
    for (std::size_t j = 0; j < i; ++j) {
      const HostConfig& other = draft_.hosts[j].host;
      const std::string whose = " is that of hosts[" + std::to_string(j) + "], too";
      if (host.id.value != 0 && host.id == other.id)
        refuse(path + "id", std::to_string(host.id.value) + whose);
      if (!host.name.empty() && host.name == other.name) refuse(path + "name", host.name + whose);
      if (!host.key.empty() && host.key == other.key) refuse(path + "key", "this key" + whose);
      const auto endpoint = endpoint_of(host.address);
      if (endpoint && endpoint == endpoint_of(other.address))
        refuse(path + "address", *endpoint + whose);
    }
  }

  // The configuration may be read by others, and is copied from host to host.
  void fence(const std::string& path, const FenceDevice& device) {
    for (const auto& [option, value] : device.options) {
      if (is_fence_secret(option)) {
        refuse(path, option + ": no secrets here: put it into a file for root alone, and name " +
                         "that by passwd_file or passwd_script");
      }
      // Each is a line of the program's input.
      const bool one_line = (option + value).find_first_of("\n\r") == std::string::npos;
      if (option == "action" || !one_line) refuse(path, option + ": cannot be given here");
    }
    if (const auto file = device.options.find(fence_password_file);
        file != device.options.end() && !file->second.starts_with('/')) {
      refuse(path, std::string(fence_password_file) + ": must be an absolute path");
    }
  }

  void voters() {
    const bool small = draft_.hosts.size() <= voters_by_default_most;
    std::size_t count = 0;
    for (DraftHost& host : draft_.hosts) {
      host.host.voter = host.voter.value_or(small || host.host.witness);
      if (host.host.witness && !host.host.voter) {
        refuse("hosts", host.host.name + " is a witness that does not vote: of no use");
      }
      if (host.host.voter) ++count;
    }
    if (count == 0 && !draft_.hosts.empty()) {
      refuse("hosts", small
                          ? "no host is a voter: an odd number must be"
                          : "with more than 7 hosts say which 3, 5 or 7 of them vote: voter: true");
    } else if (count % 2 == 0 && count > 0) {
      mistakes_.push_back(
          manifests::warning(position("hosts"), "hosts",
                             std::to_string(count) + " voters survive no more failures than " +
                                 std::to_string(count - 1) + " would: make the number odd"));
    } else if (count > voters_by_default_most) {
      mistakes_.push_back(manifests::warning(
          position("hosts"), "hosts",
          std::to_string(count) + " voters make every write slow: 7 are enough"));
    }
  }

  void secret(const SecretReader& secret_reader) {
    if (draft_.config.secret_key_file.empty()) return;
    try {
      draft_.config.secret_key = secret_reader(draft_.config.secret_key_file);
    } catch (const std::exception& error) {
      refuse("secret_key_file", error.what());
    }
  }

  void this_host() {
    const HostId self = draft_.config.self;
    if (self.value == 0) return;  // Said already.
    const auto own = std::find_if(draft_.hosts.begin(), draft_.hosts.end(),
                                  [self](const DraftHost& host) { return host.host.id == self; });
    if (own == draft_.hosts.end()) {
      return refuse("host.id",
                    std::to_string(self.value) + " is not in hosts[]: it lists this host, too");
    }
    const HostConfig& host = own->host;
    if (!draft_.config.name.empty() && !host.name.empty() && host.name != draft_.config.name) {
      refuse("host.name", "is " + draft_.config.name + ", but hosts[] calls host " +
                              std::to_string(self.value) + " " + host.name);
    }
    if (draft_.config.secret_key.empty() || key_mistake(host.key)) return;
    if (const std::string public_key = public_key_of(draft_.config.secret_key);
        public_key != host.key) {
      const std::string index = std::to_string(own - draft_.hosts.begin());
      refuse(
          "hosts[" + index + "].key",
          "is not the public key of " + draft_.config.secret_key_file + ", which is " + public_key);
    }
  }

  void network(std::size_t i) {
    const NetworkConfig& network = draft_.config.networks[i];
    const std::string path = "networks[" + std::to_string(i) + "].";
    const auto cidr = read_cidr(network.cidr);
    if (!cidr && !network.cidr.empty()) {
      refuse(path + "cidr", "must be a network, as 10.78.0.0/16, got '" + network.cidr + "'");
    }
    const std::string base = cidr ? print_ipv4(cidr->address) : std::string();
    if (cidr && network.cidr.substr(0, network.cidr.find('/')) != base) {
      refuse(path + "cidr", "is an address in the network " + base + "/" +
                                std::to_string(cidr->prefix) + ": write the network");
    }
    if (cidr && !network.gateway.empty() && !in_network(network.gateway, network.cidr)) {
      refuse(path + "gateway",
             "must be an address of " + network.cidr + ", got '" + network.gateway + "'");
    } else if (cidr && !network.gateway.empty()) {
      // What a guest may not have, a gateway may not have either.
      NetworkConfig alone = network;
      alone.gateway.clear();
      const std::string why = address_mistake({{alone}, {}, {}}, network.gateway);
      if (!why.empty()) refuse(path + "gateway", network.gateway + " " + why);
    }
    for (const std::string& server : network.dns) {
      if (!read_ipv4(server)) refuse(path + "dns", "must be addresses, got '" + server + "'");
    }
    for (std::size_t j = 0; j < i; ++j) {
      const NetworkConfig& other = draft_.config.networks[j];
      const std::string whose = " is that of networks[" + std::to_string(j) + "], too";
      if (!network.name.empty() && network.name == other.name)
        refuse(path + "name", network.name + whose);
      if (cidr && network.cidr == other.cidr) refuse(path + "cidr", network.cidr + whose);
    }
  }

  void timing() {
    election::Timing timing = draft_.fast ? election::fast_timing() : election::default_timing();
    timing.heartbeat = draft_.heartbeat.value_or(timing.heartbeat);
    timing.lease = draft_.lease.value_or(timing.lease);
    timing.permit = draft_.permit.value_or(timing.permit);
    timing.answer = draft_.answer.value_or(timing.answer);
    timing.drift = draft_.drift.value_or(timing.drift);
    timing.guard_delay = draft_.guard_delay.value_or(timing.guard_delay);
    timing.destroy_after = draft_.destroy_after.value_or(timing.destroy_after);
    draft_.config.timing = timing;
    // "lease: must be at least 3 heartbeats, ...": the key in front is the one to blame.
    for (const std::string& sentence : election::mistakes(timing)) {
      const std::size_t colon = sentence.find(": ");
      refuse("timing." + sentence.substr(0, colon), sentence.substr(colon + 2));
    }
    if (draft_.config.converge < timing.lease)
      refuse("timing.converge", "must be at least the lease");
  }

  Draft& draft_;
  std::string file_;
  std::vector<Diagnostic>& mistakes_;
};

}  // namespace

ConfigRead read_config(std::string_view text, const std::string& file_name,
                       const SecretReader& secret_reader) {
  manifests::YamlTree tree = manifests::parse_yaml_tree(text, file_name);
  ConfigRead read{std::nullopt, std::move(tree.diagnostics)};
  Draft draft = config::empty_draft();
  if (!manifests::has_errors(read.diagnostics)) {
    Walk(draft, read.diagnostics).section(tree.root, "", "");
    Checks(draft, file_name, read.diagnostics).all(secret_reader);
  }
  manifests::put_in_order(read.diagnostics);
  if (manifests::has_errors(read.diagnostics)) return read;

  read.config = std::move(draft.config);
  for (DraftHost& host : draft.hosts) read.config->hosts.push_back(std::move(host.host));
  std::sort(read.config->hosts.begin(), read.config->hosts.end(),
            [](const HostConfig& a, const HostConfig& b) { return a.id < b.id; });
  read.config->types = {builtin_types_folder(), site_types};
  for (const std::string& folder : draft.types) read.config->types.push_back(folder);
  read.config->types_given = std::move(draft.types);
  return read;
}

ConfigRead load_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    const std::string why = errno != 0 ? std::strerror(errno) : "it is empty";
    return {std::nullopt, {manifests::mistake({path, 0, 0}, "cannot be read", why)}};
  }
  return read_config(text.str(), path, read_secret_key);
}

std::string config_help() {
  std::size_t widest = 0;
  for (const Key& key : config::keys()) widest = std::max(widest, key.path.size());
  std::string help = "Keys of the configuration file (YAML). [] marks the entries of a list.\n\n";
  for (const Key& key : config::keys()) {
    const std::string indent(widest + 2, ' ');
    help += std::string(key.path) + std::string(widest + 2 - key.path.size(), ' ');
    help += std::string(key.meaning) + "\n" + indent;
    help += key.fallback.empty() ? "required\n" : "default: " + std::string(key.fallback) + "\n";
  }
  return help;
}

std::string builtin_types_folder() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto installed = program.parent_path().parent_path() / "share" / "cierzo" / "types";
  if (!error && std::filesystem::is_directory(installed, error)) return installed.string();
  return CIERZO_TYPES;
}

}  // namespace cierzo
