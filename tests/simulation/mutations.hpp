// Each rule switched off in turn, and the schedule made by hand that notices. (directed.hpp)
#pragma once

namespace cierzo::simulation {

// Prints a table: rule, schedule, the invariant that breaks without the rule. False: with a rule
// on something broke, or nothing noticed that it was off.
[[nodiscard]] bool show_mutations();

}  // namespace cierzo::simulation
