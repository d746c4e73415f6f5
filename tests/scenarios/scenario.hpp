// One scenario: a simulated site of production agents, told as commands and what the site says.
// README.md of this folder has the commands.
#pragma once
#include <memory>
#include <set>
#include <string>

#include "tests/simulation/site/site.hpp"
#include "tests/support/transcript.hpp"

namespace cierzo::simulation {

class Scenario {
 public:
  // What the command prints: first what the site said meanwhile. Throws std::runtime_error where
  // the command is not understood.
  std::string operator()(const test::Command& command);

  // The invariants that were broken, S1 to S4 among them; null before the first command.
  [[nodiscard]] Site* site() { return site_.get(); }

 private:
  std::string begin(const test::Command& command);
  std::string do_command(const test::Command& command);
  std::string settle(Duration limit);
  std::string befall(const test::Command& command);
  std::string script(const test::Command& command);
  std::string look() const;
  std::string never_says(const std::string& text) const;

  std::string agentctl(const test::Command& command);
  std::string host_change(const test::Command& command);
  std::string ask(HostId at, const std::string& method, const std::string& target);
  std::string answer_of(const Site::Reply& reply, const std::string& verb);
  [[nodiscard]] std::string in_words(const std::string& verb, const std::string& body) const;

  void told(Time now, const api::EventRow& event);
  std::string taken();
  [[nodiscard]] HostId host(const std::string& name) const;
  [[nodiscard]] HostId asked(const test::Command& command) const;

  std::unique_ptr<Site> site_;
  Time began_{};
  std::string log_;         // Since it was printed last.
  std::string everything_;  // That was ever said or answered.
};

}  // namespace cierzo::simulation
