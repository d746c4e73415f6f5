// What is encoded is decoded, every field of it; and what could not have been encoded is refused
// with a reason.
#include "agent/net/codec.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>

#include "agent/net/cierzo.pb.h"
#include "tests/agent/fields.hpp"
#include "tests/agent/samples.hpp"

namespace cierzo {
namespace {

using fields::Dump;
using fields::Filler;
using samples::kind_of;
using samples::make_consistent;
using samples::one_of_each;

TEST(Codec, every_field_of_every_message_arrives) {
  for (const PeerMessage& message : one_of_each()) {
    std::string error;
    const auto got = decode(encode(message), error);
    ASSERT_TRUE(got) << error << " in " << Dump::of(message);
    EXPECT_EQ(Dump::of(*got), Dump::of(message));
  }
}

TEST(Codec, a_message_of_defaults_arrives) {
  election::Message heartbeat;
  heartbeat.body = election::Heartbeat{{}, 0, std::nullopt, {}, election::default_timing()};
  std::string error;
  const auto got = decode(encode(heartbeat), error);
  ASSERT_TRUE(got) << error;
  EXPECT_EQ(Dump::of(*got), Dump::of(PeerMessage(heartbeat)));
}

TEST(Codec, what_is_stored_is_read_again) {
  std::string error;
  Resource resource;
  Filler().fill(resource);
  resource.count[resource.slots.begin()->first] = 0;
  resource.slots[RoleName{"empty"}] = {};
  const auto resource_again = decode_resource(encode_resource(resource), error);
  ASSERT_TRUE(resource_again) << error;
  EXPECT_EQ(*resource_again, resource);
  EXPECT_EQ(Dump::of(*resource_again), Dump::of(resource));

  election::Record record;
  Filler().fill(record);
  const auto record_again = decode_record(encode_record(record), error);
  ASSERT_TRUE(record_again) << error;
  EXPECT_EQ(Dump::of(*record_again), Dump::of(record));
  EXPECT_EQ(decode_record(encode_record({}), error), election::Record{});

  Command command;
  Filler().fill(command);
  const auto command_again = decode_command(encode_command(command), error);
  ASSERT_TRUE(command_again) << error;
  EXPECT_EQ(Dump::of(*command_again), Dump::of(command));

  const TypeFiles files = {{"type.yaml", "roles: []\n"}, {"start.sh", std::string("\0\xff", 2)}};
  EXPECT_EQ(decode_type_files(encode_type_files(files), error), files);
  const HeldRecord held{{InstanceName{"a"}, InstanceName{"b"}}};
  EXPECT_EQ(decode_held(encode_held(held), error), held);
  EXPECT_EQ(decode_held(encode_held({}), error), HeldRecord{});
  Breaker breaker;
  fields::Filler().fill(breaker);
  EXPECT_EQ(decode_breaker(encode_breaker(breaker), error), breaker);
  EXPECT_FALSE(decode_breaker(encode_breaker({}), error));
  EXPECT_EQ(error, "breaker: a part is missing");
}

TEST(Codec, output_of_programs_need_not_be_text) {
  const std::string bytes("\xff\xfe\0oops", 7);
  std::string error;
  const auto got = decode(encode(CommandResult{{}, false, false, bytes}), error);
  ASSERT_TRUE(got) << error;
  EXPECT_EQ(std::get<CommandResult>(*got).error, bytes);
}

std::string refusal(const wire::Envelope& envelope) {
  std::string error;
  EXPECT_FALSE(decode(envelope.SerializeAsString(), error));
  return error;
}

wire::Envelope envelope(const PeerMessage& message) {
  wire::Envelope to;
  EXPECT_TRUE(to.ParseFromString(encode(message)));
  return to;
}

TEST(Codec, what_is_missing_unknown_or_too_long_is_refused_with_a_reason) {
  wire::Envelope bad;
  EXPECT_EQ(refusal(bad), "it is of another version of the protocol");
  bad.set_version(wire_version);
  EXPECT_EQ(refusal(bad), "unknown kind of message");

  election::Message heartbeat;
  heartbeat.body =
      election::Heartbeat{{1, HostId{1}}, 1, std::nullopt, {}, election::default_timing()};
  bad = envelope(heartbeat);
  bad.mutable_election()->mutable_heartbeat()->clear_term();
  EXPECT_EQ(refusal(bad), "election: a message without its term");

  // A timing that no configuration could make: a lease for ever would be a leader for ever.
  bad = envelope(heartbeat);
  bad.mutable_election()->mutable_heartbeat()->mutable_timing()->set_lease(INT64_MAX);
  EXPECT_EQ(refusal(bad), "timing: impossible values");
  bad = envelope(heartbeat);
  bad.mutable_election()->mutable_heartbeat()->mutable_timing()->set_drift(std::nan(""));
  EXPECT_EQ(refusal(bad), "timing: impossible values");
  bad = envelope(heartbeat);
  wire::Timing& timing = *bad.mutable_election()->mutable_heartbeat()->mutable_timing();
  timing.set_permit(timing.lease());
  EXPECT_EQ(refusal(bad), "timing: impossible values");

  bad = envelope(election::Message{"", election::Answer{}});
  bad.mutable_election()->mutable_answer()->set_kind(static_cast<wire::AnswerKind>(99));
  EXPECT_EQ(refusal(bad), "answer: unknown kind");

  bad = envelope(Hello{});
  bad.mutable_hello()->set_process(std::string(256, 'x'));
  EXPECT_EQ(refusal(bad), "hello: process too long");

  Report report;
  Filler().fill(report);
  make_consistent(report);
  report.instances[0].host = HostId{report.host.value + 1};
  EXPECT_EQ(refusal(envelope(report)), "report: an instance of another host");
}

// Two bytes each on the wire, hundreds in memory: 8 MiB of them would take gigabytes.
TEST(Codec, millions_of_empty_parts_are_refused_before_they_are_taken_apart) {
  wire::Envelope many;
  many.set_version(wire_version);
  wire::Report& report = *many.mutable_report();
  for (std::size_t i = 0; i <= message_parts_max; ++i) report.add_instances();
  EXPECT_EQ(refusal(many), "it has too many parts");
  report.clear_instances();
  for (std::size_t i = 0; i <= message_parts_max; ++i) report.add_networks();
  EXPECT_EQ(refusal(many), "it has too many parts");
  report.mutable_networks()->DeleteSubrange(0, 1000);
  EXPECT_NE(refusal(many), "it has too many parts");
}

TEST(Codec, fields_of_a_later_version_are_ignored) {
  // Field 1000 of the envelope, a text.
  std::string bytes = encode(Hello{});
  bytes += "\xc2\x3e\x03new";
  std::string error;
  EXPECT_TRUE(decode(bytes, error)) << error;
}

// Neither crashes nor accepts what it could not encode again.
// While a site is upgraded some hosts have an agent that says nothing of drains and members: what
// it says of the rest is worth as much as before.
TEST(Codec, a_report_of_a_version_without_drains_is_taken) {
  Report report;
  Filler().fill(report);
  make_consistent(report);
  for (Observed& seen : report.instances) {
    seen.joined.clear();
    for (auto& [name, role] : seen.roles) {
      role.draining = Draining::no;
      role.drain_since = {};
      role.drain = {};
      role.outputs.clear();
    }
  }
  wire::Envelope earlier = envelope(report);
  for (wire::Observed& seen : *earlier.mutable_report()->mutable_instances()) {
    ASSERT_GT(seen.roles_size(), 0);
    for (wire::RoleObserved& role : *seen.mutable_roles()) {
      role.clear_draining();
      role.clear_drain_since();
      role.clear_drain();
    }
  }
  std::string error;
  const auto got = decode(earlier.SerializeAsString(), error);
  ASSERT_TRUE(got) << error;
  EXPECT_EQ(Dump::of(*got), Dump::of(PeerMessage(report)));

  // One that does say something must say what is known here.
  earlier.mutable_report()->mutable_instances(0)->mutable_roles(0)->set_draining(
      static_cast<wire::Draining>(99));
  EXPECT_EQ(refusal(earlier), "report: unknown state of draining");
}

TEST(Codec, any_bytes_are_refused_or_sound) {
  std::mt19937 random(7);
  const std::vector<PeerMessage> samples = one_of_each();
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = encode(samples[random() % samples.size()]);
    for (int edits = 1 + static_cast<int>(random() % 3); edits > 0 && !bytes.empty(); --edits) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 8);
          break;
        default:
          bytes.resize(at);
          break;
      }
    }
    std::string error;
    if (const auto got = decode(bytes, error)) {
      const auto again = decode(encode(*got), error);
      ASSERT_TRUE(again) << error;
      ASSERT_EQ(Dump::of(*again), Dump::of(*got));
    } else {
      ASSERT_FALSE(error.empty());
    }
  }
}

// tests/fuzz/wire_fuzz.cpp begins with these: a kind that none of them has is one that the fuzzer
// would have to guess. CIERZO_REWRITE=1 writes them anew.
TEST(Codec, the_fuzzers_seeds_hold_every_kind) {
  const std::filesystem::path folder = CIERZO_SOURCE_DIR "/tests/agent/corpus/wire";
  if (std::getenv("CIERZO_REWRITE") != nullptr) {
    std::filesystem::create_directories(folder);
    for (const PeerMessage& message : one_of_each()) {
      std::ofstream(folder / kind_of(message), std::ios::binary) << encode(message);
    }
  }
  std::set<std::string> seen;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::ostringstream bytes;
    bytes << std::ifstream(file.path(), std::ios::binary).rdbuf();
    std::string error;
    const auto message = decode(bytes.str(), error);
    EXPECT_TRUE(message) << file.path() << ": " << error << "; write it anew: CIERZO_REWRITE=1";
    if (message) seen.insert(kind_of(*message));
  }
  for (const PeerMessage& message : one_of_each()) {
    EXPECT_TRUE(seen.contains(kind_of(message)))
        << "no seed of kind " << kind_of(message) << ": CIERZO_REWRITE=1 writes them";
  }
}

}  // namespace
}  // namespace cierzo
