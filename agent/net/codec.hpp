// Between our structures and bytes. The schema is cierzo.proto; protobuf's own types stay in
// codec*.cpp. Pure.
//
// Reading is strict where a mistake could be acted on: a missing message, an unknown kind or
// enumerator, a host id 0 where there must be one, a name or text beyond its bound are refused with
// a reason. Fields that this version does not know are ignored, so that hosts can be upgraded one
// at a time.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/messages.hpp"
#include "election/durable.hpp"
#include "resources/resource.hpp"

namespace cierzo {

// Rises only when old agents must not even try to read: adding fields is no reason.
inline constexpr std::uint32_t wire_version = 1;

// A message within message_bytes_max may be millions of empty parts, of two bytes each, that would
// take hundreds of times the room in memory: it is refused before it is taken apart. A full catalog
// has 450,000 (catalog_bytes_max).
inline constexpr std::size_t message_parts_max = 500'000;

[[nodiscard]] std::string encode(const PeerMessage& message);
// None: `error` says why, for a log line: "unknown kind of message", "store.delta.changes: key is
// empty".
[[nodiscard]] std::optional<PeerMessage> decode(std::string_view bytes, std::string& error);

// What the catalog's entries hold; the catalog itself knows only bytes.
[[nodiscard]] std::string encode_resource(const Resource& resource);
[[nodiscard]] std::optional<Resource> decode_resource(std::string_view bytes, std::string& error);

// Type::files
using TypeFiles = std::map<std::string, std::string>;
[[nodiscard]] std::string encode_type_files(const TypeFiles& files);
[[nodiscard]] std::optional<TypeFiles> decode_type_files(std::string_view bytes,
                                                         std::string& error);

// Beside the held mark (election::held_key): what ran on the host when it was stopped cleanly.
struct HeldRecord {
  std::vector<InstanceName> instances;
  bool operator==(const HeldRecord&) const = default;
};
[[nodiscard]] std::string encode_held(const HeldRecord& held);
[[nodiscard]] std::optional<HeldRecord> decode_held(std::string_view bytes, std::string& error);

[[nodiscard]] std::string encode_outputs(const Said& said);
[[nodiscard]] std::optional<Said> decode_outputs(std::string_view bytes, std::string& error);
[[nodiscard]] std::string encode_breaker(const Breaker& breaker);
[[nodiscard]] std::optional<Breaker> decode_breaker(std::string_view bytes, std::string& error);

// What the state database holds beside the catalog.
[[nodiscard]] std::string encode_record(const election::Record& record);
[[nodiscard]] std::optional<election::Record> decode_record(std::string_view bytes,
                                                            std::string& error);
[[nodiscard]] std::string encode_command(const Command& command);
[[nodiscard]] std::optional<Command> decode_command(std::string_view bytes, std::string& error);

}  // namespace cierzo
