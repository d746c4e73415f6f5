#include "resources/brief.hpp"

#include <vector>

namespace cierzo {
namespace {

std::string cut(std::string_view line) {
  if (line.size() <= brief_line_bytes) return std::string(line);
  std::size_t end = brief_line_bytes;
  // Not in the middle of a character of UTF-8.
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
  return std::string(line.substr(0, end)) + "...";
}

}  // namespace

std::string brief(std::string_view text) {
  std::vector<std::string_view> lines;  // The last one first.
  while (!text.empty() && lines.size() < brief_lines) {
    const std::size_t end = text.find_last_not_of("\n\r\t ");
    if (end == std::string_view::npos) break;
    const std::size_t before = text.find_last_of('\n', end);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    lines.push_back(text.substr(begin, end + 1 - begin));
    text = text.substr(0, begin);
  }
  std::string out;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    out += (out.empty() ? "" : " | ") + cut(*line);
  }
  return out;
}

std::string in_words(Duration duration) {
  using namespace std::chrono;
  const auto whole = ceil<seconds>(duration);
  if (whole < minutes(2)) return std::to_string(whole.count()) + " s";
  if (whole < hours(2)) return std::to_string(ceil<minutes>(whole).count()) + " min";
  return std::to_string(ceil<hours>(whole).count()) + " h";
}

std::string times(int count) { return std::to_string(count) + (count == 1 ? " time" : " times"); }

}  // namespace cierzo
