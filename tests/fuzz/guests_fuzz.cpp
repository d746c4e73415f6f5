// Any bytes, taken for what a guest says: the answers of its agent and what our scripts printed in
// it. Whoever owns a guest may say anything. Nothing crashes, what is passed on is readable text of
// bounded length, and an exit status is one.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "resources/guest.hpp"
#include "resources/providers/guest_agent.hpp"

namespace {

using namespace cierzo;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view said(reinterpret_cast<const char*>(data), size);
  (void)read_exec(said);
  if (const auto status = read_status(said)) {
    check(status->exit_code >= 0 && status->exit_code <= 255, "an exit status");
    (void)output_of(*status, "token");
    (void)read_probe(status->output);
    check(is_utf8(last_lines(status->output)), "the last lines");
  }
  (void)decode_base64(said);
  const GuestKnowledge known = read_probe(said);
  check(known.joined.size() <= 1024, "a list of members");
  for (const Joined& joined : known.joined) {
    // They become words and file names of scripts, and parts of a report.
    for (const std::string* word : {&joined.on.value, &joined.member.name.value,
                                    &joined.member.role.value, &joined.member.address}) {
      const bool plain = word->find_first_of(" /\n\t'") == std::string::npos;
      check(plain && !word->empty() && word->size() <= 128, "a member's word");
    }
    check(joined.member.index >= 0, "a member's position");
  }
  for (const auto& [role, outputs] : known.outputs) {
    check(outputs.size() <= 32, "outputs of a role");
    for (const auto& [key, value] : outputs) check(key.size() + value.size() < 1200, "an output");
  }
  (void)script_purpose(said);
  const std::string lines = last_lines(said);
  check(is_utf8(lines) && lines.size() <= 4096, "the last lines");
  check(is_utf8(readable(said)), "readable text");
  return 0;
}
