// agentctl convert FILE [--to puppet|yaml]: the same manifest in the other syntax. Checks the
// syntax only, so it needs no types. What is kept is the meaning: variables and defaults are put in
// where they are used, and comments are lost, since what they comment may stand elsewhere or
// nowhere.
#include <ostream>

#include "agent/ctl/declared.hpp"
#include "agent/ctl/exchange.hpp"
#include "agent/ctl/show.hpp"
#include "manifests/parse.hpp"
#include "manifests/print.hpp"

namespace cierzo::ctl {

int convert(const Options& options, Terminal& terminal) {
  const std::string& file = options.files.front();
  std::string error;
  const auto text = read_text(file, terminal.in, manifests::text_max, error);
  if (!text)
    return fail(options, terminal, {exit_failed, {file + ": cannot be read: " + error, {}, {}}});
  const manifests::Parsed parsed = manifests::parse(*text, file);
  std::vector<std::string> mistakes;
  for (const manifests::Diagnostic& diagnostic : parsed.diagnostics) {
    if (diagnostic.severity == manifests::Severity::warning) {
      terminal.err << to_string(diagnostic) << "\n";
    } else {
      mistakes.push_back(to_string(diagnostic));
    }
  }
  if (!parsed.ok()) {
    const std::string count = counted(mistakes.size(), "mistake");
    return fail(options, terminal, {exit_failed, {count + " in " + file, mistakes, {}}});
  }
  for (const manifests::Declaration& declaration : parsed.declarations) {
    for (const manifests::Entry& entry : declaration.attributes) {
      if (!manifests::is_secret_name(entry.key)) continue;
      terminal.err << to_string(manifests::warning(
                          entry.at, declaration.type + "." + declaration.title + "." + entry.key,
                          "is a secret in clear text, also in what is printed: keep it private"))
                   << "\n";
    }
  }
  std::string to = options.to;
  if (to.empty()) {
    const bool puppet = manifests::syntax_of(*text, file) == manifests::Syntax::puppet;
    to = puppet ? "yaml" : "puppet";
  }
  terminal.out << (to == "yaml" ? manifests::print_yaml(parsed.declarations)
                                : manifests::print_puppet(parsed.declarations));
  return exit_done;
}

}  // namespace cierzo::ctl
