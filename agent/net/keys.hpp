// CURVE keys: who a host is. One pair per host; a public key is what others list, a secret key
// never leaves its file. Both are 40 characters of Z85. (TRAPS S6, S9)
#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cierzo {

inline constexpr std::size_t key_characters = 40;

struct KeyPair {
  std::string public_key, secret_key;
};

// What a file or a key is not fit for: one sentence with the next step, for main() to print.
struct KeyError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[nodiscard]] KeyPair generate_keys();

// Throws KeyError for what is no key.
[[nodiscard]] std::string public_key_of(const std::string& secret_key);

// What is wrong with a public or secret key, if anything: its length, a character, or that
// everybody knows it (the pairs printed in libzmq's manual pages).
[[nodiscard]] std::optional<std::string> key_mistake(std::string_view key);

// A file with one secret key on a line of its own; empty lines and lines that begin with # do not
// count. Refused (KeyError): a file that others than its owner can read or write, or anything but
// exactly one usable key.
[[nodiscard]] std::string read_secret_key(const std::string& path);

// Makes such a file, mode 0600, with the public key in a comment. Never overwrites one: a lost key
// is a lost identity.
void write_secret_key(const std::string& path, const KeyPair& keys);

}  // namespace cierzo
