#include "agent/ctl/command_line.hpp"

#include <CLI/CLI.hpp>
#include <climits>
#include <map>
#include <ostream>

#include "manifests/nearest.hpp"

namespace cierzo::ctl {
namespace {

using Verb = int (*)(const Options&, Terminal&);

const std::map<std::string, Verb> verbs = {
    {"apply", apply},       {"plan", plan},
    {"validate", validate}, {"status", status},
    {"hosts", hosts},       {"stop", stop},
    {"start", start},       {"delete", remove},
    {"events", events},     {"types", types},
    {"keygen", keygen},     {"convert", convert},
    {"version", version},   {"confirm-lost", confirm_lost},
    {"host", host},         {"site", site},
    {"scale", scale},       {"reset", reset},
    {"outputs", outputs},
};

constexpr const char* examples = R"(Examples:
  agentctl validate manifests/examples/web.yaml
  agentctl apply manifests/examples/web.yaml
  agentctl status
  agentctl status myweb --output json
  agentctl events --follow
  agentctl stop myweb && agentctl delete --yes myweb

Exit codes: 0 done, 1 usage, 2 refused or failed, 3 agent unreachable,
4 no leader now (try again).
FILE is a manifest (.pp, .yaml), a folder of them, or - for standard input;
several are one apply, which is stored as a whole or not at all.)";

CLI::App* add(CLI::App& app, const std::string& name, const std::string& help,
              const std::string& example) {
  CLI::App* verb = app.add_subcommand(name, help);
  verb->footer("Also: --socket, --output, --types; see agentctl --help.\nExample:\n  " + example);
  verb->fallthrough();  // --socket and --output are understood behind the verb too.
  return verb;
}

void add_files(CLI::App* verb, Options& options, bool required) {
  CLI::Option* files =
      verb->add_option("FILE", options.files, "manifests, folders, or -")->type_name("");
  if (required) files->required();
}

void add_name(CLI::App* verb, Options& options, const std::string& help, bool required) {
  CLI::Option* name = verb->add_option("NAME", options.name, help)->type_name("");
  if (required) name->required();
}

void add_waiting(CLI::App* verb, Options& options, int& seconds) {
  verb->add_flag("--no-wait", options.no_wait, "return as soon as it is stored");
  CLI::AsNumberWithUnit unit(std::map<std::string, int>{{"s", 1}, {"m", 60}, {"h", 3600}});
  verb->add_option("--timeout", seconds, "how long to wait, with s, m or h; 0: for ever")
      ->transform(unit.description(""))
      ->check(CLI::Range(0, INT_MAX).description(""))
      ->type_name("TIME")
      ->default_str("10m");
}

// agentctl host add|set|replace|remove NAME
void add_host_verb(CLI::App& app, Options& options) {
  api::HostChange& change = options.host;
  CLI::App* verb = add(app, "host", "add, change, replace or remove a host of the site",
                       "agentctl host add node4 --id 4 --address 10.77.0.14 --key 'KEY'");
  verb->require_subcommand(1);
  const auto action = [&](const std::string& name, const std::string& help,
                          const std::string& example) {
    CLI::App* made = add(*verb, name, help, "agentctl host " + example);
    made->add_option("NAME", change.name, "of the host")->type_name("")->required();
    made->callback([&change, name] { change.action = name; });
    return made;
  };
  const auto word = [](CLI::App* made, const char* option, std::string& value, const char* help,
                       const char* type) {
    return made->add_option(option, value, help)->type_name(type);
  };
  const auto taken_out = [&](CLI::App* made) {
    made->add_flag("--force", change.force,
                   "it is lost and switched off for good, whatever its loss proves");
    made->add_flag("--yes", options.yes, "do not ask");
  };
  CLI::App* made = action(
      "add",
      "let a new host in: then start its agent, and give it a vote by: host set NAME --voter yes",
      "add node4 --id 4 --address 10.77.0.14 --key 'KEY'");
  made->add_option("--id", change.id, "its number")->type_name("N")->required();
  word(made, "--address", change.address, "where its agent listens", "ADDRESS")->required();
  word(made, "--key", change.key, "its public key", "KEY")->required();

  made = action("set", "change whether a host votes, or its address", "set node4 --voter yes");
  word(made, "--voter", change.voter, "yes or no", "YES-OR-NO")
      ->check(CLI::IsMember({"yes", "no"}).description(""));
  made->add_flag("--witness", change.witness, "it votes and runs no VMs");
  word(made, "--address", change.address, "where its agent listens", "ADDRESS");

  made = action("replace", "put a new machine in the place of a host, under its number and name",
                "replace node2 --key 'KEY'");
  word(made, "--key", change.key, "the public key of the new machine", "KEY")->required();
  word(made, "--address", change.address, "where its agent listens", "ADDRESS");
  taken_out(made);

  made = action("remove", "take a host out of the site: one that runs nothing, or is lost",
                "remove node4");
  taken_out(made);
}

// agentctl site recover
void add_site_verb(CLI::App& app, Options& options) {
  CLI::App* verb = add(app, "site", "make the site anew where its voters are lost",
                       "agentctl site recover --lost node2 --lost node3");
  verb->require_subcommand(1);
  CLI::App* made = add(*verb, "recover",
                       "as root, on a voter that has its state, where no majority is left: it "
                       "votes alone from then on. Not while the others may come back, not where "
                       "somebody still leads, not on two hosts, not where a newer host was added: "
                       "then VMs run twice",
                       "agentctl site recover --lost node2 --lost node3 --dry-run\n"
                       "  agentctl site recover --lost node2 --lost node3\n"
                       "  agentctl site recover --address node2=192.0.2.12");
  made->add_option("--lost", options.recover.lost,
                   "a host that is gone for good, or has lost its state")
      ->type_name("HOST")
      ->allow_extra_args(false);
  made->add_option("--address", options.recover.addresses, "where a host really is")
      ->type_name("HOST=ADDRESS")
      ->allow_extra_args(false);
  made->add_flag("--dry-run", options.dry_run,
                 "say what is kept, and what becomes of every host; change nothing");
  made->add_flag("--yes", options.yes, "do not ask");
}

// What is changed of a resource while it runs, beside its manifest.
void add_tuning_verbs(CLI::App& app, Options& options, int& seconds) {
  CLI::App* verb = add(app, "scale", "change how many instances a role has, while it runs",
                       "agentctl scale myweb server=4");
  add_name(verb, options, "of the resource", true);
  verb->add_option("ROLE=N", options.counts, "roles, and how many of their addresses are in use")
      ->type_name("")
      ->required();
  add_waiting(verb, options, seconds);

  verb = add(app, "reset", "try again what has failed: closes its breakers, ends its waiting",
             "agentctl reset myweb/myweb-server-1");
  add_name(verb, options, "of the resource; /INSTANCE behind it: of one instance alone", true);
}

void add_verbs(CLI::App& app, Options& options, int& seconds) {
  CLI::App* verb = add(app, "apply", "make the site as the manifests say, and wait until it is",
                       "agentctl apply --timeout 5m web.yaml");
  add_files(verb, options, true);
  verb->add_flag("--dry-run", options.dry_run, "print what would be done, and do nothing");
  add_waiting(verb, options, seconds);

  verb = add(app, "plan", "print what apply would do; without files what is being done now",
             "agentctl plan web.yaml");
  add_files(verb, options, false);

  verb = add(app, "validate", "check manifests; needs no agent", "agentctl validate web.pp");
  add_files(verb, options, true);

  verb = add(app, "status", "show resources, their instances, and who leads",
             "agentctl status myweb --output json");
  add_name(verb, options, "of one resource", false);

  add(app, "hosts", "show the hosts of the site", "agentctl hosts");

  add_host_verb(app, options);
  add_site_verb(app, options);

  verb = add(app, "stop", "stop a resource; its disks stay", "agentctl stop myweb");
  add_name(verb, options, "of the resource", true);
  add_waiting(verb, options, seconds);

  verb = add(app, "start", "start a stopped resource", "agentctl start myweb");
  add_name(verb, options, "of the resource", true);
  add_waiting(verb, options, seconds);

  add_tuning_verbs(app, options, seconds);

  verb = add(app, "outputs", "show what the roles of a resource have said about themselves",
             "agentctl outputs myweb");
  add_name(verb, options, "of the resource", true);

  verb = add(app, "delete", "stop a resource, remove its disks and forget it",
             "agentctl delete --yes myweb");
  add_name(verb, options, "of the resource", true);
  verb->add_flag("--yes", options.yes, "do not ask");
  add_waiting(verb, options, seconds);

  verb = add(app, "confirm-lost",
             "say that hosts are really down: all that they ran is started elsewhere",
             "agentctl confirm-lost node2 node3");
  verb->add_option("HOST", options.hosts, "names of hosts")->type_name("")->required();
  verb->add_flag("--yes", options.yes, "do not ask");

  verb = add(app, "events", "show what happened", "agentctl events --follow --output json");
  verb->add_flag("--follow", options.follow, "go on until interrupted");
  verb->add_option("--after", options.after, "only those with a higher sequence number");

  add(app, "types", "show the types that the site knows; without an agent those of this machine",
      "agentctl types");

  verb = add(app, "keygen", "make a host's key pair; prints the public key",
             "agentctl keygen /etc/cierzo/secret.key");
  verb->add_option("FILE", options.name, "for the secret key")
      ->default_str("/etc/cierzo/secret.key");
  verb->add_flag("--force", options.force, "replace an existing key: the host becomes another one");

  verb = add(app, "convert", "print a manifest in the other syntax",
             "agentctl convert web.pp --to yaml");
  verb->add_option("FILE", options.files, "a manifest, or -")->required()->expected(1);
  verb->add_option("--to", options.to, "puppet or yaml; as it stands: the other one")
      ->check(CLI::IsMember({"puppet", "yaml"}).description(""))
      ->type_name("SYNTAX");

  add(app, "version", "show the versions of agentctl and of the agent", "agentctl version");

  verb = add(app, "help", "explain a verb", "agentctl help apply");
  verb->add_option("VERB", options.name, "what to explain")->type_name("");
}

void refuse_verb(const std::string& word, Terminal& t) {
  std::vector<std::string> known = {"help"};
  for (const auto& [name, verb] : verbs) known.push_back(name);
  const auto near = manifests::nearest(word, known);
  t.err << "agentctl: unknown verb '" << word << "'"
        << (near ? "; did you mean '" + *near + "'?" : "; see: agentctl --help") << "\n";
}

// agentctl help VERB
int explain(const CLI::App& app, const std::string& name, Terminal& t) {
  const auto found =
      app.get_subcommands([&](const CLI::App* verb) { return verb->get_name() == name; });
  if (found.empty()) {
    refuse_verb(name, t);
    return exit_usage;
  }
  t.out << found.front()->help("agentctl");
  return exit_done;
}

// CLI11 calls a verb that it does not know an unexpected argument.
bool explain_unknown_verb(const CLI::App& app, int argc, const char* const* argv, Terminal& t) {
  if (!app.get_subcommands().empty()) return false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool takes_value = word == "--socket" || word == "--output" || word == "--types";
    if (takes_value) ++i;
    if (word.empty() || word[0] == '-') continue;
    refuse_verb(word, t);
    return true;
  }
  return false;
}

}  // namespace

int run(int argc, const char* const* argv, Terminal& terminal) {
  Options options;
  options.socket = "/run/cierzo/agent.sock";
  int seconds = 600;
  std::string output = "table";

  CLI::App app("agentctl: control a Cierzo site through the agent of this host", "agentctl");
  app.footer(examples);
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--socket", options.socket, "the agent's control socket")
      ->type_name("PATH")
      ->envname("CIERZO_SOCKET")
      ->capture_default_str();
  app.add_option("--output", output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}).description(""))
      ->type_name("FORMAT")
      ->capture_default_str();
  app.add_option("--types", options.types, "folder of further types; for apply, plan, validate")
      ->check(CLI::ExistingDirectory.description(""))
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.set_version_flag("--version", std::string("agentctl ") + CIERZO_VERSION,
                       "print the version of agentctl");
  add_verbs(app, options, seconds);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help, terminal.out, terminal.err);
  } catch (const CLI::ParseError& error) {
    if (!explain_unknown_verb(app, argc, argv, terminal)) {
      const auto parsed = app.get_subcommands();
      terminal.err << "agentctl: " << error.what() << "\nsee: agentctl "
                   << (parsed.empty() ? "" : parsed.front()->get_name() + " ") << "--help\n";
    }
    return exit_usage;
  }
  options.verb = app.get_subcommands().front()->get_name();
  if (options.verb == "help" && !options.name.empty()) return explain(app, options.name, terminal);
  if (options.verb == "help") {
    app.clear();  // with a verb parsed, it would explain that one
    terminal.out << app.help();
    return exit_done;
  }
  options.timeout = std::chrono::seconds(seconds);
  options.output = output == "json"   ? Output::json
                   : output == "yaml" ? Output::yaml
                                      : Output::table;
  return verbs.at(options.verb)(options, terminal);
}

}  // namespace cierzo::ctl
