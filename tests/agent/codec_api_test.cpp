// The JSON of the control socket: its names and kinds of values are a promise to scripts.
#include "agent/net/codec_api.hpp"

#include <gtest/gtest.h>

#include "manifests/yaml_tree.hpp"

namespace cierzo::api {
namespace {

StatusView site() {
  StatusView view;
  view.leader = {1, "node1", 3};
  view.hosts = {{1, "node1", "alive", true, true, "10.77.0.11", "", 4194304, 3145728, 4, -1, ""}};
  view.resources = {{"web",
                     "myweb",
                     "running",
                     "degraded",
                     {{"myweb-server-1",
                       {"server", "cache"},
                       "10.77.1.11",
                       "",
                       "absent",
                       "unknown",
                       "3.1.7",
                       "no host can take it",
                       "server=5"}},
                     {{"server", 2, 3, 4}}}};
  return view;
}

TEST(CodecApi, KeepsTheNamesAndKindsOfStatus) {
  EXPECT_EQ(
      to_json(site()),
      R"({"leader":{"id":1,"name":"node1","term":3},)"
      R"("hosts":[{"id":1,"name":"node1","state":"alive","voter":true,)"
      R"("address":"10.77.0.11","reason":"","memory_total_kib":4194304,)"
      R"("memory_free_kib":3145728,"cpus_total":4,"cpus_free":-1,"lost_proof":"","witness":true}],)"
      R"("resources":[{"type":"web","name":"myweb","ensure":"running","state":"degraded",)"
      R"("instances":[{"name":"myweb-server-1","roles":["server","cache"],)"
      R"("address":"10.77.1.11","host":"","state":"absent","health":"unknown",)"
      R"("incarnation":"3.1.7","reason":"no host can take it","load":"server=5"}],)"
      R"("scale":[{"role":"server","wanted":2,"declared":3,"addresses":4}]}],)"
      R"("local_view":false,"no_leader":"","brake":""})");
}

TEST(CodecApi, SaysThatThereIsNoLeader) {
  StatusView view;
  view.local_view = true;
  view.no_leader = "1 of 3 voters reachable, 2 needed; missing: node2, node3";
  const std::string json = to_json(view);
  EXPECT_EQ(
      json,
      R"({"leader":null,"hosts":[],"resources":[],"local_view":true,)"
      R"("no_leader":"1 of 3 voters reachable, 2 needed; missing: node2, node3","brake":""})");
  const auto back = from_json<StatusView>(json);
  ASSERT_TRUE(std::holds_alternative<StatusView>(back));
  EXPECT_FALSE(std::get<StatusView>(back).leader);
}

TEST(CodecApi, ReadsWhatItWrites) {
  const auto back = from_json<StatusView>(to_json(site()));
  ASSERT_TRUE(std::holds_alternative<StatusView>(back));
  EXPECT_EQ(to_json(std::get<StatusView>(back)), to_json(site()));
}

TEST(CodecApi, HasTheSameFieldsInYaml) {
  PlanView view;
  view.actions = {{"start", "myweb-server-1", "node2", "host node1 lost", "start it"}};
  view.summary = "1 action";
  const manifests::YamlTree tree = manifests::parse_yaml_tree(to_yaml(view), "yaml");
  ASSERT_TRUE(tree.ok());
  ASSERT_EQ(tree.root.entries.size(), 4u);
  EXPECT_EQ(tree.root.entries[0].key, "actions");
  EXPECT_EQ(tree.root.entries[2].value.text, "1 action");
  const manifests::YamlNode& action = tree.root.entries[0].value.children.at(0);
  EXPECT_EQ(action.find("instance")->text, "myweb-server-1");
  EXPECT_EQ(action.entries.back().key, "text");

  const manifests::YamlTree status = manifests::parse_yaml_tree(to_yaml(site()), "yaml");
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status.root.find("leader")->find("term")->text, "3");
  EXPECT_FALSE(status.root.find("leader")->find("term")->quoted) << "numbers are numbers";
  EXPECT_EQ(to_yaml(StatusView{}).rfind("leader: null\nhosts: []\n", 0), 0u);
}

// What a script printed goes into `reason`, and may be anything.
TEST(CodecApi, MakesTextValid) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xa8", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xa8"},
      {"a\xff\xfe"
       "b",
       "a??b"},
      {"cut \xe2\x82", "cut ??"},
      {"long \xc0\xaf", "long ??"},
      {"half \xed\xa0\x80", "half ???"},
      {"far \xf4\x90\x80\x80", "far ????"},
  };
  for (const auto& [text, expected] : cases) {
    ErrorView view;
    view.error = text;
    const auto back = from_json<ErrorView>(to_json(view));
    ASSERT_TRUE(std::holds_alternative<ErrorView>(back)) << expected;
    EXPECT_EQ(std::get<ErrorView>(back).error, expected);
  }
}

TEST(CodecApi, RefusesMillionsOfEmptyParts) {
  std::string json = "{\"resources\":[{}";
  for (int i = 0; i < 300'000; ++i) json += ",{}";
  const auto read = from_json<ApplyRequest>(json + "]}");
  ASSERT_TRUE(std::holds_alternative<JsonError>(read));
  EXPECT_EQ(std::get<JsonError>(read).text, "it has too many parts");
}

TEST(CodecApi, CarriesResourcesAndTypesWhole) {
  ApplyRequest request;
  Resource resource;
  resource.name = {"myweb"};
  resource.type = "web";
  resource.type_digest = "abc";
  resource.slots[{"server"}] = {{"10.77.1.11", "web.qcow2", 1}, {"10.77.1.12", "web.qcow2", 2}};
  resource.count[{"server"}] = 1;
  resource.domain_template = "<domain>\n\xff</domain>";
  resource.pool = {"node1"};
  resource.memory_kib = 1234567;
  resource.attributes["port"] = "80";
  resource.secrets["app_password"] = "s\"e\ncret";
  request.resources = {resource};
  request.places["myweb"] = {"m.yaml:2:3", "m.yaml:9:5", {{"10.77.1.10", "ips:4:1"}}};
  request.types["web"] = {{"type.yaml", "type: web\n"}, {"start", "#!/bin/sh\n\xfe\n"}};
  const auto back = from_json<ApplyRequest>(to_json(request));
  ASSERT_TRUE(std::holds_alternative<ApplyRequest>(back)) << std::get<JsonError>(back).text;
  EXPECT_EQ(std::get<ApplyRequest>(back).resources, request.resources);
  EXPECT_EQ(std::get<ApplyRequest>(back).types, request.types);
  const Places& places = std::get<ApplyRequest>(back).places.at("myweb");
  EXPECT_EQ(places.title, "m.yaml:2:3");
  EXPECT_EQ(places.first_mac, "m.yaml:9:5");
  EXPECT_EQ(places.addresses, request.places.at("myweb").addresses);
}

TEST(CodecApi, RefusesWhatIsNotTheRightJson) {
  EXPECT_TRUE(std::holds_alternative<JsonError>(from_json<ApplyRequest>("")));
  EXPECT_TRUE(std::holds_alternative<JsonError>(from_json<ApplyRequest>("{\"resources\": 3}")));
  EXPECT_TRUE(std::holds_alternative<JsonError>(from_json<ApplyRequest>("{\"resources\": [{}]}")));
  // A newer program's field is no mistake.
  EXPECT_TRUE(std::holds_alternative<ErrorView>(from_json<ErrorView>(R"({"error":"a","x":[1]})")));
}

}  // namespace
}  // namespace cierzo::api
