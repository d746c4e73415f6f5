// Pictures of the site for people and scripts, made from what the agent knows. Pure.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "agent/api/views.hpp"
#include "monitor/inventory.hpp"
#include "resources/plan.hpp"

namespace cierzo {

// That host has recovered the site by mistake: this one lives. (rule 22)
[[nodiscard]] std::string rival_site(const std::string& host);

// What to say, and to do, where the hypervisor of a host does not answer.
[[nodiscard]] std::string hypervisor_silent(const std::string& error);

// One row for a host. `report`: its last inventory, or null. `hypervisor_error`: why there is none,
// or none of now. `silent`: for how long it has not been heard; zero: not known.
[[nodiscard]] api::HostRow host_row(const HostFacts& host, bool voter, const Report* report,
                                    const std::string& hypervisor_error, Duration silent);

// What that host keeps though nothing declares it; empty: nothing. (rule 22)
[[nodiscard]] std::string kept_on(HostId host, const std::set<Kept>& all);
[[nodiscard]] std::vector<api::ResourceRow> resource_rows(const std::vector<ResourceStatus>& status,
                                                          const std::vector<HostFacts>& hosts);

[[nodiscard]] api::PlanView plan_view(const Plan& plan, const std::vector<HostFacts>& hosts);

[[nodiscard]] std::string to_string(const Incarnation& incarnation);  // "counter.owner.sequence"
[[nodiscard]] std::string to_string(HostState state);
[[nodiscard]] std::string to_string(Ensure ensure);

}  // namespace cierzo
