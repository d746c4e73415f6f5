// agentctl keygen [FILE]: a host's identity. The secret key goes to FILE, mode 0600, and nowhere
// else; the public key, which all hosts list, is printed.
#include <cstdio>
#include <filesystem>

#include "agent/ctl/exchange.hpp"
#include "agent/net/keys.hpp"

namespace cierzo::ctl {

int keygen(const Options& options, Terminal& terminal) {
  const std::string file = options.name.empty() ? "/etc/cierzo/secret.key" : options.name;
  std::error_code ignored;
  const bool exists = std::filesystem::exists(std::filesystem::symlink_status(file, ignored));
  if (exists && !options.force) {
    return fail(options, terminal,
                {exit_failed,
                 {file + " exists, and a lost key is a lost identity; nothing was changed",
                  {},
                  "to make this host another one: agentctl keygen --force " + file}});
  }
  const KeyPair keys = generate_keys();
  // Written beside it and renamed: a full disk must not cost the old key.
  const std::string target = exists ? file + ".new" : file;
  try {
    write_secret_key(target, keys);
  } catch (const KeyError& error) {
    return fail(options, terminal, {exit_failed, {error.what(), {}, {}}});
  }
  if (target != file && std::rename(target.c_str(), file.c_str()) != 0) {
    return fail(options, terminal, {exit_failed, {file + " cannot be replaced", {}, {}}});
  }
  print(options, terminal, api::KeyView{file, keys.public_key}, keys.public_key + "\n");
  return exit_done;
}

}  // namespace cierzo::ctl
