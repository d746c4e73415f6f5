// Any bytes, taken for a message of another agent, and for what the catalog and the state database
// hold: nothing crashes, what is refused is refused with a reason, and what is accepted can be sent
// on unchanged.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/net/codec.hpp"

namespace {

using namespace cierzo;

void check(bool holds, const char* what, const std::string& error) {
  if (holds) return;
  std::fprintf(stderr, "%s: %s\n", what, error.c_str());
  std::abort();
}

// The bytes need not be the ones that came: fields may stand in any order on the wire, and some may
// be a later version's. From the first encoding on they are.
template <class Decode, class Encode>
void check_roundtrip(std::string_view bytes, const char* what, Decode decode, Encode encode) {
  std::string error;
  const auto got = decode(bytes, error);
  check(got.has_value() == error.empty(), what, "refused without a reason, or with one accepted");
  if (!got) return;
  const std::string sent = encode(*got);
  const auto again = decode(sent, error);
  check(again.has_value(), what, error);
  check(encode(*again) == sent, what, "another message arrived");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_roundtrip(bytes, "message", decode, encode);
  check_roundtrip(bytes, "resource", decode_resource, encode_resource);
  check_roundtrip(bytes, "type", decode_type_files, encode_type_files);
  check_roundtrip(bytes, "held", decode_held, encode_held);
  check_roundtrip(bytes, "record", decode_record, encode_record);
  check_roundtrip(bytes, "command", decode_command, encode_command);
  return 0;
}
