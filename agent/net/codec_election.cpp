// The messages of the election.
#include <cstdlib>

#include "agent/net/codec_parts.hpp"

namespace cierzo::codec {
namespace {

using election::AnswerKind;

wire::AnswerKind put(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::ok:
      return wire::ANSWER_OK;
    case AnswerKind::stand:
      return wire::ANSWER_STAND;
    case AnswerKind::leader:
      return wire::ANSWER_LEADER;
  }
  std::abort();
}

AnswerKind get(wire::AnswerKind from, Checker& check) {
  switch (from) {
    case wire::ANSWER_OK:
      return AnswerKind::ok;
    case wire::ANSWER_STAND:
      return AnswerKind::stand;
    case wire::ANSWER_LEADER:
      return AnswerKind::leader;
    default:
      break;
  }
  check.require(false, "answer: unknown kind");
  return {};
}

// One overload for each kind of message, both ways. The messages of the election all carry the
// sender's term.

template <class From>
Term term_of(const From& from, Checker& check) {
  check.require(from.has_term(), "election: a message without its term");
  return codec::get(from.term());
}

void put(const election::Election& from, wire::ElectionMessage& to) {
  *to.mutable_election()->mutable_term() = codec::put(from.term);
  to.mutable_election()->set_at(from.at.count());
  *to.mutable_election()->mutable_members() = codec::put(from.members);
}
election::Election get(const wire::Election& from, Checker& check) {
  check.require(from.has_members(), "election: no stamp of its members");
  return {term_of(from, check), Time(from.at()), codec::get(from.members(), check)};
}

void put(const election::Answer& from, wire::ElectionMessage& to) {
  wire::Answer& answer = *to.mutable_answer();
  answer.set_kind(put(from.kind));
  *answer.mutable_term() = codec::put(from.term);
  answer.set_at(from.at.count());
}
election::Answer get(const wire::Answer& from, Checker& check) {
  return {get(from.kind(), check), term_of(from, check), Time(from.at())};
}

void put(const election::Coordinator& from, wire::ElectionMessage& to) {
  *to.mutable_coordinator()->mutable_term() = codec::put(from.term);
  *to.mutable_coordinator()->mutable_timing() = codec::put(from.timing);
  *to.mutable_coordinator()->mutable_members() = codec::put(from.members);
}
election::Coordinator get(const wire::Coordinator& from, Checker& check) {
  check.require(from.has_timing() && from.has_members(), "coordinator: a part is missing");
  return {term_of(from, check), codec::get(from.timing(), check),
          codec::get(from.members(), check)};
}

void put(const election::Accept& from, wire::ElectionMessage& to) {
  wire::Accept& accept = *to.mutable_accept();
  *accept.mutable_term() = codec::put(from.term);
  *accept.mutable_catalog() = codec::put(from.catalog);
  *accept.mutable_last_led() = codec::put(from.last_led);
  *accept.mutable_promised_before() = codec::put(from.promised_before);
  *accept.mutable_longest() = codec::put(from.longest);
  *accept.mutable_members() = codec::put(from.members);
  accept.set_key(from.key);
}
election::Accept get(const wire::Accept& from, Checker& check) {
  check.require(from.has_catalog() && from.has_last_led() && from.has_promised_before() &&
                    from.has_longest() && from.has_members(),
                "accept: a part is missing");
  return {term_of(from, check),
          codec::get(from.catalog(), check),
          codec::get(from.last_led()),
          codec::get(from.promised_before()),
          codec::get(from.longest(), check),
          codec::get(from.members(), check),
          check.name(from.key(), "accept: key too long")};
}

void put(const election::Refuse& from, wire::ElectionMessage& to) {
  wire::Refuse& refuse = *to.mutable_refuse();
  *refuse.mutable_term() = codec::put(from.term);
  *refuse.mutable_promised() = codec::put(from.promised);
  refuse.set_leader(from.leader.value);
  refuse.set_grant_left(from.grant_left.count());
}
election::Refuse get(const wire::Refuse& from, Checker& check) {
  check.require(from.has_promised(), "refuse: no promise");
  return {term_of(from, check), codec::get(from.promised()), HostId{from.leader()},
          get_length(from.grant_left(), check, "refuse: an impossible length")};
}

void put(const election::Heartbeat& from, wire::ElectionMessage& to) {
  wire::Heartbeat& heartbeat = *to.mutable_heartbeat();
  *heartbeat.mutable_term() = codec::put(from.term);
  heartbeat.set_seq(from.seq);
  if (from.echo) *heartbeat.mutable_echo() = codec::put(*from.echo);
  *heartbeat.mutable_committed() = codec::put(from.committed);
  *heartbeat.mutable_timing() = codec::put(from.timing);
  heartbeat.set_at(from.at.count());
}
election::Heartbeat get(const wire::Heartbeat& from, Checker& check) {
  check.require(from.has_committed() && from.has_timing(), "heartbeat: a part is missing");
  election::Heartbeat to;
  to.term = term_of(from, check);
  to.seq = from.seq();
  if (from.has_echo()) to.echo = codec::get(from.echo(), check);
  to.committed = codec::get(from.committed(), check);
  to.timing = codec::get(from.timing(), check);
  to.at = Time(from.at());
  return to;
}

void put(const election::HeartbeatAck& from, wire::ElectionMessage& to) {
  wire::HeartbeatAck& ack = *to.mutable_heartbeat_ack();
  *ack.mutable_term() = codec::put(from.term);
  ack.set_seq(from.seq);
  ack.set_granted(from.granted);
  *ack.mutable_stamp() = codec::put(from.stamp);
  *ack.mutable_promised() = codec::put(from.promised);
  *ack.mutable_catalog() = codec::put(from.catalog);
  *ack.mutable_permit_term() = codec::put(from.permit_term);
  ack.set_has_state(from.has_state);
  ack.set_state_id(from.state_id);
  ack.set_run(from.run);
  ack.set_inventory_digest(from.inventory_digest);
  ack.set_permit_spell(from.permit_spell);
  *ack.mutable_members() = codec::put(from.members);
}
election::HeartbeatAck get(const wire::HeartbeatAck& from, Checker& check) {
  check.require(from.has_stamp() && from.has_promised() && from.has_catalog() &&
                    from.has_permit_term() && from.has_members(),
                "heartbeat ack: a part is missing");
  election::HeartbeatAck to;
  to.term = term_of(from, check);
  to.seq = from.seq();
  to.granted = from.granted();
  to.stamp = codec::get(from.stamp(), check);
  to.promised = codec::get(from.promised());
  to.catalog = codec::get(from.catalog(), check);
  to.permit_term = codec::get(from.permit_term());
  to.has_state = from.has_state();
  to.state_id = check.name(from.state_id(), "heartbeat ack: state id too long");
  to.run = check.name(from.run(), "heartbeat ack: run too long");
  to.inventory_digest = check.name(from.inventory_digest(), "heartbeat ack: digest too long");
  to.permit_spell = from.permit_spell();
  to.members = codec::get(from.members(), check);
  return to;
}

void put(const election::Store& from, wire::ElectionMessage& to) {
  *to.mutable_store()->mutable_term() = codec::put(from.term);
  *to.mutable_store()->mutable_delta() = codec::put(from.delta);
  to.mutable_store()->set_admits(from.admits);
}
election::Store get(const wire::Store& from, Checker& check) {
  check.require(from.has_delta(), "store: nothing to store");
  return {term_of(from, check), codec::get(from.delta(), check),
          check.name(from.admits(), "store: state id too long")};
}

void put(const election::Stored& from, wire::ElectionMessage& to) {
  *to.mutable_stored()->mutable_term() = codec::put(from.term);
  *to.mutable_stored()->mutable_catalog() = codec::put(from.catalog);
  to.mutable_stored()->set_whole_wanted(from.whole_wanted);
}
election::Stored get(const wire::Stored& from, Checker& check) {
  check.require(from.has_catalog(), "stored: no stamp");
  return {term_of(from, check), codec::get(from.catalog(), check), from.whole_wanted()};
}

void put(const election::Release& from, wire::ElectionMessage& to) {
  *to.mutable_release()->mutable_term() = codec::put(from.term);
}
election::Release get(const wire::Release& from, Checker& check) { return {term_of(from, check)}; }

void put(const election::Fetch& from, wire::ElectionMessage& to) {
  *to.mutable_fetch()->mutable_term() = codec::put(from.term);
}
election::Fetch get(const wire::Fetch& from, Checker& check) { return {term_of(from, check)}; }

void put(const election::FetchReply& from, wire::ElectionMessage& to) {
  *to.mutable_fetch_reply()->mutable_term() = codec::put(from.term);
  *to.mutable_fetch_reply()->mutable_catalog() = codec::put(from.catalog);
}
election::FetchReply get(const wire::FetchReply& from, Checker& check) {
  check.require(from.has_catalog(), "fetch reply: no catalog");
  return {term_of(from, check), codec::get(from.catalog(), check)};
}

void put(const election::StateQuery& from, wire::ElectionMessage& to) {
  to.mutable_state_query()->set_at(from.at.count());
  for (const HostId voter : from.voters) to.mutable_state_query()->add_voters(voter.value);
  *to.mutable_state_query()->mutable_members() = codec::put(from.members);
}
election::StateQuery get(const wire::StateQuery& from, Checker& check) {
  check.require(from.has_members(), "state query: no members");
  election::StateQuery to{Time(from.at()), {}, codec::get(from.members(), check)};
  for (const std::uint32_t voter : from.voters()) {
    to.voters.push_back(get_host(voter, check, "state query: voter 0"));
  }
  return to;
}

void put(const election::StateAnswer& from, wire::ElectionMessage& to) {
  wire::StateAnswer& answer = *to.mutable_state_answer();
  answer.set_at(from.at.count());
  answer.set_has_state(from.has_state);
  answer.set_same_voters(from.same_voters);
  answer.set_state_id(from.state_id);
  *answer.mutable_members() = codec::put(from.members);
}
election::StateAnswer get(const wire::StateAnswer& from, Checker& check) {
  check.require(from.has_members(), "state answer: no members");
  return {Time(from.at()), from.has_state(), from.same_voters(),
          check.name(from.state_id(), "state answer: state id too long"),
          codec::get(from.members(), check)};
}

void put(const election::Found& from, wire::ElectionMessage& to) {
  to.mutable_found()->set_state_id(from.state_id);
}
election::Found get(const wire::Found& from, Checker& check) {
  return {check.name(from.state_id(), "found: state id too long")};
}

void put(const election::MembersNews& from, wire::ElectionMessage& to) {
  *to.mutable_members_news()->mutable_term() = codec::put(from.term);
  *to.mutable_members_news()->mutable_members() = codec::put(from.members);
  for (const std::string& site : from.former) to.mutable_members_news()->add_former(site);
}
election::MembersNews get(const wire::MembersNews& from, Checker& check) {
  check.require(from.has_members(), "members news: no members");
  return {term_of(from, check), codec::get(from.members(), check),
          get_names(from.former(), check, "members news: site id too long")};
}

election::Body body_of(const wire::ElectionMessage& from, Checker& check) {
  using Case = wire::ElectionMessage::BodyCase;
  switch (from.body_case()) {
    case Case::kElection:
      return get(from.election(), check);
    case Case::kAnswer:
      return get(from.answer(), check);
    case Case::kCoordinator:
      return get(from.coordinator(), check);
    case Case::kAccept:
      return get(from.accept(), check);
    case Case::kRefuse:
      return get(from.refuse(), check);
    case Case::kHeartbeat:
      return get(from.heartbeat(), check);
    case Case::kHeartbeatAck:
      return get(from.heartbeat_ack(), check);
    case Case::kStore:
      return get(from.store(), check);
    case Case::kStored:
      return get(from.stored(), check);
    case Case::kRelease:
      return get(from.release(), check);
    case Case::kFetch:
      return get(from.fetch(), check);
    case Case::kFetchReply:
      return get(from.fetch_reply(), check);
    case Case::kStateQuery:
      return get(from.state_query(), check);
    case Case::kStateAnswer:
      return get(from.state_answer(), check);
    case Case::kFound:
      return get(from.found(), check);
    case Case::kMembersNews:
      return get(from.members_news(), check);
    case Case::BODY_NOT_SET:
      break;
  }
  check.require(false, "election: unknown kind of message");
  return {};
}

}  // namespace

wire::ElectionMessage put(const election::Message& message) {
  wire::ElectionMessage to;
  to.set_site(message.site);
  std::visit([&to](const auto& body) { put(body, to); }, message.body);
  return to;
}

election::Message get(const wire::ElectionMessage& from, Checker& check) {
  return {check.name(from.site(), "election: site id too long"), body_of(from, check)};
}

}  // namespace cierzo::codec
