#include "agent/net/codec_views.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

#include "agent/net/codec.hpp"

namespace cierzo::api {
namespace {

namespace pb = google::protobuf;

// The length of the valid UTF-8 character at the beginning of `text`; 0: there is none.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  std::size_t size = 1;
  if (first >= 0x80) size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first > 0xf4 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;   // Longer than it need be.
  if (first == 0xed && byte(1) >= 0xa0) return 0;  // Half of a surrogate pair.
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) >= 0x90) return 0;  // Beyond U+10FFFF.
  return size;
}

std::string utf8(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character(text);
    out += size == 0 ? "?" : text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

double number(std::uint64_t value) { return static_cast<double>(value); }

std::uint64_t whole(double value) {
  constexpr double most = 9007199254740992.0;  // 2^53
  return value >= 0 && value <= most ? static_cast<std::uint64_t>(value) : 0;
}

void fill_all(const std::vector<std::string>& from, pb::RepeatedPtrField<std::string>* to) {
  for (const std::string& text : from) *to->Add() = utf8(text);
}
template <class From, class To>
void fill_all(const std::vector<From>& from, pb::RepeatedPtrField<To>* to) {
  for (const From& row : from) fill(row, *to->Add());
}

void read_all(const pb::RepeatedPtrField<std::string>& from, std::vector<std::string>& to) {
  to.assign(from.begin(), from.end());
}
template <class From, class To>
void read_all(const pb::RepeatedPtrField<From>& from, std::vector<To>& to) {
  for (const From& row : from) read(row, to.emplace_back());
}

}  // namespace

void fill(const LeaderView& from, wire::LeaderView& to) {
  to.set_id(from.id);
  to.set_name(utf8(from.name));
  to.set_term(number(from.term));
}
void read(const wire::LeaderView& from, LeaderView& to) {
  to.id = from.id();
  to.name = from.name();
  to.term = whole(from.term());
}

void fill(const HostRow& from, wire::HostRow& to) {
  to.set_id(from.id);
  to.set_name(utf8(from.name));
  to.set_state(utf8(from.state));
  to.set_voter(from.voter);
  to.set_witness(from.witness);
  to.set_address(utf8(from.address));
  to.set_reason(utf8(from.reason));
  to.set_memory_total_kib(number(from.memory_total_kib));
  to.set_memory_free_kib(number(from.memory_free_kib));
  to.set_cpus_total(from.cpus_total);
  to.set_cpus_free(from.cpus_free);
  to.set_lost_proof(utf8(from.lost_proof));
}
void read(const wire::HostRow& from, HostRow& to) {
  to.id = from.id();
  to.name = from.name();
  to.state = from.state();
  to.voter = from.voter();
  to.witness = from.witness();
  to.address = from.address();
  to.reason = from.reason();
  to.memory_total_kib = whole(from.memory_total_kib());
  to.memory_free_kib = whole(from.memory_free_kib());
  to.cpus_total = from.cpus_total();
  to.cpus_free = from.cpus_free();
  to.lost_proof = from.lost_proof();
}

void fill(const HostChange& from, wire::HostChange& to) {
  to.set_action(utf8(from.action));
  to.set_name(utf8(from.name));
  to.set_id(from.id);
  to.set_address(utf8(from.address));
  to.set_key(utf8(from.key));
  to.set_voter(utf8(from.voter));
  to.set_witness(from.witness);
  to.set_force(from.force);
}
void read(const wire::HostChange& from, HostChange& to) {
  to = {from.action(), from.name(),  from.id(),      from.address(),
        from.key(),    from.voter(), from.witness(), from.force()};
}

void fill(const InstanceRow& from, wire::InstanceRow& to) {
  to.set_name(utf8(from.name));
  fill_all(from.roles, to.mutable_roles());
  to.set_address(utf8(from.address));
  to.set_host(utf8(from.host));
  to.set_state(utf8(from.state));
  to.set_health(utf8(from.health));
  to.set_incarnation(utf8(from.incarnation));
  to.set_reason(utf8(from.reason));
  to.set_load(utf8(from.load));
}
void read(const wire::InstanceRow& from, InstanceRow& to) {
  to.name = from.name();
  read_all(from.roles(), to.roles);
  to.address = from.address();
  to.host = from.host();
  to.state = from.state();
  to.health = from.health();
  to.incarnation = from.incarnation();
  to.reason = from.reason();
  to.load = from.load();
}

void fill(const ScaleRow& from, wire::ScaleRow& to) {
  to.set_role(utf8(from.role));
  to.set_wanted(from.wanted);
  to.set_declared(from.declared);
  to.set_addresses(from.addresses);
}
void read(const wire::ScaleRow& from, ScaleRow& to) {
  to = {from.role(), from.wanted(), from.declared(), from.addresses()};
}

void fill(const ScaleRequest& from, wire::ScaleRequest& to) {
  for (const auto& [role, number] : from.roles) (*to.mutable_roles())[utf8(role)] = number;
}
void read(const wire::ScaleRequest& from, ScaleRequest& to) {
  to.roles.insert(from.roles().begin(), from.roles().end());
}

void fill(const ResetRequest& from, wire::ResetRequest& to) {
  to.set_instance(utf8(from.instance));
}
void read(const wire::ResetRequest& from, ResetRequest& to) { to.instance = from.instance(); }

void fill(const OutputRow& from, wire::OutputRow& to) {
  to.set_instance(utf8(from.instance));
  to.set_role(utf8(from.role));
  to.set_key(utf8(from.key));
  to.set_value(utf8(from.value));
  to.set_secret(from.secret);
}
void read(const wire::OutputRow& from, OutputRow& to) {
  to = {from.instance(), from.role(), from.key(), from.value(), from.secret()};
}

void fill(const OutputsView& from, wire::OutputsView& to) {
  fill_all(from.outputs, to.mutable_outputs());
}
void read(const wire::OutputsView& from, OutputsView& to) { read_all(from.outputs(), to.outputs); }

void fill(const ResourceRow& from, wire::ResourceRow& to) {
  to.set_type(utf8(from.type));
  to.set_name(utf8(from.name));
  to.set_ensure(utf8(from.ensure));
  to.set_state(utf8(from.state));
  fill_all(from.instances, to.mutable_instances());
  fill_all(from.scale, to.mutable_scale());
}
void read(const wire::ResourceRow& from, ResourceRow& to) {
  to.type = from.type();
  to.name = from.name();
  to.ensure = from.ensure();
  to.state = from.state();
  read_all(from.instances(), to.instances);
  read_all(from.scale(), to.scale);
}

void fill(const StatusView& from, wire::StatusView& to) {
  if (from.leader) fill(*from.leader, *to.mutable_leader());
  fill_all(from.hosts, to.mutable_hosts());
  fill_all(from.resources, to.mutable_resources());
  to.set_local_view(from.local_view);
  to.set_no_leader(utf8(from.no_leader));
  to.set_brake(utf8(from.brake));
}
void read(const wire::StatusView& from, StatusView& to) {
  if (from.has_leader()) read(from.leader(), to.leader.emplace());
  read_all(from.hosts(), to.hosts);
  read_all(from.resources(), to.resources);
  to.local_view = from.local_view();
  to.no_leader = from.no_leader();
  to.brake = from.brake();
}

void fill(const ActionRow& from, wire::ActionRow& to) {
  to.set_action(utf8(from.action));
  to.set_instance(utf8(from.instance));
  to.set_host(utf8(from.host));
  to.set_reason(utf8(from.reason));
  to.set_text(utf8(from.text));
}
void read(const wire::ActionRow& from, ActionRow& to) {
  to.action = from.action();
  to.instance = from.instance();
  to.host = from.host();
  to.reason = from.reason();
  to.text = from.text();
}

void fill(const BlockedRow& from, wire::BlockedRow& to) {
  to.set_instance(utf8(from.instance));
  to.set_waiting(from.waiting);
  to.set_reason(utf8(from.reason));
}
void read(const wire::BlockedRow& from, BlockedRow& to) {
  to.instance = from.instance();
  to.waiting = from.waiting();
  to.reason = from.reason();
}

void fill(const PlanView& from, wire::PlanView& to) {
  fill_all(from.actions, to.mutable_actions());
  fill_all(from.blocked, to.mutable_blocked());
  to.set_summary(utf8(from.summary));
  fill_all(from.warnings, to.mutable_warnings());
}
void read(const wire::PlanView& from, PlanView& to) {
  read_all(from.warnings(), to.warnings);
  read_all(from.actions(), to.actions);
  read_all(from.blocked(), to.blocked);
  to.summary = from.summary();
}

void fill(const ChangeRow& from, wire::ChangeRow& to) {
  to.set_name(utf8(from.name));
  to.set_change(utf8(from.change));
}
void read(const wire::ChangeRow& from, ChangeRow& to) {
  to.name = from.name();
  to.change = from.change();
}

void fill(const ApplyAnswer& from, wire::ApplyAnswer& to) {
  fill_all(from.changes, to.mutable_changes());
  fill_all(from.warnings, to.mutable_warnings());
  to.set_outcome(utf8(from.outcome));
  to.set_waited_s(from.waited_s);
}
void read(const wire::ApplyAnswer& from, ApplyAnswer& to) {
  read_all(from.changes(), to.changes);
  read_all(from.warnings(), to.warnings);
  to.outcome = from.outcome();
  to.waited_s = from.waited_s();
}

void fill(const ConfirmRequest& from, wire::ConfirmRequest& to) {
  fill_all(from.hosts, to.mutable_hosts());
  to.set_dry_run(from.dry_run);
}
void read(const wire::ConfirmRequest& from, ConfirmRequest& to) {
  read_all(from.hosts(), to.hosts);
  to.dry_run = from.dry_run();
}

void fill(const ConfirmView& from, wire::ConfirmView& to) {
  fill_all(from.hosts, to.mutable_hosts());
  fill_all(from.actions, to.mutable_actions());
  fill_all(from.warnings, to.mutable_warnings());
}
void read(const wire::ConfirmView& from, ConfirmView& to) {
  read_all(from.hosts(), to.hosts);
  read_all(from.actions(), to.actions);
  read_all(from.warnings(), to.warnings);
}

void fill(const RecoverRequest& from, wire::RecoverRequest& to) {
  fill_all(from.lost, to.mutable_lost());
  fill_all(from.addresses, to.mutable_addresses());
  to.set_dry_run(from.dry_run);
}
void read(const wire::RecoverRequest& from, RecoverRequest& to) {
  read_all(from.lost(), to.lost);
  read_all(from.addresses(), to.addresses);
  to.dry_run = from.dry_run();
}

void fill(const RecoverView& from, wire::RecoverView& to) {
  to.set_host(utf8(from.host));
  to.set_catalog(utf8(from.catalog));
  fill_all(from.lost, to.mutable_lost());
  fill_all(from.others, to.mutable_others());
}
void read(const wire::RecoverView& from, RecoverView& to) {
  to.host = from.host();
  to.catalog = from.catalog();
  read_all(from.lost(), to.lost);
  read_all(from.others(), to.others);
}

void fill(const EventRow& from, wire::EventRow& to) {
  to.set_sequence(number(from.sequence));
  to.set_time(utf8(from.time));
  to.set_host(utf8(from.host));
  to.set_kind(utf8(from.kind));
  to.set_subject(utf8(from.subject));
  to.set_message(utf8(from.message));
}
void read(const wire::EventRow& from, EventRow& to) {
  to.sequence = whole(from.sequence());
  to.time = from.time();
  to.host = from.host();
  to.kind = from.kind();
  to.subject = from.subject();
  to.message = from.message();
}

void fill(const EventsView& from, wire::EventsView& to) {
  to.set_source(utf8(from.source));
  fill_all(from.events, to.mutable_events());
}
void read(const wire::EventsView& from, EventsView& to) {
  to.source = from.source();
  read_all(from.events(), to.events);
}

void fill(const RoleRow& from, wire::RoleRow& to) {
  to.set_name(utf8(from.name));
  to.set_count(utf8(from.count));
  fill_all(from.after, to.mutable_after());
}
void read(const wire::RoleRow& from, RoleRow& to) {
  to.name = from.name();
  to.count = from.count();
  read_all(from.after(), to.after);
}

void fill(const TypeRow& from, wire::TypeRow& to) {
  to.set_name(utf8(from.name));
  to.set_summary(utf8(from.summary));
  to.set_digest(utf8(from.digest));
  fill_all(from.roles, to.mutable_roles());
  fill_all(from.attributes, to.mutable_attributes());
}
void read(const wire::TypeRow& from, TypeRow& to) {
  to.name = from.name();
  to.summary = from.summary();
  to.digest = from.digest();
  read_all(from.roles(), to.roles);
  read_all(from.attributes(), to.attributes);
}

void fill(const TypesView& from, wire::TypesView& to) { fill_all(from.types, to.mutable_types()); }
void read(const wire::TypesView& from, TypesView& to) { read_all(from.types(), to.types); }

void fill(const VersionView& from, wire::VersionView& to) {
  to.set_software(utf8(from.software));
  to.set_host(utf8(from.host));
}
void read(const wire::VersionView& from, VersionView& to) {
  to.software = from.software();
  to.host = from.host();
}

void fill(const ErrorView& from, wire::ErrorView& to) {
  to.set_error(utf8(from.error));
  fill_all(from.mistakes, to.mutable_mistakes());
  to.set_next(utf8(from.next));
}
void read(const wire::ErrorView& from, ErrorView& to) {
  to.error = from.error();
  read_all(from.mistakes(), to.mistakes);
  to.next = from.next();
}

// ---- Printed by agentctl, read by nobody here

void fill(const VersionsView& from, wire::VersionsView& to) {
  to.set_agentctl(utf8(from.agentctl));
  to.set_agent(utf8(from.agent));
  to.set_host(utf8(from.host));
}

void fill(const KeyView& from, wire::KeyView& to) {
  to.set_file(utf8(from.file));
  to.set_public_key(utf8(from.public_key));
}

void fill(const ValidateView& from, wire::ValidateView& to) {
  to.set_valid(from.valid);
  fill_all(from.resources, to.mutable_resources());
  fill_all(from.mistakes, to.mutable_mistakes());
  fill_all(from.warnings, to.mutable_warnings());
}

// Resources and types have one encoding, with its checks, in codec.hpp: what it makes is taken
// apart again here.
void fill(const ApplyRequest& from, wire::ApplyRequest& to) {
  for (const Resource& resource : from.resources) {
    to.add_resources()->ParseFromString(encode_resource(resource));
  }
  for (const auto& [name, files] : from.types) {
    (*to.mutable_types())[name].ParseFromString(encode_type_files(files));
  }
  for (const auto& [name, places] : from.places) {
    wire::Places& made = (*to.mutable_places())[name];
    made.set_title(places.title);
    made.set_first_mac(places.first_mac);
    made.mutable_addresses()->insert(places.addresses.begin(), places.addresses.end());
  }
}
void read(const wire::ApplyRequest& from, ApplyRequest& to, std::string& error) {
  for (const wire::ResourceRecord& record : from.resources()) {
    auto resource = decode_resource(record.SerializeAsString(), error);
    if (!resource) return;
    to.resources.push_back(std::move(*resource));
  }
  for (const auto& [name, record] : from.types()) {
    auto files = decode_type_files(record.SerializeAsString(), error);
    if (!files) return;
    to.types[name] = std::move(*files);
  }
  for (const auto& [name, places] : from.places()) {
    to.places[name] = {
        places.title(), places.first_mac(), {places.addresses().begin(), places.addresses().end()}};
  }
}

}  // namespace cierzo::api
