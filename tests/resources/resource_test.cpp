// From a manifest to a resource: the thesis' manifests, every form of a role, every mistake.
#include "resources/resource.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "resources/address.hpp"
#include "resources/instance.hpp"
#include "resources/network.hpp"
#include "resources/scaling.hpp"
#include "tests/resources/read.hpp"

namespace cierzo::test {
namespace {

using Lines = std::vector<std::string>;

std::string example(const std::string& name) {
  std::ifstream file(CIERZO_SOURCE_DIR "/manifests/examples/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string modules(const std::string& rest) { return "/etc/puppet/modules/" + rest; }

const std::map<std::string, std::string>& thesis_files() {
  static const std::map<std::string, std::string> files = {
      {modules("torque/files/compute-ips.txt"), "155.210.155.74\n155.210.155.75\n"},
      {modules("torque/files/compute-imgs.txt"),
       "/var/tmp/lucid-tor2.img\n/var/tmp/lucid-tor3.img\n"},
      {modules("torque/files/template.xml"), "<domain><name><%= vm[:name] %></name></domain>"},
      {modules("web/files/server-ips.txt"), "155.210.155.73\n155.210.155.178\n"},
      {modules("web/files/server-imgs.txt"), "/var/tmp/lucid-web.img\n"},
      {modules("web/files/template.xml"), "<domain/>"},
      {modules("appscale/files/open-ips.txt"), "155.210.155.76\n\n# spare\n155.210.155.77\n"},
      {modules("appscale/files/open-imgs.txt"), "/var/tmp/lucid-app2.img\n"},
      {modules("appscale/files/template.xml"), "<domain/>"}};
  return files;
}

Lines names(const std::vector<Instance>& instances) {
  Lines all;
  for (const Instance& i : instances) all.push_back(i.name.value + " " + i.address + " " + i.image);
  return all;
}

TEST(Resource, ThesisTorqueExpands) {
  const Read read = read_manifest(example("torque.pp"), "torque.pp", thesis_files());
  EXPECT_EQ(read.said, Lines{});
  ASSERT_TRUE(read.resource);
  EXPECT_EQ(names(expand(*read.resource, built_in("torque"))),
            (Lines{"mytorque-head-1 155.210.155.73 /var/tmp/lucid-tor1.img",
                   "mytorque-compute-1 155.210.155.74 /var/tmp/lucid-tor2.img",
                   "mytorque-compute-2 155.210.155.75 /var/tmp/lucid-tor3.img"}));
}

constexpr const char* generic_in_puppet = R"(
generic { 'mail':
  ensure => running,
  store  => { ip => '10.0.0.5', image => 'web.qcow2', start => "redis-server \"\$1\"\n# \u{20ac}" },
  front  => { ips => '10.0.0.6-7', image => 'web.qcow2', after => 'store', reads => ['store'],
              check => { run => 'postfix status', every => '2s', failures => 5 },
              stop => 'postfix stop', on_host_lost => wait },
}
)";
constexpr const char* generic_in_yaml = R"(
generic:
  mail:
    ensure: running
    store:
      ip: 10.0.0.5
      image: web.qcow2
      start: |-
        redis-server "$1"
        # €
    front: {ips: 10.0.0.6-7, image: web.qcow2, after: store, reads: [store],
            check: {run: postfix status, every: 2s, failures: 5}, stop: postfix stop,
            on_host_lost: wait}
)";

// What is written in the manifest is a type of its own: like any other from there on.
TEST(Resource, RolesWithCommandsInTheManifestMakeATypeOfTheirOwn) {
  const Read read = read_manifest(generic_in_puppet, "mail.pp");
  EXPECT_EQ(read.said, Lines{});
  ASSERT_TRUE(read.resource && read.own_type);
  const Type& own = *read.own_type;
  EXPECT_EQ(read.resource->type, "generic");
  EXPECT_EQ(read.resource->type_digest, own.digest);
  EXPECT_EQ(names(expand(*read.resource, own)),
            (Lines{"mail-store-1 10.0.0.5 web.qcow2", "mail-front-1 10.0.0.6 web.qcow2",
                   "mail-front-2 10.0.0.7 web.qcow2"}));
  const RoleType& store = *own.role(RoleName{"store"});
  EXPECT_EQ(own.scripts.at(store.start->script), "redis-server \"$1\"\n# \u20ac\n");
  EXPECT_FALSE(store.check || store.stop);
  const RoleType& front = *own.role(RoleName{"front"});
  EXPECT_EQ(front.after, std::set<RoleName>{{"store"}});
  EXPECT_EQ(front.reads, std::set<RoleName>{{"store"}});
  EXPECT_EQ(own.scripts.at(front.check->script), "postfix status\n");
  EXPECT_EQ(front.check->every, std::chrono::seconds(2));
  EXPECT_EQ(front.check->failures, 5);
  EXPECT_EQ(front.on_host_lost, OnHostLost::wait);
  EXPECT_FALSE(front.start);

  // It travels and is stored as files, and the same ones from either syntax.
  const TypeRead again = read_type(own.files, "catalog");
  ASSERT_TRUE(again.type);
  EXPECT_EQ(again.type->digest, own.digest);
  const Read yaml = read_manifest(generic_in_yaml, "mail.yaml");
  EXPECT_EQ(yaml.said, Lines{});
  ASSERT_TRUE(yaml.own_type);
  EXPECT_EQ(yaml.own_type->files, own.files);
}

TEST(Resource, AnotherCommandInTheManifestIsAnotherTypeAndAnotherInput) {
  const std::string manifest = generic_in_yaml;
  std::string changed = manifest;
  changed.replace(changed.find("postfix stop"), 12, "postfix halt");
  const Read one = read_manifest(manifest, "mail.yaml"), two = read_manifest(changed, "mail.yaml");
  ASSERT_TRUE(one.own_type && two.own_type);
  EXPECT_NE(one.resource->type_digest, two.resource->type_digest);
}

TEST(Resource, ThesisWebExpandsWithOneImageForAllServers) {
  const Read read = read_manifest(example("web-thesis.pp"), "web.pp", thesis_files());
  EXPECT_EQ(read.said, Lines{});
  ASSERT_TRUE(read.resource);
  EXPECT_EQ(names(expand(*read.resource, built_in("web"))),
            (Lines{"myweb-database-1 155.210.155.177 /var/tmp/lucid-db.img",
                   "myweb-server-1 155.210.155.73 /var/tmp/lucid-web.img",
                   "myweb-server-2 155.210.155.178 /var/tmp/lucid-web.img",
                   "myweb-balancer-1 155.210.155.175 /var/tmp/lucid-lb.img"}));
}

TEST(Resource, ThesisAppscaleIsOneMasterWithManyRolesAndTwoOpen) {
  const Read read = read_manifest(example("appscale.pp"), "appscale.pp", thesis_files());
  EXPECT_EQ(read.said, Lines{});
  ASSERT_TRUE(read.resource);
  const auto instances = expand(*read.resource, built_in("appscale"));
  EXPECT_EQ(names(instances), (Lines{"myappscale-master-1 155.210.155.73 /var/tmp/lucid-app1.img",
                                     "myappscale-open-1 155.210.155.76 /var/tmp/lucid-app2.img",
                                     "myappscale-open-2 155.210.155.77 /var/tmp/lucid-app2.img"}));
  std::string roles;
  for (const RoleName& role : instances.at(0).roles) roles += role.value + " ";
  EXPECT_EQ(roles,
            "master appengine database login zookeeper memcache rabbitmq load_balancer shadow ");
}

TEST(Resource, BothSyntaxesGiveTheSame) {
  for (const char* name : {"torque", "appscale", "web-thesis"}) {
    const std::string base = name;
    const Read pp = read_manifest(example(base + ".pp"), base + ".pp", thesis_files());
    const Read yaml = read_manifest(example(base + ".yaml"), base + ".yaml", thesis_files());
    ASSERT_TRUE(pp.resource) << base;
    ASSERT_TRUE(yaml.resource) << base;
    EXPECT_EQ(*pp.resource, *yaml.resource) << base;
  }
}

// These need nothing but images: no file of anybody's machines, and addresses of README's site.
TEST(Resource, ExamplesForAnySiteAreGoodAndTheirAddressesDoNotClash) {
  std::vector<Resource> resources;
  for (const char* name : {"web.yaml", "cluster.yaml", "platform.yaml"}) {
    const Read read = read_manifest(example(name), name, {});
    EXPECT_EQ(read.said, Lines{}) << name;
    ASSERT_TRUE(read.resource) << name;
    for (const Instance& instance : expand(*read.resource, built_in(read.resource->type))) {
      EXPECT_TRUE(in_network(instance.address, "10.77.0.0/16")) << instance.address;
    }
    resources.push_back(*read.resource);
  }
  const Places places;
  std::vector<Claimant> claimants;
  for (const Resource& resource : resources) claimants.push_back({&resource, &places});
  EXPECT_EQ(conflicts(claimants), Lines{});
}

Read web(const std::string& lines) {
  std::string text = "web:\n  w:\n";
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    text += "    " + lines.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return read_manifest(text, "w.yaml",
                       {{"/ips", "10.0.0.11\n\n10.0.0.300\n"},
                        {"/imgs", "a.img\n"},
                        {"/bad.xml", "<domain>"},
                        {"/erb.xml", "<domain><%= vm[:ip] %></domain>"}});
}

constexpr const char* good =
    "ensure: running\ndatabase: {ip: 10.0.0.1, image: d.img}\nbalancer: [10.0.0.3, b.img]\n";

TEST(Resource, RangesListsAndCounts) {
  const Read read = web(std::string(good) +
                        "server: {ips: [10.0.0.11-13, 10.0.0.20], images: [a, b, c, d], count: 3}");
  EXPECT_EQ(read.said, Lines{});
  ASSERT_TRUE(read.resource);
  EXPECT_EQ(read.resource->count.at(RoleName{"server"}), 3);
  const auto instances = expand(*read.resource, built_in("web"));
  EXPECT_EQ(names(instances), (Lines{"w-database-1 10.0.0.1 d.img", "w-server-1 10.0.0.11 a",
                                     "w-server-2 10.0.0.12 b", "w-server-3 10.0.0.13 c",
                                     "w-balancer-1 10.0.0.3 b.img"}));
}

TEST(Resource, ScalingShiftsNothing) {
  const std::string mac = "starting_mac_address: '52:54:00:01:00:00'\n";
  const auto macs = [&](const std::string& count) {
    const Read read = web(std::string(good) + mac +
                          "server: {ips: 10.0.0.11-18, image: a, count: " + count + "}");
    std::map<std::string, std::string> all;
    for (const Instance& i : expand(read.resource.value(), built_in("web"))) {
      all[i.name.value] = i.mac;
    }
    return all;
  };
  const auto few = macs("1"), many = macs("8");
  EXPECT_EQ(many.size(), 10U);
  EXPECT_EQ(few.at("w-balancer-1"), "52:54:00:01:00:09");
  for (const auto& [name, mac_of_few] : few) EXPECT_EQ(many.at(name), mac_of_few) << name;
}

// In a manifest's own roles, too: `ip` is one of it, always, and `ips` are some, or none.
TEST(Resource, WhatHasOneAddressIsNotScaledAway) {
  const Read read = read_manifest(
      "generic:\n  g:\n    ensure: running\n"
      "    store: {ip: 10.0.0.5, image: s.img}\n"
      "    front: {ips: 10.0.0.6-8, image: f.img}\n",
      "g.yaml");
  ASSERT_TRUE(read.resource && read.own_type);
  Resource resource = *read.resource;
  EXPECT_EQ(scale(resource, *read.own_type, {{"store", 0}}, {}).size(), 1U);
  EXPECT_EQ(scale(resource, *read.own_type, {{"front", 0}}, {}), Lines{});
}

// What a role of a manifest may say is what one of a type may.
TEST(Resource, RolesOfAManifestComeAndGoAsThoseOfATypeDo) {
  const Read read = read_manifest(
      "generic:\n  g:\n    ensure: running\n"
      "    head: {ip: 10.0.0.5, image: a, start: serve, outputs: [url, port]}\n"
      "    node:\n      ips: 10.0.0.6-8\n      image: a\n      start: serve\n"
      "      outputs: {token: {secret: true}}\n"
      "      drain: {run: ask, every: 1s, deadline: 1m}\n"
      "      metrics: {run: echo load=0, every: 10s}\n"
      "      edges: {head: {join: greet, leave: {run: forget, timeout: 5s}}}\n",
      "g.yaml");
  EXPECT_EQ(read.said, Lines{});
  ASSERT_TRUE(read.own_type);
  const Type& type = *read.own_type;
  const RoleType& node = *type.role(RoleName{"node"});
  EXPECT_EQ(type.role(RoleName{"head"})->outputs,
            (std::map<std::string, bool>{{"port", false}, {"url", false}}));
  EXPECT_EQ(node.outputs, (std::map<std::string, bool>{{"token", true}}));
  ASSERT_TRUE(node.drain && node.metrics);
  EXPECT_EQ(type.scripts.at(node.drain->script), "ask\n");
  EXPECT_EQ(node.drain->deadline, std::chrono::minutes(1));
  EXPECT_EQ(type.scripts.at(node.metrics->script), "echo load=0\n");
  EXPECT_EQ(node.metrics->every, std::chrono::seconds(10));
  ASSERT_EQ(node.edges.size(), 1U);
  EXPECT_EQ(node.edges[0].on.value, "head");
  ASSERT_TRUE(node.edges[0].join && node.edges[0].leave);
  EXPECT_EQ(type.scripts.at(node.edges[0].join->script), "greet\n");
  EXPECT_EQ(type.scripts.at(node.edges[0].leave->script), "forget\n");
  EXPECT_EQ(node.edges[0].leave->timeout, std::chrono::seconds(5));
}

TEST(Resource, NothingIsSaidOfAScaleThatTheManifestHasCaughtUpWith) {
  const auto declared = [](const std::string& count) {
    return web(std::string(good) + "server: {ips: 10.0.0.11-18, image: a" + count + "}")
        .resource.value();
  };
  Resource before = declared("");
  ASSERT_EQ(scale(before, built_in("web"), {{"server", 3}}, {}), Lines{});
  Resource same = declared(""), three = declared(", count: 3"), four = declared(", count: 4");
  EXPECT_EQ(keep_scaled(before, same, built_in("web")).size(), 1U) << "stays scaled to 3";
  EXPECT_EQ(wanted_count(same, RoleName{"server"}), 3);
  EXPECT_EQ(keep_scaled(before, three, built_in("web")), Lines{});
  EXPECT_EQ(wanted_count(three, RoleName{"server"}), 3);
  EXPECT_EQ(keep_scaled(before, four, built_in("web")).size(), 1U) << "becomes 4";
  EXPECT_EQ(wanted_count(four, RoleName{"server"}), 4);
}

// Which ones went is kept: other loads change nothing of it, and names stay what they are.
TEST(Resource, TheEmptiestAreScaledAwayFirst) {
  const RoleName server{"server"};
  Resource resource =
      web(std::string(good) + "server: {ips: 10.0.0.11-15, image: a}").resource.value();
  const auto declared = resource;
  const Type& type = built_in("web");
  const auto used = [&](int number, const Loads& loads) {
    EXPECT_EQ(scale(resource, type, {{"server", number}}, loads), Lines{});
    return wanted_positions(resource, server);
  };
  // 10.0.0.15 has not said anything: it may be the busiest.
  const Loads loads = {
      {server,
       {{"10.0.0.11", 4}, {"10.0.0.12", 0}, {"10.0.0.13", 7}, {"10.0.0.14", load_of_absent}}}};
  EXPECT_EQ(used(3, loads), (std::set<int>{1, 3, 5}));
  EXPECT_EQ(used(3, {{server, {{"10.0.0.11", 0}}}}), (std::set<int>{1, 3, 5})) << "as it is";
  EXPECT_EQ(
      names(expand(resource, type)),
      (Lines{"w-database-1 10.0.0.1 d.img", "w-server-1 10.0.0.11 a", "w-server-3 10.0.0.13 a",
             "w-server-5 10.0.0.15 a", "w-balancer-1 10.0.0.3 b.img"}));
  Resource applied = declared, fewer = declared;
  (void)keep_scaled(resource, applied, type);
  EXPECT_EQ(applied, resource);
  fewer.slots[server].erase(fewer.slots[server].begin() + 3, fewer.slots[server].end());
  (void)keep_scaled(resource, fewer, type);
  EXPECT_EQ(wanted_positions(fewer, server), (std::set<int>{1, 2, 3})) << "spared, but needed";
  EXPECT_EQ(used(4, loads), (std::set<int>{1, 2, 3, 5}));
  EXPECT_EQ(used(5, loads), (std::set<int>{1, 2, 3, 4, 5}));
  EXPECT_EQ(resource, declared);
  EXPECT_EQ(used(3, {}), (std::set<int>{1, 2, 3})) << "where nobody says: those declared last";
  EXPECT_TRUE(resource.spared.empty());
  EXPECT_EQ(used(0, loads), std::set<int>{});
}

// Removed from the manifest: it leaves, until nothing of it is left or it is declared again.
TEST(Resource, WhatAManifestRemovesLeaves) {
  const RoleName server{"server"};
  const Type& type = built_in("web");
  const auto declared = [](const std::string& ips) {
    return web(std::string(good) + "server: {ips: " + ips + ", image: a}").resource.value();
  };
  const auto leaving = [&](const Resource& resource) {
    Lines all;
    for (const auto& [role, slots] : resource.leaving) {
      for (const Slot& slot : slots) {
        all.push_back(role.value + " " + std::to_string(slot.position) + " " + slot.address);
      }
    }
    return all;
  };
  const Resource before = declared("10.0.0.11-14");
  Resource fewer = declared("10.0.0.11-12");
  keep_leaving(before, fewer, type, {"10.0.0.14"});
  EXPECT_EQ(leaving(fewer), Lines{"server 3 10.0.0.13"}) << "14 is somebody else's from now on";
  Resource same = declared("10.0.0.11-12");
  keep_leaving(fewer, same, type, {});
  EXPECT_EQ(same, fewer);
  Resource moved = declared("10.0.0.12-14");
  keep_leaving(before, moved, type, {"10.0.0.12", "10.0.0.13", "10.0.0.14"});
  EXPECT_EQ(leaving(moved), Lines{}) << "names go by positions: the last one's address is in use";
  Resource back = declared("10.0.0.11-13");
  keep_leaving(fewer, back, type, {"10.0.0.13"});
  EXPECT_EQ(leaving(back), Lines{});

  const Instance idle = expand(declared("10.0.0.11-13"), type).at(3);
  ASSERT_EQ(idle.name.value, "w-server-3");
  EXPECT_FALSE(forget_left(fewer, {{idle.name, idle}}, {idle.name}));
  EXPECT_EQ(leaving(fewer).size(), 1U);
  EXPECT_TRUE(forget_left(fewer, {{idle.name, idle}}, {}));
  EXPECT_EQ(fewer, declared("10.0.0.11-12"));
}

TEST(Resource, OneAddressWithSeveralRolesIsOneVmWithTheLastImage) {
  const Read read =
      web("ensure: running\ndatabase: [10.0.0.1, d.img]\nserver: [10.0.0.1, s.img]\n"
          "balancer: [10.0.0.3, b.img]");
  EXPECT_EQ(read.said,
            (Lines{"w.yaml:5:5: warning: web.w.server: 10.0.0.1 is in the role database, too: one "
                   "machine does both; if that is not meant, give each its own address",
                   "w.yaml:5:5: warning: web.w.server: 10.0.0.1 has other roles with the image "
                   "d.img: s.img is used"}));
  const auto instances = expand(read.resource.value(), built_in("web"));
  EXPECT_EQ(names(instances),
            (Lines{"w-database-1 10.0.0.1 s.img", "w-balancer-1 10.0.0.3 b.img"}));
  EXPECT_EQ(instances[0].roles.size(), 2U);
  EXPECT_EQ(instances[0].mac, "52:54:00:00:00:01");
}

TEST(Resource, EveryMistakeIsReportedAtOnce) {
  const Read read =
      web("ensure: runing\ndatabase: [[10.0.0.1, a], [10.0.0.2, a]]\nserver: [/ips, /imgs]\n"
          "balacer: [10.0.0.3, b]\nvm_mem: 3 gigs\nvm_ncpu: 0\npool: [n1, n1]\n"
          "starting_mac_address: 01:00:5e:00:00:01\nvm_domain: /bad.xml\nport: many\ndisk: local");
  EXPECT_FALSE(read.resource);
  EXPECT_EQ(
      read.said,
      (Lines{"/bad.xml:1:8: web.w.vm_domain: is no XML: Start-end tags mismatch",
             "/ips:3:1: web.w.server: must be an IPv4 address or a range such as "
             "10.0.0.11-18, got '10.0.0.300'",
             "w.yaml:2:3: web.w.balancer: required",
             "w.yaml:3:13: web.w.ensure: unknown value 'runing'; did you mean 'running'? "
             "(accepted: running, stopped, absent)",
             "w.yaml:4:5: web.w.database: at most 1 address, got 2",
             "w.yaml:6:5: web.w.balacer: unknown attribute; did you mean 'balancer'?",
             "w.yaml:7:13: web.w.vm_mem: must be memory such as 1048576 (KiB), 160 MiB or 1 "
             "GiB, got '3 gigs'",
             "w.yaml:8:14: web.w.vm_ncpu: must be from 1 to 512, got 0",
             "w.yaml:9:16: web.w.pool: names 'n1' twice",
             "w.yaml:10:27: web.w.starting_mac_address: must be the MAC of one interface, as "
             "52:54:00:01:00:00, got '01:00:5e:00:00:01'",

             "w.yaml:12:11: web.w.port: must be a whole number from 1 to 65535, got 'many'"}));
}

TEST(Resource, RolesSayWhatIsWrongWithThem) {
  const auto said = [](const std::string& server) {
    const Read read = web(std::string(good) + "server: " + server);
    EXPECT_FALSE(read.resource) << server;
    return read.said.empty() ? "" : read.said.front();
  };
  EXPECT_EQ(said("{ips: 10.0.0.11-13, images: [a, b]}"),
            "w.yaml:6:41: web.w.server: has 3 addresses but 2 images: must be one for all, or one "
            "for each");
  EXPECT_EQ(said("{ips: [10.0.0.11, 10.0.0.11], image: a}"),
            "w.yaml:6:31: web.w.server: has the address 10.0.0.11 twice, first at w.yaml:6:20");
  EXPECT_EQ(said("{ips: 10.0.0.11-12, image: a, count: 3}"),
            "w.yaml:6:50: web.w.server.count: is 3 but there are 2 addresses");
  EXPECT_EQ(said("{ips: 10.0.0.11, image: a, cuont: 3}"),
            "w.yaml:6:40: web.w.server.cuont: unknown field; did you mean 'count'? (accepted: ip, "
            "ips, image, images, count)");
  EXPECT_EQ(said("[10.0.0.11, a/b]"),
            "w.yaml:6:25: web.w.server: an image must be an absolute path or the name of a file, "
            "got 'a/b'");
  EXPECT_EQ(said("[/nowhere, /imgs]"), "w.yaml:6:14: web.w.server: /nowhere: no such file");
}

TEST(Resource, SecretsAreKeptApartAndNeverShown) {
  const std::string text =
      "appscale:\n  a:\n    ensure: running\n    controller: [10.0.0.1, i]\n"
      "    servers: [10.0.0.2, i]\n    app_email: me@x\n    app_password: s3cret\n"
      "    root_password: t0psecret\n";
  const Read read = read_manifest(text, "a.yaml");
  ASSERT_TRUE(read.resource);
  EXPECT_EQ(read.resource->secrets.at("app_password"), "s3cret");
  EXPECT_EQ(read.resource->attributes.count("app_password"), 0U);
  ASSERT_EQ(read.said.size(), 2U);
  for (const std::string& line : read.said) {
    EXPECT_NE(line.find("warning"), std::string::npos) << line;
    EXPECT_EQ(line.find("secret'"), std::string::npos) << line;
  }
  for (const auto& [name, value] : read.resource->attributes) EXPECT_NE(value, "t0psecret");
}

TEST(Resource, AppscaleLayoutsDoNotMix) {
  const auto said = [](const std::string& roles) {
    const Read read = read_manifest("appscale:\n  a:\n    ensure: running\n" + roles, "a.yaml");
    std::string all;
    for (const std::string& line : read.said) all += line + "\n";
    return all;
  };
  EXPECT_NE(said("    controller: [10.0.0.1, i]\n    master: [10.0.0.2, i]\n")
                .find("appscale.a.master: cannot be mixed with controller"),
            std::string::npos);
  EXPECT_EQ(said("    controller: [10.0.0.1, i]\n"), "");
  EXPECT_EQ(said("    servers: [10.0.0.1, i]\n"), "a.yaml:2:3: appscale.a.controller: required\n");
  EXPECT_EQ(said("    master: [10.0.0.1, i]\n    appengine: [10.0.0.2, i]\n"),
            "a.yaml:2:3: appscale.a.database: required\n");
  EXPECT_NE(said("    controller: [10.0.0.1, i]\n    servers: [10.0.0.2, i]\n"
                 "    shadow: [10.0.0.3, i]\n")
                .find("appscale.a.shadow: cannot be declared"),
            std::string::npos);
  const std::string two = "    login: {ips: 10.0.0.3-4, image: i}\n";
  EXPECT_NE(said("    master: [10.0.0.1, i]\n    appengine: [10.0.0.2, i]\n"
                 "    database: [10.0.0.2, i]\n" +
                 two)
                .find("appscale.a.login: at most 1 address, got 2"),
            std::string::npos);
}

// As AppScale's tools of 2012 expand them, and give to others what nobody was given.
TEST(Resource, AppscaleMachinesHaveTheRolesThatAppscaleGivesThem) {
  const auto roles_of = [](const std::string& text) {
    const Read read = read_manifest("appscale:\n  a:\n    ensure: running\n" + text, "a.yaml");
    std::string all;
    if (!read.resource) return all;
    for (const Instance& instance : expand(*read.resource, built_in("appscale"))) {
      all += instance.name.value + ":";
      for (const RoleName& role : instance.roles) all += " " + role.value;
      all += "\n";
    }
    return all;
  };
  EXPECT_EQ(roles_of("    controller: [10.0.0.1, i]\n"),
            "a-controller-1: controller appengine database login zookeeper memcache rabbitmq "
            "load_balancer shadow\n");
  EXPECT_EQ(roles_of("    controller: [10.0.0.1, i]\n    servers: [10.0.0.2, i]\n"),
            "a-controller-1: controller database login zookeeper memcache rabbitmq load_balancer "
            "shadow\n"
            "a-servers-1: servers appengine database memcache rabbitmq load_balancer\n");
  EXPECT_EQ(roles_of("    master: [10.0.0.1, i]\n    appengine: [10.0.0.2, i]\n"
                     "    database: [10.0.0.3, i]\n    login: [10.0.0.4, i]\n"
                     "    rabbitmq: [10.0.0.5, i]\n    zookeeper: [10.0.0.5, i]\n"),
            "a-master-1: master zookeeper load_balancer shadow\n"
            "a-appengine-1: appengine load_balancer\n"
            "a-database-1: database memcache\n"
            "a-login-1: login load_balancer\n"
            "a-zookeeper-1: zookeeper rabbitmq\n");
}

TEST(Resource, ConflictsNameBoth) {
  const Resource one = web(std::string(good) + "server: [10.0.0.11, a]").resource.value();
  Resource other = one;
  other.name.value = "v";
  const Places in_a{"a.yaml:2:3", "", {{"10.0.0.1", "a.yaml:4:5"}, {"10.0.0.3", "a.yaml:5:5"}}};
  const Places in_b{"b.yaml:2:3", "", {{"10.0.0.1", "b.yaml:8:5"}}};
  EXPECT_EQ(conflicts({{&one, &in_a}, {&other, &in_b}}),
            (Lines{"b.yaml:8:5: 10.0.0.1: used by w-database-1 (a.yaml:4:5) and by v-database-1",
                   "10.0.0.11: used by w-server-1 and by v-server-1",
                   "10.0.0.3: used by w-balancer-1 (a.yaml:5:5) and by v-balancer-1"}));
  EXPECT_EQ(conflicts({{&one, nullptr}, {&other, &in_b}}).front(),
            "b.yaml:8:5: 10.0.0.1: used by w-database-1, which the site has already, and by "
            "v-database-1");
  EXPECT_EQ(conflicts({{&one, &in_a}, {&other, nullptr}}).front(),
            "a.yaml:4:5: 10.0.0.1: used by v-database-1, which the site has already, and by "
            "w-database-1");
  EXPECT_EQ(conflicts({{&one, nullptr}, {&other, nullptr}}), Lines{}) << "not caused by this";
  EXPECT_EQ(conflicts({{&one, &in_a}}), Lines{});
  EXPECT_EQ(conflicts({{&one, &in_a}, {&one, &in_b}}),
            (Lines{"b.yaml:2:3: the name w: used by the web 'w' (a.yaml:2:3) and by the web 'w'"}));
  Resource far = one;  // the same last three bytes
  far.name.value = "f";
  for (auto& [role, slots] : far.slots) {
    for (Slot& slot : slots) slot.address = "11" + slot.address.substr(2);
  }
  EXPECT_EQ(conflicts({{&one, &in_a}, {&far, &in_b}}).front(),
            "the MAC 52:54:00:00:00:01: used by w-database-1 (a.yaml:4:5) and by f-database-1; it "
            "is made of the address: give one of them a starting_mac_address");
}

TEST(SiteAddresses, AreForGuestsOnly) {
  SiteAddresses site;
  EXPECT_EQ(address_mistake(site, "10.0.0.0"), "") << "a site without networks";
  site.networks = {{"lab", "10.0.0.0/16", "br0", "10.0.0.254", {}},
                   {"link", "10.1.0.0/31", "br1", "", {}}};
  site.hosts = {{"10.0.0.7", "node7"}};
  EXPECT_EQ(address_mistake(site, "10.0.0.1"), "");
  EXPECT_EQ(address_mistake(site, "10.0.0.7"), "is the address of host node7");
  EXPECT_EQ(address_mistake(site, "10.0.0.254"), "is the gateway of the network lab");
  EXPECT_EQ(address_mistake(site, "10.0.0.0"), "is the address of the network lab itself");
  EXPECT_EQ(address_mistake(site, "10.0.255.255"), "is the broadcast address of the network lab");
  EXPECT_EQ(address_mistake(site, "10.0.0.255"), "");
  EXPECT_EQ(address_mistake(site, "10.1.0.1"), "") << "a /31 has no broadcast address";
  EXPECT_EQ(address_mistake(site, "10.2.0.1"),
            "is in no network of this site (lab 10.0.0.0/16, link 10.1.0.0/31)");
  site.cidrs = {"10.2.0.0/24"};  // which another host reports
  EXPECT_EQ(address_mistake(site, "10.2.0.1"), "");
}

TEST(ScriptInput, TellsTheGuestAllButChangesOnlyWithWhatIsRead) {
  const auto input = [](const std::string& servers, const std::string& role) {
    const Resource r = web(std::string(good) + "port: 8080\nserver: " + servers).resource.value();
    const auto all = expand(r, built_in("web"));
    for (const Instance& i : all) {
      if (i.roles.front().value == role) {
        return script_input(r, built_in("web"), all, i, RoleName{role});
      }
    }
    return ScriptInput{};
  };
  const ScriptInput two = input("{ips: 10.0.0.11-12, image: a}", "balancer");
  EXPECT_EQ(two.environment.at("CIERZO_ADDRESSES_SERVER"), "10.0.0.11 10.0.0.12");
  EXPECT_EQ(two.environment.at("CIERZO_NAMES_SERVER"), "w-server-1 w-server-2");
  EXPECT_EQ(two.environment.at("CIERZO_ATTRIBUTE_PORT"), "8080");
  EXPECT_EQ(two.environment.at("CIERZO_INDEX"), "1");
  EXPECT_NE(two.json.find("\"port\": \"8080\""), std::string::npos);
  const std::string one = "{ips: 10.0.0.11, image: a}", more = "{ips: 10.0.0.11-12, image: a}";
  EXPECT_NE(input(one, "balancer").digest, input(more, "balancer").digest);
  EXPECT_EQ(input(one, "database").digest, input(more, "database").digest);
  EXPECT_EQ(input(one, "server").digest, input(more, "server").digest);
}

TEST(HostsFile, IsSortedByAddress) {
  const Resource r = web(std::string(good) + "server: [10.0.0.11, a]").resource.value();
  EXPECT_EQ(hosts_file(expand(r, built_in("web"))),
            "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
            "10.0.0.1 w-database-1\n10.0.0.3 w-balancer-1\n10.0.0.11 w-server-1\n");
}

}  // namespace
}  // namespace cierzo::test
