// agentd: the agent of one host.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "agent/agent.hpp"
#include "agent/asio.hpp"
#include "agent/config.hpp"
#include "agent/daemon.hpp"
#include "agent/log.hpp"

namespace {

constexpr int exit_usage = 1;
constexpr int exit_failed = 2;
constexpr unsigned exit_patience_seconds = 10;

struct Arguments {
  std::string config = "/etc/cierzo/agentd.yaml";
  bool check = false, help_config = false;
};

int run(const cierzo::Config& config) {
  using cierzo::asio::signal_set;
  cierzo::log::start(config.log_level);
  boost::asio::io_context io(1);
  int code = 0;
  {
    cierzo::Daemon daemon(io, config);
    signal_set signals(io, SIGTERM, SIGINT);
    std::function<void(boost::system::error_code, int)> on_signal =
        [&](boost::system::error_code error, int) {
          if (error) return;
          daemon.stop();
          // A second signal does not wait for anybody.
          signals.async_wait([&io](boost::system::error_code again, int) {
            if (!again) io.stop();
          });
        };
    signals.async_wait(on_signal);
    daemon.start();
    cierzo::log::info("agentd " + std::string(cierzo::software_version) + " runs on " +
                      config.name);
    io.run();
    code = daemon.exit_code();
    // A call to a hypervisor that hangs must not keep the process: the signal ends it.
    ::alarm(exit_patience_seconds);
  }
  cierzo::log::info("agentd has stopped");
  return code;
}

}  // namespace

int main(int count, char** words) {
  CLI::App app(
      "agentd: the agent of one host. Elects a leader with the others, runs this host's VMs.",
      "agentd");
  Arguments arguments;
  app.add_option("--config", arguments.config, "The configuration file")->capture_default_str();
  app.add_flag("--check", arguments.check,
               "Only check the configuration file, and that this host has what it names; "
               "exit 0 if it is good");
  app.add_flag("--help-config", arguments.help_config, "Print every key of the configuration file");
  app.set_version_flag("--version", std::string("agentd ") + cierzo::software_version);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (arguments.help_config) {
    std::cout << cierzo::config_help();
    return 0;
  }
  const cierzo::ConfigRead read = cierzo::load_config(arguments.config);
  for (const auto& mistake : read.diagnostics) std::cerr << to_string(mistake) << '\n';
  if (!read.config) {
    std::cerr << "agentd: " << arguments.config << " cannot be used\n";
    return exit_failed;
  }
  if (arguments.check) {
    const auto lacks = cierzo::lacks_here(*read.config);
    for (const std::string& lack : lacks.files)
      std::cerr << arguments.config << ": warning: " << lack << '\n';
    for (const std::string& lack : lacks.groups)
      std::cerr << arguments.config << ": " << lack << '\n';
    if (!lacks.groups.empty()) return exit_failed;
    std::cout << arguments.config << ": good\n";
    return 0;
  }
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return run(*read.config);
  } catch (const std::exception& error) {
    std::cerr << "agentd: " << error.what() << '\n';
    return exit_failed;
  }
}
