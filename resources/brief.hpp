// Long texts in one line, and durations in words: what reasons are made of. Pure.
#pragma once
#include <string>
#include <string_view>

#include "resources/ids.hpp"

namespace cierzo {

inline constexpr std::size_t brief_lines = 3, brief_line_bytes = 160;

// The last lines that say anything, "line one | line two"; long ones are cut, between characters.
// Of a script that prints without end this is all that leaves its host.
[[nodiscard]] std::string brief(std::string_view text);

// "0 s", "12 s", "3 min", "2 h"; what is begun counts in full, so that no wait is called shorter
// than it is.
[[nodiscard]] std::string in_words(Duration duration);

// "1 time", "3 times".
[[nodiscard]] std::string times(int count);

}  // namespace cierzo
