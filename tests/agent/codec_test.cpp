// What is encoded is decoded, every field of it; and what could not have been encoded is refused
// with a reason.
#include "agent/net/codec.hpp"

#include <gtest/gtest.h>

#include <random>

#include "agent/net/cierzo.pb.h"
#include "tests/agent/fields.hpp"

namespace cierzo {
namespace {

using fields::Dump;
using fields::Filler;

// A report's instances are its own.
void make_consistent(Report& report) {
  for (Observed& observed : report.instances) observed.host = report.host;
}

// One of each kind, every field of it filled.
std::vector<PeerMessage> one_of_each() {
  std::vector<PeerMessage> all;
  const auto add = [&all](auto message) {
    Filler().fill(message);
    all.emplace_back(std::move(message));
  };
  add(Hello{});
  add(ReportRequest{});
  add(CommandResult{});
  std::get<CommandResult>(all.back()).ok =
      false;  // Refused and done is a contradiction, and refused as one.
  add(Forward{});
  add(ForwardAnswer{});
  std::get<ForwardAnswer>(all.back()).status = 404;
  Report report;
  Filler().fill(report);
  make_consistent(report);
  all.emplace_back(report);

  const auto add_body = [&all](auto body) {
    election::Message message;
    message.body = body;
    Filler().fill(message);
    all.emplace_back(std::move(message));
  };
  add_body(election::Election{});
  add_body(election::Answer{});
  add_body(election::Coordinator{});
  add_body(election::Accept{});
  add_body(election::Refuse{});
  add_body(election::Heartbeat{});
  add_body(election::HeartbeatAck{});
  add_body(election::Store{});
  add_body(election::Stored{});
  add_body(election::Release{});
  add_body(election::Fetch{});
  add_body(election::FetchReply{});
  add_body(election::StateQuery{});
  add_body(election::StateAnswer{});
  add_body(election::Found{});
  EXPECT_EQ(std::variant_size_v<election::Body>, 15U) << "a new kind of message: add it above";

  const auto add_work = [&all](auto work) {
    Command command;
    command.action.work = work;
    Filler().fill(command);
    all.emplace_back(std::move(command));
  };
  add_work(StartVm{});
  add_work(StopVm{});
  add_work(RemoveDisk{});
  add_work(ResetVm{});
  add_work(Resume{});
  add_work(Configure{});
  add_work(RunScript{});
  add_work(Attend{});
  EXPECT_EQ(std::variant_size_v<Work>, 8U) << "a new kind of work: add it above";
  EXPECT_EQ(std::variant_size_v<PeerMessage>, 8U) << "a new kind of message: add it above";
  return all;
}

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

TEST(Codec, fields_of_a_later_version_are_ignored) {
  // Field 1000 of the envelope, a text.
  std::string bytes = encode(Hello{});
  bytes += "\xc2\x3e\x03new";
  std::string error;
  EXPECT_TRUE(decode(bytes, error)) << error;
}

// Neither crashes nor accepts what it could not encode again.
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

}  // namespace
}  // namespace cierzo
