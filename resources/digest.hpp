// Digests: how two texts are known to be the same without sending them. The only door to libcrypto
// in this library.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace cierzo {

// SHA-256 of the bytes, as 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256(std::string_view bytes);

// Of several texts, each with its length in front: {"ab", "c"} and {"a", "bc"} differ.
[[nodiscard]] std::string sha256_of(std::initializer_list<std::string_view> parts);

// Appends one part in that form, for lists whose length is not known when the code is written.
void append_part(std::string& bytes, std::string_view part);

}  // namespace cierzo
