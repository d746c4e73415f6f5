#include "resources/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace cierzo {

std::string sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned int size = 0;
  // Looked up once: EVP_sha256() would be looked up again by every digest.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (algorithm == nullptr ||
      EVP_Digest(bytes.data(), bytes.size(), raw.data(), &size, algorithm, nullptr) != 1) {
    std::fputs("digest: libcrypto has no SHA-256\n", stderr);
    std::abort();  // a program without digests would take every change for none
  }
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  text.reserve(std::size_t{size} * 2);
  for (unsigned int i = 0; i < size; ++i) {
    text += digits[raw[i] >> 4U];
    text += digits[raw[i] & 0xfU];
  }
  return text;
}

void append_part(std::string& bytes, std::string_view part) {
  bytes += std::to_string(part.size());
  bytes += ':';
  bytes += part;
}

std::string sha256_of(std::initializer_list<std::string_view> parts) {
  std::string bytes;
  for (const std::string_view part : parts) append_part(bytes, part);
  return sha256(bytes);
}

}  // namespace cierzo
