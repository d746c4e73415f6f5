// Members: who votes, what a majority is while voters change, and how a change is judged. (rule 23)
#include <algorithm>
#include <functional>
#include <set>
#include <sstream>

#include "election/members.hpp"

namespace cierzo::election {
namespace {

constexpr const char* nothing = "-";  // An empty word of the text.

std::string word(const std::string& text) { return text.empty() ? nothing : text; }
std::string unword(std::string text) { return text == nothing ? std::string() : text; }

const char* kind_of(const Member& member) {
  if (member.leaving) return "leaving";
  if (member.witness) return member.voter ? "witness" : "silent-witness";
  return member.voter ? "voter" : "plain";
}

bool read_member(std::istream& line, Member& member) {
  std::string kind;
  if (!(line >> member.id.value >> kind >> member.name >> member.address >> member.key))
    return false;
  member.name = unword(member.name);
  member.address = unword(member.address);
  member.key = unword(member.key);
  member.leaving = kind == "leaving";
  member.voter = kind == "voter" || kind == "witness";
  member.witness = kind == "witness" || kind == "silent-witness";
  return member.leaving || member.voter || member.witness || kind == "plain";
}

bool at_end(std::istream& line) { return (line >> std::ws).eof(); }

std::vector<HostId> voters_of(const std::vector<Member>& members) {
  std::vector<HostId> voters;
  for (const Member& member : members)
    if (member.voter) voters.push_back(member.id);
  return voters;
}

const Member* find_in(const std::vector<Member>& members, HostId id) {
  for (const Member& member : members)
    if (member.id == id) return &member;
  return nullptr;
}

// The voters of `all` that are none in `other`, or are other machines there.
std::vector<HostId> voters_missing(const std::vector<Member>& all,
                                   const std::vector<Member>& other) {
  std::vector<HostId> missing;
  for (const Member& member : all) {
    const Member* same = find_in(other, member.id);
    const bool there = same != nullptr && same->voter && same->key == member.key;
    if (member.voter && !there) missing.push_back(member.id);
  }
  return missing;
}

}  // namespace

Members::Members(std::vector<Member> members, std::vector<HostId> before, Stamp version)
    : all_(std::move(members)), before_(std::move(before)), version_(version) {
  std::sort(all_.begin(), all_.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
  present_ = voters_of(all_);
  std::set<HostId> either(present_.begin(), present_.end());
  for (const HostId id : before_)
    if (id != HostId{}) either.insert(id);
  voters_.assign(either.begin(), either.end());
}

const Member* Members::find(HostId id) const {
  const auto at = std::lower_bound(all_.begin(), all_.end(), id,
                                   [](const Member& m, HostId wanted) { return m.id < wanted; });
  return at != all_.end() && at->id == id ? &*at : nullptr;
}

bool Members::is_voter(HostId id) const {
  return std::binary_search(voters_.begin(), voters_.end(), id);
}

bool Members::stays_voter(HostId id) const {
  return std::binary_search(present_.begin(), present_.end(), id);
}

std::string Members::name(HostId id) const {
  const Member* member = find(id);
  return member != nullptr ? member->name : "host " + std::to_string(id.value);
}

std::string Members::key(HostId id) const {
  const Member* member = find(id);
  return member != nullptr ? member->key : std::string();
}

bool Members::majority(const std::function<bool(HostId)>& has) const {
  for (const std::vector<HostId>* voters : {&present_, &before_}) {
    if (voters->empty()) continue;
    const auto count = std::count_if(voters->begin(), voters->end(), has);
    if (static_cast<std::size_t>(count) < majority_of(voters->size())) return false;
  }
  return !present_.empty();
}

Time Members::reached(const std::function<Time(HostId)>& until) const {
  Time reached = present_.empty() ? Time{} : Time::max();
  for (const std::vector<HostId>* voters : {&present_, &before_}) {
    if (voters->empty()) continue;
    std::vector<Time> ends;
    for (const HostId id : *voters) ends.push_back(until(id));
    const auto nth = ends.begin() + static_cast<std::ptrdiff_t>(majority_of(ends.size()) - 1);
    std::nth_element(ends.begin(), nth, ends.end(), std::greater<>());
    reached = std::min(reached, *nth);
  }
  return reached;
}

std::string encode(const Members& members) {
  std::ostringstream out;
  const Stamp& version = members.version();
  out << "version " << version.term.counter << ' ' << version.term.owner.value << ' '
      << version.sequence << '\n';
  if (members.changing()) {
    out << "before";
    for (const HostId id : members.before()) out << ' ' << id.value;
    out << '\n';
  }
  for (const Member& member : members.all())
    out << "host " << member.id.value << ' ' << kind_of(member) << ' ' << word(member.name) << ' '
        << word(member.address) << ' ' << word(member.key) << '\n';
  return out.str();
}

std::optional<Members> decode_members(const std::string& text) {
  Stamp version;
  std::vector<HostId> before;
  std::vector<Member> all;
  std::istringstream in(text);
  for (std::string whole; std::getline(in, whole);) {
    std::istringstream line(whole);
    std::string kind;
    line >> kind;
    if (kind == "version") {
      line >> version.term.counter >> version.term.owner.value >> version.sequence;
      if (!line) return std::nullopt;
    } else if (kind == "before") {
      for (HostId id; line >> id.value;) before.push_back(id);
      line.clear();
    } else if (kind == "host") {
      Member member;
      if (!read_member(line, member)) return std::nullopt;
      all.push_back(std::move(member));
    } else {
      return std::nullopt;
    }
    if (!at_end(line)) return std::nullopt;
  }
  if (!mistakes(all).empty()) return std::nullopt;
  return Members(std::move(all), std::move(before), version);
}

std::vector<std::string> mistakes(const std::vector<Member>& members) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    if (member.id.value == 0) found.push_back(member.name + ": id must be at least 1, got 0");
    for (std::size_t j = 0; j < i; ++j) {
      const Member& other = members[j];
      const auto is_others = [&](const std::string& what) {
        found.push_back(member.name + ": " + what + " is " + other.name + "'s");
      };
      if (other.id == member.id) is_others("id " + std::to_string(member.id.value));
      if (!member.address.empty() && other.address == member.address)
        is_others("address " + member.address);
      if (!member.key.empty() && other.key == member.key) is_others("key " + member.key);
    }
  }
  if (voters_of(members).empty()) found.push_back("no host is a voter: at least 1 must be");
  return found;
}

std::vector<std::string> mistakes_of_change(const Members& from, const std::vector<Member>& to) {
  std::vector<std::string> found = mistakes(to);
  for (std::size_t i = 0; i < to.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (to[i].name == to[j].name && to[i].id != to[j].id)
        found.push_back("the name " + to[i].name + " is taken by host " +
                        std::to_string(to[j].id.value));
  const std::size_t added = voters_missing(to, from.all()).size();
  const std::size_t removed = voters_missing(from.all(), to).size();
  if (added > 1 || removed > 1) found.emplace_back("only one voter can change at a time");
  return found;
}

Members joint(const Members& from, std::vector<Member> to, Stamp version) {
  const std::vector<HostId> gone = voters_missing(from.all(), to);
  if (gone.empty() && voters_missing(to, from.all()).empty())
    return Members(std::move(to), {}, version);
  std::vector<HostId> before;
  for (const HostId id : from.present()) {
    // Another machine under the same id must not speak for the one that voted before.
    const Member* same = find_in(to, id);
    const bool replaced = same != nullptr && same->key != from.key(id);
    before.push_back(replaced ? HostId{} : id);
  }
  for (const Member& member : from.all()) {
    if (find_in(to, member.id) != nullptr) continue;
    to.push_back(member);
    to.back().leaving = true;
    to.back().voter = to.back().witness = false;
  }
  return Members(std::move(to), std::move(before), version);
}

Members finished(const Members& from, Stamp version) {
  std::vector<Member> members;
  for (const Member& member : from.all())
    if (!member.leaving) members.push_back(member);
  return Members(std::move(members), {}, version);
}

}  // namespace cierzo::election
