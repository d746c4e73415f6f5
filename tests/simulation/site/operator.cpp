#include "tests/simulation/site/operator.hpp"

#include <algorithm>

#include "agent/net/codec_api.hpp"

namespace cierzo::simulation {
namespace {

using namespace std::chrono_literals;

constexpr Duration answer_limit = 3s;  // Of one try.
constexpr Duration pause = 200ms;      // Between two.
constexpr Duration change_limit = 8s;  // Of the members, while faults go on.
constexpr Duration finish_limit = 60s;

std::string name_of(HostId host) { return "node" + std::to_string(host.value); }

}  // namespace

std::optional<api::ApiResponse> Operator::ask(const Ask& how, Duration limit) {
  const Time give_up = site_.now() + limit;
  while (site_.now() < give_up) {
    const auto leads = site_.leader();
    const auto someone = static_cast<std::uint32_t>(1 + site_.random.below(site_.hosts()));
    const auto reply = how(leads && site_.random.chance(0.5) ? *leads : HostId{someone});
    const bool answered = site_.run_until([&] { return reply->has_value(); }, answer_limit);
    if (answered && (**reply).status < 500) return **reply;
    site_.run_for(pause);
  }
  return std::nullopt;
}

void Operator::confirm_lost() {
  (void)ask(
      [this](HostId at) {
        api::ConfirmRequest request;
        for (std::uint32_t id = 1; id <= site_.hosts(); ++id) {
          const auto leads = site_.leader();
          const bool member = leads && site_.agent(*leads)->node().members().is_member(HostId{id});
          if (!member || site_.is_up(HostId{id})) continue;
          request.hosts.push_back(name_of(HostId{id}));
        }
        return site_.request(at, "POST", "/v1/confirm-lost", api::to_json(request));
      },
      change_limit);
}

bool Operator::is_so(const api::HostChange& change) const {
  const auto leads = site_.leader();
  if (!leads) return false;
  for (const election::Member& member : site_.agent(*leads)->node().members().all()) {
    if (member.name == change.name) return change.action == "replace" && member.key == change.key;
  }
  return change.action == "remove";
}

bool Operator::change(const api::HostChange& change, Duration limit) {
  const Time give_up = site_.now() + limit;
  while (site_.now() < give_up) {
    if (is_so(change)) return true;  // By a try before, whose answer did not come.
    const auto answer = ask(
        [&](HostId at) {
          return site_.request(at, "POST", "/v1/hosts/change", api::to_json(change));
        },
        limit);
    if (answer && (answer->status == 200 || answer->status == 404)) return true;
    refusal_ = answer ? answer->body : "no answer";
    site_.run_for(
        1s);  // "another change is not finished yet", "does not answer, and may still run"
  }
  return false;
}

void Operator::set_vote(HostId host, bool votes) {
  api::HostChange wanted;
  wanted.action = "set";
  wanted.name = name_of(host);
  wanted.voter = votes ? "yes" : "no";
  (void)change(wanted, change_limit);
}

void Operator::add(HostId spare) {
  site_.befall(fault::Boot{spare});
  api::HostChange wanted;
  wanted.action = "add";
  wanted.name = wanted.address = name_of(spare);
  wanted.id = spare.value;
  wanted.key = site_.key(spare);
  (void)change(wanted, change_limit);
}

void Operator::replace(HostId host) {
  site_.befall(fault::NewMachine{host});
  const Gone gone{host, true};
  if (!give_up(gone, change_limit)) open_.push_back(gone);
  site_.befall(fault::Boot{host});
}

void Operator::scrap(HostId host) {
  site_.befall(fault::NewMachine{host});
  site_.scrap(host);
  const Gone gone{host, false};
  if (!give_up(gone, change_limit)) open_.push_back(gone);
}

bool Operator::finish() {
  return std::all_of(open_.begin(), open_.end(),
                     [this](const Gone& gone) { return give_up(gone, finish_limit); });
}

// Once the site knows that nothing of it runs any more.
bool Operator::give_up(const Gone& gone, Duration limit) {
  api::HostChange wanted;
  wanted.action = gone.replaced ? "replace" : "remove";
  wanted.name = name_of(gone.host);
  if (gone.replaced) wanted.key = site_.key(gone.host);
  wanted.force = true;
  (void)ask(
      [&](HostId at) {
        return site_.request(at, "POST", "/v1/confirm-lost",
                             api::to_json(api::ConfirmRequest{{wanted.name}, false}));
      },
      limit);
  return change(wanted, limit);
}

}  // namespace cierzo::simulation
