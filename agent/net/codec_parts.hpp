// What the codec*.cpp files share. Gate file: protobuf's types stay in codec*.
//
// For every structure there are put(structure) -> message and get(message, check) -> structure. A
// get goes on after a mistake with whatever is there: the caller looks at the Checker once, at the
// end.
#pragma once
#include <string>

#include "agent/messages.hpp"
#include "agent/net/cierzo.pb.h"
#include "election/durable.hpp"
#include "resources/resource.hpp"

namespace cierzo::codec {

inline constexpr std::size_t name_bytes_max = 255;  // Of names, ids, addresses and digests.
inline constexpr Duration length_max{
    1'000'000'000'000'000'000};  // 31 years: sums with it never overflow.

class Checker {
 public:
  explicit Checker(std::string& error) : error_(error) {}
  // Keeps the first mistake. `what` is a literal: the place, as "heartbeat: no term".
  void require(bool condition, const char* what) {
    if (!condition && ok_) {
      ok_ = false;
      error_ = what;
    }
  }
  const std::string& name(const std::string& text, const char* what) {
    require(text.size() <= name_bytes_max, what);
    return text;
  }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  std::string& error_;
  bool ok_ = true;
};

// codec_values.cpp
wire::Term put(const Term& term);
wire::Stamp put(const Stamp& stamp);
wire::BootTime put(const BootTime& at);
wire::Timing put(const election::Timing& timing);
wire::Longest put(const election::Longest& longest);
wire::Configuration put(const election::Configuration& members);
wire::Catalog put(const election::Catalog& catalog);
wire::CatalogDelta put(const election::CatalogDelta& delta);
Term get(const wire::Term& from);
Stamp get(const wire::Stamp& from, Checker& check);
BootTime get(const wire::BootTime& from, Checker& check);
election::Timing get(const wire::Timing& from, Checker& check);
election::Longest get(const wire::Longest& from, Checker& check);
election::Configuration get(const wire::Configuration& from, Checker& check);
election::Catalog get(const wire::Catalog& from, Checker& check);
election::CatalogDelta get(const wire::CatalogDelta& from, Checker& check);
HostId get_host(std::uint32_t id, Checker& check, const char* what);  // Not nobody.
Duration get_length(std::int64_t nanoseconds, Checker& check,
                    const char* what);  // 0 to length_max.

// codec_election.cpp
wire::ElectionMessage put(const election::Message& message);
election::Message get(const wire::ElectionMessage& from, Checker& check);

// codec_action.cpp
wire::OnIsolation put(OnIsolation value);
wire::Disk put(Disk value);
wire::Member put(const Member& from);
Member get(const wire::Member& from, Checker& check);
OnIsolation get(wire::OnIsolation from, Checker& check);
Disk get(wire::Disk from, Checker& check);
wire::Action put(const Action& action);
Action get(const wire::Action& from, Checker& check);
wire::Command put(const Command& command);
Command get(const wire::Command& from, Checker& check);

// codec_report.cpp
wire::Report put(const Report& report);
Report get(const wire::Report& from, Checker& check);

using Pairs = google::protobuf::RepeatedPtrField<wire::Pair>;
using Strings = google::protobuf::RepeatedPtrField<std::string>;

inline void put_pairs(const std::map<std::string, std::string>& from, Pairs& to) {
  for (const auto& [key, value] : from) {
    wire::Pair& pair = *to.Add();
    pair.set_key(key);
    pair.set_value(value);
  }
}

inline std::map<std::string, std::string> get_pairs(const Pairs& from, Checker& check) {
  std::map<std::string, std::string> to;
  for (const wire::Pair& pair : from) {
    check.require(to.emplace(pair.key(), pair.value()).second, "a key is there twice");
  }
  return to;
}

inline std::vector<std::string> get_names(const Strings& from, Checker& check, const char* what) {
  std::vector<std::string> to;
  for (const std::string& text : from) to.push_back(check.name(text, what));
  return to;
}

}  // namespace cierzo::codec
