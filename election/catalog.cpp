#include "election/catalog.hpp"

#include <sstream>

namespace cierzo::election {

void apply(Catalog& catalog, const CatalogDelta& delta) {
  if (delta.whole) catalog.entries.clear();
  for (const CatalogChange& change : delta.changes) {
    if (change.value)
      catalog.entries[change.key] = *change.value;
    else
      catalog.entries.erase(change.key);
  }
  catalog.stamp = delta.stamp;
}

CatalogDelta whole_of(const Catalog& catalog) {
  CatalogDelta delta{true, {}, catalog.stamp, {}};
  for (const auto& [key, value] : catalog.entries) delta.changes.push_back({key, value});
  return delta;
}

std::string held_key(HostId host) { return "held/" + std::to_string(host.value); }

std::string lost_key(HostId host) { return "lost/" + std::to_string(host.value); }

std::string unjoined_key(HostId host) { return "unjoined/" + std::to_string(host.value); }

std::string encode_former(const std::vector<std::string>& sites) {
  std::string text;
  for (const std::string& site : sites) text += (text.empty() ? "" : " ") + site;
  return text;
}

std::vector<std::string> former_sites(const Catalog& catalog) {
  std::vector<std::string> sites;
  const auto entry = catalog.entries.find(former_key);
  if (entry == catalog.entries.end()) return sites;
  std::istringstream in(entry->second);
  for (std::string site; in >> site;) sites.push_back(site);
  return sites;
}

std::string encode(const Term& term) {
  return std::to_string(term.counter) + "." + std::to_string(term.owner.value);
}

std::optional<Term> first_term(const Catalog& catalog) {
  const auto entry = catalog.entries.find(first_term_key);
  if (entry == catalog.entries.end()) return std::nullopt;
  Term term;
  char dot = 0;
  std::istringstream in(entry->second);
  in >> term.counter >> dot >> term.owner.value;
  // Whatever cannot be read says all the same that there was a recovery: nothing is older.
  if (!in || dot != '.') return Term{UINT64_MAX, HostId{UINT32_MAX}};
  return term;
}

std::string settled_key(const std::string& resource) { return settled_prefix + resource; }

std::string encode(const LostMark& mark) {
  std::ostringstream out;
  const char* kind = mark.added ? "added" : mark.fenced ? "fenced" : "confirmed";
  out << kind << " term=" << mark.term.counter << "." << mark.term.owner.value
      << " seq=" << mark.seq << " boot=" << mark.boot << " state=" << mark.state_id
      << (mark.in_brake ? " in-brake" : "");
  return out.str();
}

std::optional<LostMark> decode_lost_mark(const std::string& text) {
  std::istringstream in(text);
  LostMark mark;
  std::string word;
  if (!(in >> word)) return std::nullopt;
  mark.fenced = word == "fenced";
  mark.added = word == "added";
  if (!mark.fenced && !mark.added && word != "confirmed") return std::nullopt;
  const auto skip = [&in](const char* name) {
    in >> std::ws;
    for (; *name != '\0'; ++name)
      if (in.get() != *name) in.setstate(std::ios::failbit);
  };
  skip("term=");
  in >> mark.term.counter;
  skip(".");
  in >> mark.term.owner.value;
  skip("seq=");
  in >> mark.seq;
  if (!in) return std::nullopt;
  while (in >> word) {
    if (word.starts_with("boot=")) mark.boot = word.substr(5);
    if (word.starts_with("state=")) mark.state_id = word.substr(6);
    if (word == "in-brake") mark.in_brake = true;
  }
  return mark;
}

}  // namespace cierzo::election
