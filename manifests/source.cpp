#include "manifests/source.hpp"

#include <algorithm>

namespace cierzo::manifests {

namespace {

constexpr std::size_t block_size = 256;
constexpr std::size_t token_shown_max = 40;
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

Source::Source(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {
  if (text_.substr(0, byte_order_mark.size()) == byte_order_mark) {
    text_.remove_prefix(byte_order_mark.size());
  }
  if (text_.size() > text_max) return;  // a defect: nobody will ask for places in it
  lines_.push_back(0);
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (i % block_size == 0) characters_.push_back(characters);
    if (!continues_character(text_[i])) ++characters;
    if (text_[i] == '\n') lines_.push_back(i + 1);
  }
}

std::size_t Source::characters_before(std::size_t offset) const {
  const std::size_t block = offset / block_size;
  if (block >= characters_.size()) {  // just behind a last, full block, or an empty text
    return characters_.empty() ? 0 : characters_before(offset - 1) + 1;
  }
  const auto begin = text_.begin() + static_cast<std::ptrdiff_t>(block * block_size);
  const auto end = text_.begin() + static_cast<std::ptrdiff_t>(offset);
  const auto more = std::count_if(begin, end, [](char c) { return !continues_character(c); });
  return characters_[block] + static_cast<std::size_t>(more);
}

Position Source::at(std::size_t offset) const {
  if (lines_.empty()) return whole_file();
  offset = std::min(offset, text_.size());
  const auto next = std::upper_bound(lines_.begin(), lines_.end(), offset);
  const std::size_t line = static_cast<std::size_t>(next - lines_.begin());
  const std::size_t column = characters_before(offset) - characters_before(lines_[line - 1]) + 1;
  return Position{file_, static_cast<int>(line), static_cast<int>(column)};
}

std::optional<Diagnostic> Source::defect() const {
  if (text_.size() > text_max) {
    return mistake(
        whole_file(), "too long",
        "at most " + std::to_string(text_max) + " bytes, got " + std::to_string(text_.size()));
  }
  for (std::size_t i = 0; i < text_.size();) {
    const std::size_t length = utf8_length(text_.substr(i));
    if (length == 0) return mistake(at(i), "not UTF-8", "save the file in that encoding");
    if (text_[i] == '\0') return mistake(at(i), "a NUL byte", "only text can be read");
    i += length;
  }
  return std::nullopt;
}

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&byte](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (first == 0xed && byte(1) > 0x9f) return 0;  // surrogate
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;  // overlong
    if (first == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

bool append_utf8(std::string& text, unsigned long code_point) {
  const auto add = [&text](unsigned long byte) { text += static_cast<char>(byte); };
  const auto rest = [&add, code_point](int shift) { add(0x80 | ((code_point >> shift) & 0x3f)); };
  if (code_point == 0 || code_point > 0x10ffff) return false;
  if (code_point >= 0xd800 && code_point <= 0xdfff) return false;
  if (code_point < 0x80) {
    add(code_point);
  } else if (code_point < 0x800) {
    add(0xc0 | (code_point >> 6));
    rest(0);
  } else if (code_point < 0x10000) {
    add(0xe0 | (code_point >> 12));
    rest(6);
    rest(0);
  } else {
    add(0xf0 | (code_point >> 18));
    rest(12);
    rest(6);
    rest(0);
  }
  return true;
}

std::string token_shown(std::string_view rest) {
  if (rest.empty()) return "end of the file";
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  for (const std::string_view pair : {"=>", "->", "~>", "+>", "==", "<|", "@@", "/*"}) {
    if (rest.substr(0, 2) == pair) return "'" + std::string(pair) + "'";
  }
  std::size_t end = 0;
  while (end < rest.size() && end < token_shown_max && is_word(rest[end])) ++end;
  if (end == 0) end = std::max<std::size_t>(1, utf8_length(rest));
  if (rest[0] == '\n' || rest[0] == '\r') return "end of the line";
  if (const auto byte = static_cast<unsigned char>(rest[0]); byte < 0x20 || byte == 0x7f) {
    return rest[0] == '\t' ? "a tab" : "a control character";
  }
  if (rest[0] == '\'') return "\"'\"";
  return "'" + std::string(rest.substr(0, end)) + "'";
}

}  // namespace cierzo::manifests
