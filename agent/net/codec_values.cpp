// Terms, stamps, timings and catalogs.
#include <cmath>

#include "agent/net/codec_parts.hpp"

namespace cierzo::codec {

HostId get_host(std::uint32_t id, Checker& check, const char* what) {
  check.require(id != 0, what);
  return HostId{id};
}

Duration get_length(std::int64_t nanoseconds, Checker& check, const char* what) {
  check.require(nanoseconds >= 0 && Duration(nanoseconds) <= length_max, what);
  return Duration(nanoseconds);
}

wire::Term put(const Term& term) {
  wire::Term to;
  to.set_counter(term.counter);
  to.set_owner(term.owner.value);
  return to;
}

Term get(const wire::Term& from) { return {from.counter(), HostId{from.owner()}}; }

wire::Stamp put(const Stamp& stamp) {
  wire::Stamp to;
  *to.mutable_term() = put(stamp.term);
  to.set_sequence(stamp.sequence);
  return to;
}

Stamp get(const wire::Stamp& from, Checker& check) {
  check.require(from.has_term(), "stamp: no term");
  return {get(from.term()), from.sequence()};
}

wire::BootTime put(const BootTime& at) {
  wire::BootTime to;
  to.set_boot(at.boot);
  to.set_at(at.at.count());
  return to;
}

BootTime get(const wire::BootTime& from, Checker& check) {
  return {check.name(from.boot(), "boot id: too long"), Time(from.at())};
}

wire::Timing put(const election::Timing& timing) {
  wire::Timing to;
  to.set_heartbeat(timing.heartbeat.count());
  to.set_lease(timing.lease.count());
  to.set_permit(timing.permit.count());
  to.set_answer(timing.answer.count());
  to.set_drift(timing.drift);
  to.set_guard_delay(timing.guard_delay.count());
  to.set_destroy_after(timing.destroy_after.count());
  return to;
}

// The same conditions as for an operator's: a message must not make a timing that no configuration
// could.
election::Timing get(const wire::Timing& from, Checker& check) {
  constexpr const char* impossible = "timing: impossible values";
  const auto length = [&check](std::int64_t nanoseconds) {
    // A bound, so that their multiples do not overflow.
    check.require(Duration(nanoseconds) <= std::chrono::hours(24), impossible);
    return get_length(nanoseconds, check, impossible);
  };
  election::Timing to;
  to.heartbeat = length(from.heartbeat());
  to.lease = length(from.lease());
  to.permit = length(from.permit());
  to.answer = length(from.answer());
  to.drift = from.drift();
  to.guard_delay = length(from.guard_delay());
  to.destroy_after = length(from.destroy_after());
  check.require(check.ok() && std::isfinite(to.drift) && election::mistakes(to).empty(),
                impossible);
  return to;
}

wire::Longest put(const election::Longest& longest) {
  wire::Longest to;
  to.set_lease(longest.lease.count());
  to.set_permit(longest.permit.count());
  to.set_permit_minus_lease(longest.permit_minus_lease.count());
  return to;
}

election::Longest get(const wire::Longest& from, Checker& check) {
  constexpr const char* negative = "longest: an impossible length";
  return {get_length(from.lease(), check, negative), get_length(from.permit(), check, negative),
          get_length(from.permit_minus_lease(), check, negative)};
}

wire::Configuration put(const election::Configuration& members) {
  wire::Configuration to;
  *to.mutable_as_of() = put(members.as_of);
  *to.mutable_version() = put(members.version);
  to.set_text(members.text);
  return to;
}

election::Configuration get(const wire::Configuration& from, Checker& check) {
  check.require(from.has_as_of() && from.has_version(), "members: a part is missing");
  return {get(from.as_of(), check), get(from.version(), check), from.text()};
}

wire::Catalog put(const election::Catalog& catalog) {
  wire::Catalog to;
  *to.mutable_stamp() = put(catalog.stamp);
  for (const auto& [key, value] : catalog.entries) {
    wire::CatalogEntry& entry = *to.add_entries();
    entry.set_key(key);
    entry.set_value(value);
  }
  return to;
}

election::Catalog get(const wire::Catalog& from, Checker& check) {
  election::Catalog to;
  check.require(from.has_stamp(), "catalog: no stamp");
  to.stamp = get(from.stamp(), check);
  for (const wire::CatalogEntry& entry : from.entries()) {
    check.require(!entry.key().empty(), "catalog: an entry without a key");
    check.require(entry.has_value(), "catalog: an entry without a value");
    const bool fresh =
        to.entries.emplace(check.name(entry.key(), "catalog: a key is too long"), entry.value())
            .second;
    check.require(fresh, "catalog: a key is there twice");
  }
  return to;
}

wire::CatalogDelta put(const election::CatalogDelta& delta) {
  wire::CatalogDelta to;
  to.set_whole(delta.whole);
  *to.mutable_follows() = put(delta.follows);
  *to.mutable_stamp() = put(delta.stamp);
  for (const election::CatalogChange& change : delta.changes) {
    wire::CatalogEntry& entry = *to.add_changes();
    entry.set_key(change.key);
    if (change.value) entry.set_value(*change.value);
  }
  return to;
}

election::CatalogDelta get(const wire::CatalogDelta& from, Checker& check) {
  election::CatalogDelta to;
  check.require(from.has_follows() && from.has_stamp(), "catalog change: no stamp");
  to.whole = from.whole();
  to.follows = get(from.follows(), check);
  to.stamp = get(from.stamp(), check);
  for (const wire::CatalogEntry& entry : from.changes()) {
    check.require(!entry.key().empty(), "catalog change: an entry without a key");
    election::CatalogChange& change = to.changes.emplace_back();
    change.key = check.name(entry.key(), "catalog change: a key is too long");
    if (entry.has_value()) change.value = entry.value();
  }
  return to;
}

}  // namespace cierzo::codec
