// The configuration: a whole one, and every kind of mistake with its place.
#include "agent/config.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "agent/daemon.hpp"
#include "agent/net/keys.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

const KeyPair& keys(std::size_t host) {
  static const KeyPair pairs[] = {generate_keys(), generate_keys(), generate_keys(),
                                  generate_keys()};
  return pairs[host];
}

std::string host_line(int id, const std::string& more = {}) {
  const std::string number = std::to_string(id);
  return "  - {id: " + number + ", name: node" + number + ", address: 10.77.0.1" + number +
         ", key: '" + keys(static_cast<std::size_t>(id)).public_key + "'" + more + "}\n";
}

// Lines 1 to 6; the tests add to it.
std::string site() {
  return "host: {id: 1, name: node1}\n"
         "secret_key_file: /etc/cierzo/secret.key\n"
         "hosts:\n" +
         host_line(1) + host_line(2) + host_line(3);
}

ConfigRead read(const std::string& text) {
  return read_config(text, "agentd.yaml", [](const std::string&) { return keys(1).secret_key; });
}

std::string mistakes(const ConfigRead& read) {
  std::string all;
  for (const auto& diagnostic : read.diagnostics) all += to_string(diagnostic) + "\n";
  return all;
}

std::string mistakes(const std::string& text) { return mistakes(read(text)); }

// Found by fuzzing: the first wrote to the last of no networks.
TEST(Config, a_key_as_the_table_writes_it_is_unknown) {
  for (const std::string key : {"networks[].bridge", "hosts[].id", "host.id"}) {
    const std::string why = mistakes(site() + key + ": 1\n");
    EXPECT_NE(why.find(key + ": unknown key"), std::string::npos) << why;
  }
}

TEST(Config, who_may_use_the_control_socket) {
  const ConfigRead least = read(site());
  ASSERT_TRUE(least.config) << mistakes(least);
  EXPECT_EQ(least.config->operators, std::vector<std::string>{"cierzo"});
  EXPECT_FALSE(least.config->operators_given) << "so that the group need not exist";
  EXPECT_TRUE(least.config->readers.empty());
  const ConfigRead given = read(site() + "control: {operators: [ops, admins], readers: staff}\n");
  ASSERT_TRUE(given.config) << mistakes(given);
  EXPECT_EQ(given.config->operators, (std::vector<std::string>{"ops", "admins"}));
  EXPECT_TRUE(given.config->operators_given);
  EXPECT_EQ(given.config->readers, std::vector<std::string>{"staff"});
  EXPECT_EQ(mistakes(site() + "control: {writers: staff}\n").find("agentd.yaml:7:11: "), 0U);
}

TEST(Config, the_least_file_has_defaults_for_everything_else) {
  const ConfigRead got = read(site());
  ASSERT_TRUE(got.config) << mistakes(got);
  EXPECT_EQ(mistakes(got), "");
  EXPECT_EQ(got.config->self, HostId{1});
  EXPECT_EQ(got.config->name, "node1");
  EXPECT_EQ(got.config->listen, "*:7400");
  EXPECT_EQ(got.config->hosts.size(), 3U);
  EXPECT_TRUE(got.config->hosts[2].voter);
  EXPECT_EQ(got.config->secret_key, keys(1).secret_key);
  EXPECT_EQ(got.config->state, "/var/lib/cierzo");
  EXPECT_EQ(got.config->socket, "/run/cierzo/agent.sock");
  EXPECT_EQ(got.config->guard.page, "/run/cierzo/guard.page");
  EXPECT_TRUE(got.config->guard.require) << "safe unless told otherwise";
  EXPECT_EQ(got.config->timing, election::default_timing());
  EXPECT_EQ(got.config->converge, 30s);
  EXPECT_EQ(got.config->virtualization, "auto");
  EXPECT_EQ(got.config->types.back(), "/etc/cierzo/types");
  EXPECT_FALSE(got.config->memory_kib);
}

TEST(Config, fence_programs_get_their_options_and_no_secrets) {
  const auto with = [](const std::string& fence) {
    std::string text = site();
    const std::size_t at = text.rfind("}");
    return text.insert(at, ", fence: " + fence);
  };
  const ConfigRead got =
      read(with("{agent: fence_ipmilan, options: {ip: 192.0.2.3, lanplus: 1, passwd_file: /s}}"));
  ASSERT_TRUE(got.config) << mistakes(got);
  ASSERT_TRUE(got.config->hosts[2].fence);
  EXPECT_FALSE(got.config->hosts[0].fence);
  EXPECT_EQ(got.config->hosts[2].fence->agent, "fence_ipmilan");
  EXPECT_EQ(got.config->hosts[2].fence->options.at("lanplus"), "1");
  const std::string secret = mistakes(with("{agent: a, options: {passwd: s3cret}}"));
  EXPECT_NE(secret.find("passwd: no secrets here"), std::string::npos) << secret;
  EXPECT_NE(mistakes(with("{agent: a, options: {snmp_auth_password: s3cret}}")).find("no secrets"),
            std::string::npos);
  EXPECT_EQ(secret.find("s3cret"), std::string::npos) << "nor in what is said about it";
  EXPECT_NE(mistakes(with("{options: {ip: a}}")).find("fence.agent: required"), std::string::npos);
  EXPECT_NE(mistakes(with("{agent: a, options: {action: on}}")).find("action: cannot be given"),
            std::string::npos);
  EXPECT_NE(mistakes(with("{agent: a, options: {ip: \"x\\naction=on\"}}")).find("cannot be given"),
            std::string::npos);
  EXPECT_NE(mistakes(with("{agent: a, options: [ip]}")).find("must be a mapping"),
            std::string::npos);
}

TEST(Config, recovery_has_defaults_and_bounds) {
  const ConfigRead got = read(site());
  ASSERT_TRUE(got.config) << mistakes(got);
  EXPECT_EQ(got.config->brake_share, 0.5);
  EXPECT_EQ(got.config->starts_max, 0);
  const ConfigRead set = read(site() + "recovery: {brake: 40%, starts: 8}\n");
  ASSERT_TRUE(set.config) << mistakes(set);
  EXPECT_EQ(set.config->brake_share, 0.4);
  EXPECT_EQ(set.config->starts_max, 8);
  EXPECT_TRUE(read(site() + "recovery: {brake: 100%}\n").config) << "never";
  EXPECT_NE(mistakes(read(site() + "recovery: {brake: 150%}\n")).find("recovery.brake: must be"),
            std::string::npos);
}

// systemd checks before each start: only what the agent cannot start without may be an error.
TEST(Config, what_this_host_lacks_is_told) {
  Config config;
  config.images = "/no/such/images";
  config.operators = {"no-such-group"};
  EXPECT_TRUE(lacks_here(config).groups.empty()) << "the default need not exist";
  config.readers = {"no-such-readers"};
  const Lacks lacks = lacks_here(config);
  ASSERT_EQ(lacks.groups.size(), 1U);
  EXPECT_NE(lacks.groups[0].find("control.readers"), std::string::npos) << lacks.groups[0];
  EXPECT_EQ(lacks.files, std::vector<std::string>{"images: there is no folder /no/such/images"});
}

TEST(Config, every_key_is_read) {
  const ConfigRead got =
      read(site() +
           "listen: '[::1]:7401'\n"
           "hypervisor: test:///default\n"
           "images: /srv/images\n"
           "networks:\n"
           "  - {name: guests, cidr: 10.78.0.0/16, bridge: br0, gateway: 10.78.0.1, dns: 9.9.9.9}\n"
           "  - {name: back, cidr: 10.79.0.0/24, bridge: br1, dns: [9.9.9.9, 1.1.1.1]}\n"
           "capacity: {memory: 2 GiB, cpus: 3}\n"
           "state: /srv/state\n"
           "socket: /srv/agent.sock\n"
           "guard: {page: /srv/guard.page, program: /srv/cierzo-guard, require: false}\n"
           "timing: {profile: fast, heartbeat: 10ms, drift: 2%, converge: 1m}\n"
           "types: /srv/types\n"
           "virtualization: qemu\n"
           "log: {level: debug}\n");
  ASSERT_TRUE(got.config) << mistakes(got);
  const Config& config = *got.config;
  EXPECT_EQ(config.listen, "[::1]:7401");
  EXPECT_EQ(config.hypervisor, "test:///default");
  EXPECT_EQ(config.images, "/srv/images");
  ASSERT_EQ(config.networks.size(), 2U);
  EXPECT_EQ(config.networks[0].gateway, "10.78.0.1");
  EXPECT_EQ(config.networks[0].dns, std::vector<std::string>{"9.9.9.9"});
  EXPECT_EQ(config.networks[1].dns.size(), 2U);
  EXPECT_EQ(config.memory_kib, 2U * 1024 * 1024);
  EXPECT_EQ(config.cpus, 3);
  EXPECT_EQ(config.state, "/srv/state");
  EXPECT_EQ(config.socket, "/srv/agent.sock");
  EXPECT_EQ(config.guard.page, "/srv/guard.page");
  EXPECT_EQ(config.guard.program, "/srv/cierzo-guard");
  EXPECT_FALSE(config.guard.require);
  EXPECT_EQ(config.timing.heartbeat, 10ms);
  EXPECT_EQ(config.timing.lease, election::fast_timing().lease);
  EXPECT_DOUBLE_EQ(config.timing.drift, 0.02);
  EXPECT_EQ(config.converge, 60s);
  EXPECT_EQ(config.types.back(), "/srv/types");
  EXPECT_EQ(config.virtualization, "qemu");
  EXPECT_EQ(config.log_level, LogLevel::debug);
}

TEST(Config, all_mistakes_are_told_at_once_where_they_are) {
  EXPECT_EQ(mistakes("host: {id: 0, name: -x}\n"
                     "secret_key_file: secret.key\n"
                     "lisen: 10.77.0.11\n"
                     "capacity: {memory: much, cpus: '2'}\n"
                     "timing: {lease: 500}\n"
                     "virtualization: kmv\n" +
                     std::string("hosts:\n") + host_line(1)),
            "agentd.yaml:1:12: host.id: must be a whole number from 1 to 65535, got '0'\n"
            "agentd.yaml:1:21: host.name: must be a name of letters, digits, '.', '-' and '_', 63 "
            "at most, got '-x'\n"
            "agentd.yaml:2:18: secret_key_file: must be an absolute path, got 'secret.key'\n"
            "agentd.yaml:3:1: lisen: unknown key; did you mean 'listen'?\n"
            "agentd.yaml:4:20: capacity.memory: must be KiB, or a size with its unit, as 2 GiB, "
            "got 'much'\n"
            "agentd.yaml:4:32: capacity.cpus: must be a whole number from 1 to 65535, got '2'\n"
            "agentd.yaml:5:17: timing.lease: must be a length of time with its unit, as 100ms, 2s "
            "or 1m, got '500'\n"
            "agentd.yaml:6:17: virtualization: unknown value 'kmv'; did you mean 'kvm'? "
            "(accepted: auto, kvm, qemu)\n");
}

TEST(Config, what_is_missing_is_named) {
  const std::string told = mistakes("hosts: [{id: 1}]\n");
  for (const char* path :
       {"hosts[0].name: required", "hosts[0].address: required", "hosts[0].key: required",
        "secret_key_file: required", "host: required"}) {
    EXPECT_NE(told.find(path), std::string::npos) << path << " in\n" << told;
  }
}

TEST(Config, hosts_share_nothing) {
  const std::string told = mistakes(site() + host_line(3));
  EXPECT_NE(told.find("agentd.yaml:7:6: hosts[3].id: 3 is that of hosts[2], too"),
            std::string::npos)
      << told;
  for (const char* path : {"hosts[3].name", "hosts[3].key", "hosts[3].address"}) {
    EXPECT_NE(told.find(path), std::string::npos) << path << " in\n" << told;
  }
}

TEST(Config, this_host_is_in_the_list_under_its_name) {
  const std::string text = site();
  std::string other = text;
  EXPECT_NE(
      mistakes(other.replace(text.find("id: 1"), 5, "id: 9")).find("host.id: 9 is not in hosts[]"),
      std::string::npos);
  other = text;
  EXPECT_NE(mistakes(other.replace(text.find("name: node1"), 11, "name: node7"))
                .find("host.name: is node7, but hosts[] calls host 1 node1"),
            std::string::npos);
}

TEST(Config, the_own_key_belongs_to_the_secret_one) {
  const ConfigRead got =
      read_config(site(), "agentd.yaml", [](const std::string&) { return keys(2).secret_key; });
  EXPECT_FALSE(got.config);
  EXPECT_NE(mistakes(got).find(
                "hosts[0].key: is not the public key of /etc/cierzo/secret.key, which is " +
                keys(2).public_key),
            std::string::npos)
      << mistakes(got);
}

TEST(Config, a_secret_key_that_cannot_be_read_is_a_mistake_with_a_place) {
  const ConfigRead got = read_config(
      site(), "agentd.yaml",
      [](const std::string& path) -> std::string { throw KeyError(path + ": cannot be opened"); });
  EXPECT_EQ(mistakes(got),
            "agentd.yaml:2:1: secret_key_file: /etc/cierzo/secret.key: cannot be opened\n");
}

TEST(Config, a_key_of_the_manual_page_is_refused) {
  std::string text = site();
  text.replace(text.find(keys(2).public_key), key_characters,
               "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID");
  EXPECT_NE(mistakes(text).find("hosts[1].key: is the example of a manual page"),
            std::string::npos);
}

TEST(Config, an_even_number_of_voters_is_worth_a_warning_not_more) {
  std::string text = site();
  text.replace(text.find(host_line(3)), host_line(3).size(), host_line(3, ", voter: false"));
  const ConfigRead got = read(text);
  ASSERT_TRUE(got.config);
  EXPECT_FALSE(got.config->hosts[2].voter);
  EXPECT_NE(mistakes(got).find("warning: hosts: 2 voters survive no more failures than 1 would"),
            std::string::npos)
      << mistakes(got);
}

TEST(Config, timing_that_promises_too_much_is_refused) {
  const std::string told = mistakes(site() + "timing: {permit: 1s, converge: 100ms}\n");
  EXPECT_NE(told.find("agentd.yaml:7:10: timing.permit: must be at least 3 leases"),
            std::string::npos)
      << told;
  EXPECT_NE(told.find("timing.converge: must be at least the lease"), std::string::npos) << told;
}

TEST(Config, networks_are_networks) {
  const std::string told =
      mistakes(site() +
               "networks:\n"
               "  - {name: a, cidr: 10.78.0.0, bridge: br0}\n"
               "  - {name: a, cidr: 10.79.0.0/16, bridge: br0, gateway: 10.80.0.1}\n"
               "  - {name: c, cidr: 10.81.0.1/16, bridge: br0, gateway: 10.81.0.0}\n"
               "  - {name: d, cidr: 10.82.0.0/16, bridge: br0, gateway: 10.82.255.255}\n");
  for (const char* path :
       {"networks[0].cidr: must be a network", "networks[1].name: a is that of networks[0], too",
        "networks[1].gateway: must be an address of 10.79.0.0/16, got '10.80.0.1'",
        "networks[2].cidr: is an address in the network 10.81.0.0/16: write the network",
        "networks[2].gateway: 10.81.0.0 is the address of the network c itself",
        "networks[3].gateway: 10.82.255.255 is the broadcast address of the network d"}) {
    EXPECT_NE(told.find(path), std::string::npos) << path << " in\n" << told;
  }
}

TEST(Config, the_help_names_every_key_with_its_default) {
  const std::string help = config_help();
  for (const char* part :
       {"timing.permit", "default: 2s (fast: 400ms)", "hosts[].key", "required", "log.level"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part;
  }
}

TEST(Config, a_file_that_is_not_there_is_a_mistake) {
  const ConfigRead got = load_config("/nonexistent/agentd.yaml");
  EXPECT_FALSE(got.config);
  EXPECT_EQ(mistakes(got), "/nonexistent/agentd.yaml: cannot be read: No such file or directory\n");
}

}  // namespace
}  // namespace cierzo
