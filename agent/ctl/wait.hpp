// Waiting until resources are as declared, with progress; and the verbs that change one resource.
#pragma once

#include <string>

#include "agent/api/views.hpp"
#include "agent/ctl/command.hpp"
#include "agent/ctl/progress.hpp"

namespace cierzo::ctl {

// Prints what was stored, and unless --no-wait looks again and again until every goal is reached,
// the time-out has passed or a resource has failed for good. A site without a leader, or an agent
// that is restarted, is waited for as well. Returns the exit code.
int finish_change(const Options& options, Terminal& terminal, api::ApplyAnswer answer,
                  const Goals& goals);

// stop, start and delete: asks the leader, then finish_change.
int change_resource(const Options& options, Terminal& terminal, const std::string& method,
                    const std::string& target, Ensure goal);

}  // namespace cierzo::ctl
