#include "agent/membership.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "agent/net/address.hpp"
#include "agent/net/keys.hpp"

namespace cierzo {
namespace {

using election::Member;

constexpr std::size_t voters_most = 7;

std::vector<Member>::iterator find(std::vector<Member>& members, const std::string& name) {
  return std::find_if(members.begin(), members.end(),
                      [&](const Member& member) { return member.name == name; });
}

void check_address(const std::string& address, MembersJudged& judged) {
  const auto endpoint = endpoint_of(address);
  const std::string host = endpoint ? host_of(*endpoint) : std::string();
  // Digits and dots are meant for an address, never for a name; one that nobody can reach would
  // cost the host its vote.
  in_addr parsed{};
  const bool is_number = host.find_first_not_of("0123456789.") == std::string::npos;
  if (!endpoint || (is_number && inet_pton(AF_INET, host.c_str(), &parsed) != 1))
    judged.mistakes.push_back("address: '" + address + "' is none; accepted: address[:port]");
}

void check_key(const std::string& key, MembersJudged& judged) {
  if (const auto mistake = key_mistake(key)) {
    judged.mistakes.push_back("key: " + *mistake);
    judged.next = "agentctl keygen prints the public key of a host, there";
  }
}

void add(const api::HostChange& change, MembersJudged& judged) {
  if (change.id == 0) judged.mistakes.emplace_back("id: must be at least 1, got 0");
  if (change.name.empty() || change.name.find_first_of(" \t\r\n") != std::string::npos)
    judged.mistakes.emplace_back("name: must be a word");
  check_address(change.address, judged);
  check_key(change.key, judged);
  // It is nobody's peer yet, so it cannot answer, and who votes must answer.
  if (change.voter == "yes" || change.witness) {
    judged.mistakes.emplace_back("a host gets its vote once it has been let in");
    judged.next = "add it without a vote, start its agent, then: agentctl host set " + change.name +
                  (change.witness ? " --witness" : " --voter yes");
  }
  judged.members.push_back(
      {HostId{change.id}, change.name, false, false, change.address, change.key});
  judged.done = "added";
}

// Whatever it runs would be started again elsewhere, so it must run nothing.
void check_ties(const Member& member, const HostTies& ties, bool force, MembersJudged& judged) {
  judged.leaves = member.id;
  if (member.witness) return;
  if (!ties.alive && !ties.lost) {
    judged.mistakes.push_back("it does not answer, and may still run VMs");
    judged.next =
        "wait until it is lost, or say that it is down: agentctl confirm-lost " + member.name;
    return;
  }
  if (ties.instances.empty() || (ties.lost && force)) return;
  std::string names;
  for (const std::string& name : ties.instances) names += (names.empty() ? "" : ", ") + name;
  if (ties.lost) {
    judged.mistakes.push_back("its loss does not prove that it runs no more: " + names);
    judged.next = "switch it off, then: agentctl confirm-lost " + member.name;
    return;
  }
  judged.mistakes.push_back("it still has " + names);
  judged.next = "stop or delete their resources, or switch the host off and wait until it is lost";
}

void set(const api::HostChange& change, Member& member, MembersJudged& judged) {
  const Member before = member;
  if (change.voter == "yes") member.voter = true;
  if (change.voter == "no") member.voter = member.witness = false;
  if (change.witness) member.voter = member.witness = true;
  if (!change.address.empty()) {
    check_address(change.address, judged);
    member.address = change.address;
  }
  judged.done = member == before ? "unchanged" : "changed";
}

void replace(const api::HostChange& change, Member& member, const HostTies& ties,
             MembersJudged& judged) {
  check_key(change.key, judged);
  if (change.key == member.key) judged.mistakes.emplace_back("key: that is its key already");
  check_ties(member, ties, change.force, judged);
  member.key = change.key;
  if (!change.address.empty()) {
    check_address(change.address, judged);
    member.address = change.address;
  }
  judged.done = "replaced";
}

void warn(MembersJudged& judged) {
  const auto voters =
      static_cast<std::size_t>(std::count_if(judged.members.begin(), judged.members.end(),
                                             [](const Member& member) { return member.voter; }));
  if (voters % 2 == 0)
    judged.warnings.push_back(std::to_string(voters) + " voters survive no more failures than " +
                              std::to_string(voters - 1) + " would: make the number odd");
  if (voters > voters_most)
    judged.warnings.push_back(std::to_string(voters) +
                              " voters make every write slow: 7 are enough");
}

}  // namespace

RecoveryJudged judge_recovery(const api::RecoverRequest& request, const election::Members& members,
                              const std::string& self) {
  RecoveryJudged judged;
  judged.members = members.all();
  const auto unknown = [&](const std::string& name) {
    judged.mistakes.push_back(name + ": there is no such host in the site");
  };
  for (const std::string& name : request.lost) {
    const auto found = find(judged.members, name);
    if (found == judged.members.end()) {
      unknown(name);
    } else if (name == self) {
      judged.mistakes.push_back(name + ": is the host that is asked: it cannot be lost");
    } else {
      judged.lost.insert(found->id);
    }
  }
  MembersJudged addresses;
  for (const std::string& text : request.addresses) {
    const std::size_t equals = text.find('=');
    const auto found = find(judged.members, text.substr(0, equals));
    if (equals == text.npos) {
      judged.mistakes.push_back("address: '" + text + "' is none; accepted: HOST=ADDRESS[:PORT]");
    } else if (found == judged.members.end()) {
      unknown(text.substr(0, equals));
    } else {
      found->address = text.substr(equals + 1);
      check_address(found->address, addresses);
    }
  }
  judged.mistakes.insert(judged.mistakes.end(), addresses.mistakes.begin(),
                         addresses.mistakes.end());
  const auto more = election::mistakes(judged.members);
  judged.mistakes.insert(judged.mistakes.end(), more.begin(), more.end());
  for (const Member& member : judged.members) {
    if (member.name == self) continue;
    const bool lost = judged.lost.contains(member.id);
    (lost ? judged.names_lost : judged.names_others).push_back(member.name);
  }
  return judged;
}

MembersJudged judge_change(const api::HostChange& change, const election::Members& members,
                           const std::function<HostTies(HostId)>& ties) {
  MembersJudged judged;
  if (members.changing()) {
    judged.mistakes.emplace_back("another change of the voters is not finished yet");
    judged.next = "one at a time: try again in a moment; see agentctl hosts";
    return judged;
  }
  judged.members = members.all();
  if (change.action == "add") {
    add(change, judged);
  } else {
    const auto found = find(judged.members, change.name);
    if (found == judged.members.end()) {
      std::string names;
      for (const Member& member : members.all()) names += (names.empty() ? "" : ", ") + member.name;
      judged.mistakes.push_back("there is no host " + change.name);
      judged.next = "the site has: " + names;
      return judged;
    }
    if (change.action == "remove") {
      check_ties(*found, ties(found->id), change.force, judged);
      judged.members.erase(found);
      judged.done = "removed";
    } else if (change.action == "replace") {
      replace(change, *found, ties(found->id), judged);
    } else if (change.action == "set") {
      set(change, *found, judged);
    } else {
      judged.mistakes.push_back("action: unknown: '" + change.action + "'");
      judged.next = "accepted: add, remove, set, replace";
    }
  }
  const auto more = election::mistakes_of_change(members, judged.members);
  judged.mistakes.insert(judged.mistakes.end(), more.begin(), more.end());
  warn(judged);
  return judged;
}

}  // namespace cierzo
