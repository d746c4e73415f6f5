// The views as text for people. Pure; every function ends its text with a newline.
#pragma once

#include <optional>
#include <string>

#include "agent/api/views.hpp"

namespace cierzo::ctl {

// Who leads, hosts that need attention, then each resource with its instances; a reason stands
// below the line it belongs to.
[[nodiscard]] std::string show_status(const api::StatusView& view, bool colour);
[[nodiscard]] std::string show_hosts(const api::StatusView& view, bool colour);
[[nodiscard]] std::string show_plan(const api::PlanView& view);
[[nodiscard]] std::string show_confirmed(const api::ConfirmView& view);
[[nodiscard]] std::string show_recovery(const api::RecoverView& view);
[[nodiscard]] std::string show_outputs(const api::OutputsView& view);
[[nodiscard]] std::string show_types(const api::TypesView& view);
[[nodiscard]] std::string show_event(const api::EventRow& event);
[[nodiscard]] std::string show_changes(const api::ApplyAnswer& answer);

// "1 mistake", "3 mistakes"
[[nodiscard]] std::string counted(std::size_t count, const std::string& thing);
[[nodiscard]] std::string joined(const std::vector<std::string>& texts, const std::string& between);

}  // namespace cierzo::ctl
