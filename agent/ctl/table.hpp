// Rows as people read them: columns as wide as their widest cell, two spaces between, nothing after
// the last one. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cierzo::ctl {

enum class Paint { plain, good, busy, bad, faint };

struct Cell {
  std::string text;
  Paint paint = Paint::plain;
};

// A row of one cell is a remark: it stands indented on a line of its own and widens no column.
using Row = std::vector<Cell>;

// With `colour`, by ANSI sequences that take no width.
[[nodiscard]] std::string table(const Row& heads, const std::vector<Row>& rows, bool colour);

[[nodiscard]] std::string painted(const Cell& cell, bool colour);

// How to show a state of a host, a resource or an instance, or a health.
[[nodiscard]] Cell state_cell(const std::string& state);

}  // namespace cierzo::ctl
