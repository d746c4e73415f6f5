// The types that the folders of the configuration hold, as people see them.
#pragma once
#include <string>
#include <vector>

#include "agent/api/views.hpp"

namespace cierzo {

// Read now: an administrator drops a folder and it is there. Of types of one name the last folder
// wins; a folder that is no usable type is shown with its mistake as its summary.
[[nodiscard]] api::TypesView types_view(const std::vector<std::string>& folders);

}  // namespace cierzo
