// Any bytes, read as agentd's configuration: nothing crashes, and what is accepted holds together,
// so that an agent can be made of it; a file is refused with a reason or accepted, never both.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "agent/config.hpp"
#include "agent/net/address.hpp"
#include "agent/net/keys.hpp"

namespace {

using namespace cierzo;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// The public half of it is the key of host 1 in the corpus.
std::string secret(const std::string&) { return "FuzzFuzzFuzzFuzzFuzzFuzzFuzzFuzzFuzzFuzz"; }

void check_config(const Config& config) {
  check(endpoint_of(config.listen).has_value(), "an address to listen on");
  check(election::mistakes(config.timing).empty(), "a possible timing");
  check(config.converge >= config.timing.lease, "converge");
  std::size_t voters = 0;
  const HostConfig* self = nullptr;
  for (const HostConfig& host : config.hosts) {
    check(host.id.value != 0 && !host.name.empty(), "an id and a name");
    check(endpoint_of(host.address).has_value(), "an address");
    check(!key_mistake(host.key), "a key");
    if (host.voter) ++voters;
    if (host.id == config.self) self = &host;
  }
  check(voters > 0, "a voter");
  check(self != nullptr && self->name == config.name, "this host among them");
  check(self->key == public_key_of(config.secret_key), "its own key");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ConfigRead read =
      read_config({reinterpret_cast<const char*>(data), size}, "agentd.yaml", secret);
  check(read.config.has_value() != manifests::has_errors(read.diagnostics),
        "refused with a reason");
  for (const auto& mistake : read.diagnostics) check(!to_string(mistake).empty(), "a mistake");
  if (read.config) check_config(*read.config);
  return 0;
}
