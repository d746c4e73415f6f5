// "Did you mean": the known name nearest to one that is not known.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cierzo::manifests {

// Edits between two words: insert, delete, replace, or swap two neighbours (optimal string
// alignment). Bytes, not characters: the names we compare are ASCII. Costs a.size() * b.size()
// steps.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// The one of `known` with the fewest edits, first in order among equals; none when even that one
// would need more than a third of the name rewritten (at least one edit is always forgiven). Letter
// case is forgiven altogether.
[[nodiscard]] std::optional<std::string> nearest(std::string_view name,
                                                 const std::vector<std::string>& known);

}  // namespace cierzo::manifests
