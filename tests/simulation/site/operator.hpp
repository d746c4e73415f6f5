// Who operates a simulated site: asks its agents for something, as agentctl does, until it is so.
// Changes which hosts the site has, and says of hosts that are down that they are. Never lies: a
// host is said to be down only while it has no power, and only a machine that is gone for good is
// given up.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/site/site.hpp"

namespace cierzo::simulation {

class Operator {
 public:
  explicit Operator(Site& site) : site_(site) {}

  // Asks any host, again and again for so long. The first answer that is no "try again": 200, 404
  // (removed by a try before), or a refusal. None: nobody would.
  using Ask = std::function<Site::Reply(HostId)>;
  std::optional<api::ApiResponse> ask(const Ask& how, Duration limit);

  // Of every host that is down. A refusal is an answer: one may not be known to be away yet.
  void confirm_lost();

  void set_vote(HostId host, bool votes);
  void add(HostId spare);  // Switches it on first: it must not matter.
  // The machine is gone for good. Until the site knows, finish() asks again.
  void replace(HostId host);
  void scrap(HostId host);
  // After the healing. False: the site still has not what was asked.
  bool finish();
  [[nodiscard]] const std::string& refusal() const { return refusal_; }  // The last one.

 private:
  struct Gone {
    HostId host;
    bool replaced = false;
  };
  bool give_up(const Gone& gone, Duration limit);
  bool change(const api::HostChange& change, Duration limit);
  [[nodiscard]] bool is_so(const api::HostChange& change) const;

  Site& site_;
  std::string refusal_;
  std::vector<Gone> open_;  // That the site does not know yet.
};

}  // namespace cierzo::simulation
