// What the catalog and the state database hold.
#include <climits>
#include <cstdlib>
#include <set>

#include "agent/net/codec.hpp"
#include "agent/net/codec_parts.hpp"

namespace cierzo {
namespace {

using codec::Checker;

wire::Ensure put(Ensure value) {
  switch (value) {
    case Ensure::running:
      return wire::ENSURE_RUNNING;
    case Ensure::stopped:
      return wire::ENSURE_STOPPED;
    case Ensure::absent:
      return wire::ENSURE_ABSENT;
  }
  std::abort();
}

Ensure get(wire::Ensure from, Checker& check) {
  switch (from) {
    case wire::ENSURE_RUNNING:
      return Ensure::running;
    case wire::ENSURE_STOPPED:
      return Ensure::stopped;
    case wire::ENSURE_ABSENT:
      return Ensure::absent;
    default:
      break;
  }
  check.require(false, "resource: unknown ensure");
  return {};
}

template <class Message>
bool parse(Message& message, std::string_view bytes, Checker& check) {
  const bool parsed = bytes.size() <= INT_MAX &&
                      message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  check.require(parsed, "the bytes are torn, or not ours");
  return parsed;
}

void put_slots(const std::vector<Slot>& from, google::protobuf::RepeatedPtrField<wire::Slot>& to) {
  for (const Slot& slot : from) {
    wire::Slot& put = *to.Add();
    put.set_address(slot.address);
    put.set_image(slot.image);
    put.set_position(slot.position);
  }
}

std::vector<Slot> get_slots(const google::protobuf::RepeatedPtrField<wire::Slot>& from,
                            Checker& check) {
  std::vector<Slot> slots;
  for (const wire::Slot& slot : from) {
    check.require(slot.position() >= 1, "resource: a position below 1");
    slots.push_back(
        {check.name(slot.address(), "resource: address too long"), slot.image(), slot.position()});
  }
  return slots;
}

void put_counts(const Resource& from, const RoleName& role, wire::RoleSlots& to) {
  to.set_role(role.value);
  if (const auto count = from.count.find(role); count != from.count.end())
    to.set_count(count->second);
  if (const auto scaled = from.scaled.find(role); scaled != from.scaled.end())
    to.set_scaled(scaled->second);
  if (const auto spared = from.spared.find(role); spared != from.spared.end())
    for (const std::string& address : spared->second) to.add_spared(address);
  if (const auto leaving = from.leaving.find(role); leaving != from.leaving.end())
    put_slots(leaving->second, *to.mutable_leaving());
}

// Roles in `slots` and roles in `count` or `scaled` need not be the same ones.
void put_roles(const Resource& from, wire::ResourceRecord& to) {
  for (const auto& [role, slots] : from.slots) {
    wire::RoleSlots& one = *to.add_roles();
    put_counts(from, role, one);
    one.set_declared(true);
    put_slots(slots, *one.mutable_slots());
  }
  std::set<RoleName> counted;
  for (const auto* counts : {&from.count, &from.scaled}) {
    for (const auto& [role, count] : *counts) {
      if (!from.slots.contains(role)) counted.insert(role);
    }
  }
  for (const auto& [role, addresses] : from.spared) {
    if (!from.slots.contains(role)) counted.insert(role);
  }
  for (const auto& [role, slots] : from.leaving) {
    if (!from.slots.contains(role)) counted.insert(role);
  }
  for (const RoleName& role : counted) put_counts(from, role, *to.add_roles());
}

void get_roles(const wire::ResourceRecord& from, Resource& to, Checker& check) {
  std::set<RoleName> roles;
  for (const wire::RoleSlots& one : from.roles()) {
    const RoleName role{check.name(one.role(), "resource: name of a role too long")};
    check.require(roles.insert(role).second, "resource: a role is there twice");
    check.require(one.count() >= 0 && one.scaled() >= 0, "resource: a negative count");
    if (one.has_count()) to.count[role] = one.count();
    if (one.has_scaled()) to.scaled[role] = one.scaled();
    for (const std::string& address : one.spared()) {
      to.spared[role].insert(check.name(address, "resource: address too long"));
    }
    if (one.leaving_size() > 0) to.leaving[role] = get_slots(one.leaving(), check);
    if (one.declared()) to.slots[role] = get_slots(one.slots(), check);
  }
}

}  // namespace

std::string encode_resource(const Resource& resource) {
  wire::ResourceRecord to;
  to.set_name(resource.name.value);
  to.set_type(resource.type);
  to.set_type_digest(resource.type_digest);
  to.set_ensure(put(resource.ensure));
  put_roles(resource, to);
  to.set_domain_template(resource.domain_template);
  for (const std::string& host : resource.pool) to.add_pool(host);
  to.set_memory_kib(resource.memory_kib);
  to.set_vcpus(resource.vcpus);
  to.set_first_mac(resource.first_mac);
  to.set_on_isolation(codec::put(resource.on_isolation));
  to.set_disk(codec::put(resource.disk));
  codec::put_pairs(resource.attributes, *to.mutable_attributes());
  codec::put_pairs(resource.secrets, *to.mutable_secrets());
  return to.SerializeAsString();
}

std::optional<Resource> decode_resource(std::string_view bytes, std::string& error) {
  Checker check(error);
  wire::ResourceRecord from;
  if (!parse(from, bytes, check)) return std::nullopt;
  Resource to;
  check.require(!from.name().empty() && !from.type().empty(), "resource: no name or type");
  check.require(from.memory_kib() > 0 && from.vcpus() > 0, "resource: no memory or CPU");
  to.name.value = check.name(from.name(), "resource: name too long");
  to.type = check.name(from.type(), "resource: type too long");
  to.type_digest = check.name(from.type_digest(), "resource: digest too long");
  to.ensure = get(from.ensure(), check);
  get_roles(from, to, check);
  to.domain_template = from.domain_template();
  to.pool = codec::get_names(from.pool(), check, "resource: a host of the pool is too long");
  to.memory_kib = from.memory_kib();
  to.vcpus = from.vcpus();
  to.first_mac = check.name(from.first_mac(), "resource: mac too long");
  to.on_isolation = codec::get(from.on_isolation(), check);
  to.disk = codec::get(from.disk(), check);
  to.attributes = codec::get_pairs(from.attributes(), check);
  to.secrets = codec::get_pairs(from.secrets(), check);
  if (!check.ok()) return std::nullopt;
  return to;
}

std::string encode_type_files(const TypeFiles& files) {
  wire::TypeRecord to;
  codec::put_pairs(files, *to.mutable_files());
  return to.SerializeAsString();
}

std::optional<TypeFiles> decode_type_files(std::string_view bytes, std::string& error) {
  Checker check(error);
  wire::TypeRecord from;
  if (!parse(from, bytes, check)) return std::nullopt;
  TypeFiles to = codec::get_pairs(from.files(), check);
  check.require(!to.empty(), "type: no files");
  if (!check.ok()) return std::nullopt;
  return to;
}

std::string encode_held(const HeldRecord& held) {
  wire::HeldRecord to;
  for (const InstanceName& name : held.instances) to.add_instances(name.value);
  return to.SerializeAsString();
}

std::optional<HeldRecord> decode_held(std::string_view bytes, std::string& error) {
  Checker check(error);
  wire::HeldRecord from;
  if (!parse(from, bytes, check)) return std::nullopt;
  HeldRecord to;
  for (std::string& name : codec::get_names(from.instances(), check, "held: name too long")) {
    check.require(!name.empty(), "held: an instance without a name");
    to.instances.push_back(InstanceName{std::move(name)});
  }
  if (!check.ok()) return std::nullopt;
  return to;
}

std::string encode_breaker(const Breaker& breaker) {
  wire::BreakerRecord to;
  to.set_instance(breaker.instance.value);
  to.set_role(breaker.role.value);
  *to.mutable_incarnation() = codec::put(breaker.incarnation);
  to.set_inputs(breaker.inputs);
  to.set_reason(breaker.reason);
  to.set_reset(breaker.reset);
  return to.SerializeAsString();
}

std::optional<Breaker> decode_breaker(std::string_view bytes, std::string& error) {
  Checker check(error);
  wire::BreakerRecord from;
  if (!parse(from, bytes, check)) return std::nullopt;
  check.require(!from.instance().empty() && !from.role().empty() && from.has_incarnation(),
                "breaker: a part is missing");
  Breaker to;
  to.instance.value = check.name(from.instance(), "breaker: name of an instance too long");
  to.role.value = check.name(from.role(), "breaker: name of a role too long");
  to.incarnation = codec::get(from.incarnation(), check);
  to.inputs = check.name(from.inputs(), "breaker: digest too long");
  to.reason = from.reason();
  to.reset = from.reset();
  if (!check.ok()) return std::nullopt;
  return to;
}

std::string encode_outputs(const Said& said) {
  wire::OutputsRecord to;
  to.set_resource(said.resource.value);
  to.set_instance(said.key.first.value);
  to.set_role(said.key.second.value);
  codec::put_pairs(said.outputs, *to.mutable_outputs());
  return to.SerializeAsString();
}

std::optional<Said> decode_outputs(std::string_view bytes, std::string& error) {
  Checker check(error);
  wire::OutputsRecord from;
  if (!parse(from, bytes, check)) return std::nullopt;
  check.require(!from.resource().empty() && !from.instance().empty() && !from.role().empty(),
                "outputs: a part is missing");
  Said to;
  to.resource.value = check.name(from.resource(), "outputs: name of a resource too long");
  to.key.first.value = check.name(from.instance(), "outputs: name of an instance too long");
  to.key.second.value = check.name(from.role(), "outputs: name of a role too long");
  to.outputs = codec::get_pairs(from.outputs(), check);
  if (!check.ok()) return std::nullopt;
  return to;
}

std::string encode_record(const election::Record& record) {
  wire::VoterRecord to;
  to.set_site(record.site);
  to.set_votes(record.votes);
  *to.mutable_members() = codec::put(record.members);
  to.set_state_id(record.state_id);
  *to.mutable_promised() = codec::put(record.promised);
  *to.mutable_promised_before() = codec::put(record.promised_before);
  *to.mutable_last_led() = codec::put(record.last_led);
  to.set_permit_interruptions(record.permit_interruptions);
  *to.mutable_longest() = codec::put(record.longest);
  if (record.timing) *to.mutable_timing() = codec::put(*record.timing);
  for (const auto& [host, state_id] : record.founding) {
    wire::HostState& one = *to.add_founding();
    one.set_host(host.value);
    one.set_state_id(state_id);
  }
  for (const std::string& site : record.rivals) to.add_rivals(site);
  return to.SerializeAsString();
}

std::optional<election::Record> decode_record(std::string_view bytes, std::string& error) {
  Checker check(error);
  wire::VoterRecord from;
  if (!parse(from, bytes, check)) return std::nullopt;
  election::Record to;
  check.require(from.has_promised() && from.has_promised_before() && from.has_last_led() &&
                    from.has_longest() && from.has_members(),
                "record: a part is missing");
  to.site = check.name(from.site(), "record: site id too long");
  to.votes = from.votes();
  to.members = codec::get(from.members(), check);
  to.state_id = check.name(from.state_id(), "record: state id too long");
  to.promised = codec::get(from.promised());
  to.promised_before = codec::get(from.promised_before());
  to.last_led = codec::get(from.last_led());
  to.permit_interruptions = from.permit_interruptions();
  to.longest = codec::get(from.longest(), check);
  if (from.has_timing()) to.timing = codec::get(from.timing(), check);
  for (const wire::HostState& one : from.founding()) {
    to.founding[codec::get_host(one.host(), check, "record: host 0")] =
        check.name(one.state_id(), "record: state id too long");
  }
  for (const std::string& site : from.rivals()) {
    to.rivals.push_back(check.name(site, "record: site id too long"));
  }
  if (!check.ok()) return std::nullopt;
  return to;
}

std::string encode_command(const Command& command) {
  return codec::put(command).SerializeAsString();
}

std::optional<Command> decode_command(std::string_view bytes, std::string& error) {
  Checker check(error);
  wire::Command from;
  if (!parse(from, bytes, check)) return std::nullopt;
  Command to = codec::get(from, check);
  if (!check.ok()) return std::nullopt;
  return to;
}

}  // namespace cierzo
