// The text of one file: whether it can be read at all, and where its bytes stand.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifests/diagnostic.hpp"

namespace cierzo::manifests {

// Keeps a view: the text must outlive it.
class Source {
 public:
  Source(std::string_view text, std::string file);

  // Without the byte order mark that some editors put first.
  [[nodiscard]] std::string_view text() const { return text_; }

  // Line and column of a byte; an offset beyond the end is the end. Costs a bounded number of
  // steps, also when the whole file is one line.
  [[nodiscard]] Position at(std::size_t offset) const;
  [[nodiscard]] Position whole_file() const { return Position{file_, 0, 0}; }

  // What makes it unreadable in any syntax: too long, not UTF-8, a NUL.
  [[nodiscard]] std::optional<Diagnostic> defect() const;

 private:
  [[nodiscard]] std::size_t characters_before(std::size_t offset) const;

  std::string_view text_;
  std::string file_;
  std::vector<std::size_t> lines_{};       // offset of each line's first byte
  std::vector<std::size_t> characters_{};  // characters before each block of block_size bytes
};

// Bytes of the UTF-8 character that `text` begins with, 0 when it begins with none. Strict: no
// overlong forms, no surrogates, nothing beyond U+10FFFF.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

// Appends one code point; false when it is none that a text may hold (NUL, a surrogate, too large).
[[nodiscard]] bool append_utf8(std::string& text, unsigned long code_point);

// What a message says stands at the beginning of `rest`: "'head'", "'}'", "end of the file".
[[nodiscard]] std::string token_shown(std::string_view rest);

}  // namespace cierzo::manifests
