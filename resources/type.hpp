// A type of distributed resource. Types are data: a folder with `type.yaml` and the scripts it
// names. Nothing in C++ knows what a web site or a TORQUE cluster is. (RESOURCES.md, "Types are
// data")
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "manifests/diagnostic.hpp"
#include "resources/ids.hpp"

namespace cierzo {

enum class AttributeKind { string, integer, boolean, strings };

struct AttributeType {
  AttributeKind kind = AttributeKind::string;
  std::optional<std::int64_t> least, most;  // Of an integer; none: any.
  std::vector<std::string> choices;         // Of a string; empty: any.
  std::optional<RoleName> most_of;  // Of an integer: no more than this role has machines in use.
  std::optional<std::string> fallback;  // As text, in the form of its kind.
  bool required = false;
  // Kept in the state database and on the wire only; redacted everywhere else.
  bool secret = false;
  bool generate = false;  // A secret that is made up where no manifest gives one, once for each
                          // resource (generated.hpp).
  std::string summary;
};

// A script that runs once when something asks for it. `script` is a key of Type::scripts.
struct Program {
  std::string script;
  Duration timeout = std::chrono::seconds(120);
};

// A script that runs again and again; exit status 0 is healthy.
struct Check {
  std::string script;
  Duration every = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(3);
  int failures = 3;  // Consecutive ones that make the role failing.
};

// Asks a guest whether the work it has is finished; run again and again until it ends with status 0
// or its time is up.
struct Drain {
  std::string script;
  Duration every = std::chrono::seconds(5);
  Duration timeout = std::chrono::seconds(30);   // Of one run.
  Duration deadline = std::chrono::minutes(10);  // Of all of them, from the first on.
};

// Asks a guest how busy it is: `load=N` in what it prints.
struct Metrics {
  std::string script;
  Duration every = std::chrono::seconds(15);
  Duration timeout = std::chrono::seconds(5);
};

// What is run on the guests of role `on` when an instance of this role comes or goes.
struct Edge {
  RoleName on;
  std::optional<Program> join, leave;
};

enum class OnHostLost {
  replace,
  wait
};  // `wait`: its disk must not be lost, so it comes back with its host.

struct RoleType {
  RoleName name;
  int least = 1;
  std::optional<int> most = 1;  // None: any number.
  // Instances that must always be wanted, however it is scaled. `least` is how many addresses must
  // be declared, at most that many of which may be idle.
  int never_below = 0;
  std::set<RoleName> after;  // Started once every instance of these roles is ready.
  std::set<RoleName> reads;  // `start` runs again when the addresses of these roles change.
  std::vector<RoleName> composed_of;            // "controller" is {shadow, load_balancer, ...}
  std::optional<RoleName> taken_by_if_missing;  // "login" is taken by "master"
  std::map<std::string, AttributeType> attributes;
  std::optional<Program> start, stop;
  std::optional<Check> check;
  std::optional<Metrics> metrics;  // Which of them are scaled away first (scaling.hpp).
  std::optional<Drain> drain;      // Before an instance is scaled away.
  std::vector<Edge> edges;
  // What its `start` says about itself, by key: true for a secret, which nobody is shown. It is not
  // ready before all of them are known.
  std::map<std::string, bool> outputs;
  int tries = 10;  // Failed starts, or restarts in vain at the ladder's end, before its breaker
                   // opens: with ten, after 20 minutes of trying ever more rarely.
  OnHostLost on_host_lost = OnHostLost::replace;
};

struct Type {
  std::string name, summary;
  std::string digest;           // SHA-256 of everything in the folder; hexadecimal.
  std::vector<RoleType> roles;  // In the order of the file.
  // Sets of roles: all that are declared must be of one of them. Empty: all mix.
  std::vector<std::set<RoleName>> layouts;
  // Sets of roles of which no machine has two.
  std::vector<std::set<RoleName>> apart;
  // One machine in several roles is ordinary here; elsewhere it draws a warning, since it may as
  // well be an address copied by mistake.
  bool shared_machines = false;
  // Its roles are written in the manifest, commands and all (open_roles.hpp). Such a type has no
  // roles; what a resource makes of it has them in a file of its own, roles_file, and is stored and
  // sent like any other type.
  bool roles_in_manifest = false;
  std::map<std::string, AttributeType> attributes;
  std::map<std::string, std::string> scripts;  // File name -> text.
  std::map<std::string, std::string>
      files;  // Every file of the folder as it is read, `type.yaml` included:
              // what travels and is stored; read_type() makes a Type of it.
  [[nodiscard]] const RoleType* role(const RoleName& name) const;
};

inline constexpr const char* roles_file = "roles.yaml";  // Of a type with roles_in_manifest.

struct TypeRead {
  std::string name;  // What it calls itself, also where it cannot be used; empty: nothing readable.
  std::optional<Type> type;  // Only where there is no error among the diagnostics.
  std::vector<manifests::Diagnostic> diagnostics;
};

// Reads a type from its files. `origin` is the folder, for messages. Unknown keys, unknown roles,
// cycles of `after` and missing scripts are mistakes, all reported at once.
[[nodiscard]] TypeRead read_type(const std::map<std::string, std::string>& files,
                                 const std::string& origin);

}  // namespace cierzo
