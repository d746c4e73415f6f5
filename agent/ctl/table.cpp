#include "agent/ctl/table.hpp"

#include <algorithm>

namespace cierzo::ctl {
namespace {

// Characters, as a terminal counts them; combining and double-width ones do not occur in our names.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string_view code(Paint paint) {
  switch (paint) {
    case Paint::plain:
      return "";
    case Paint::good:
      return "\x1b[32m";
    case Paint::busy:
      return "\x1b[33m";
    case Paint::bad:
      return "\x1b[31m";
    case Paint::faint:
      return "\x1b[2m";
  }
  return "";
}

std::string line(const Row& row, const std::vector<std::size_t>& widths, bool colour) {
  if (row.size() == 1 && widths.size() > 1) return "  " + painted(row[0], colour) + "\n";
  std::size_t last = row.size();  // Behind the last cell that says anything.
  while (last > 0 && row[last - 1].text.empty()) --last;
  std::string out;
  for (std::size_t i = 0; i < last; ++i) {
    out += painted(row[i], colour);
    if (i + 1 < last) out.append(widths[i] - width(row[i].text) + 2, ' ');
  }
  return out + "\n";
}

}  // namespace

std::string painted(const Cell& cell, bool colour) {
  const std::string_view begin = code(cell.paint);
  if (!colour || begin.empty() || cell.text.empty()) return cell.text;
  return std::string(begin) + cell.text + "\x1b[0m";
}

std::string table(const Row& heads, const std::vector<Row>& rows, bool colour) {
  std::vector<std::size_t> widths;
  for (const Cell& head : heads) widths.push_back(width(head.text));
  for (const Row& row : rows) {
    if (row.size() == 1 && heads.size() > 1) continue;
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], width(row[i].text));
    }
  }
  std::string out = line(heads, widths, colour);
  for (const Row& row : rows) out += line(row, widths, colour);
  return out;
}

Cell state_cell(const std::string& state) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> states) {
    return std::find(states.begin(), states.end(), state) != states.end();
  };
  if (is_one_of({"running", "alive", "passing"})) return {state, Paint::good};
  if (is_one_of({"failed", "failing", "flapping", "lost", "degraded"})) return {state, Paint::bad};
  if (is_one_of({"stopped", "absent"})) return {state, Paint::faint};
  return {state, Paint::busy};
}

}  // namespace cierzo::ctl
