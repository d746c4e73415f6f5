// The views of the control socket as protobuf's messages and back, field by field: the inner half
// of codec_api, for codec*.cpp alone.
#pragma once

#include <string>

#include "agent/api/views.hpp"
#include "agent/net/cierzo.pb.h"

namespace cierzo::api {

// Into an empty message. Every text becomes valid UTF-8: a script in a guest may print anything.
void fill(const LeaderView& from, wire::LeaderView& to);
void fill(const HostRow& from, wire::HostRow& to);
void fill(const HostChange& from, wire::HostChange& to);
void fill(const InstanceRow& from, wire::InstanceRow& to);
void fill(const ScaleRow& from, wire::ScaleRow& to);
void fill(const ScaleRequest& from, wire::ScaleRequest& to);
void fill(const ResetRequest& from, wire::ResetRequest& to);
void fill(const OutputRow& from, wire::OutputRow& to);
void fill(const OutputsView& from, wire::OutputsView& to);
void fill(const ResourceRow& from, wire::ResourceRow& to);
void fill(const StatusView& from, wire::StatusView& to);
void fill(const ActionRow& from, wire::ActionRow& to);
void fill(const BlockedRow& from, wire::BlockedRow& to);
void fill(const PlanView& from, wire::PlanView& to);
void fill(const ChangeRow& from, wire::ChangeRow& to);
void fill(const ApplyAnswer& from, wire::ApplyAnswer& to);
void fill(const ConfirmRequest& from, wire::ConfirmRequest& to);
void fill(const ConfirmView& from, wire::ConfirmView& to);
void fill(const RecoverRequest& from, wire::RecoverRequest& to);
void fill(const RecoverView& from, wire::RecoverView& to);
void fill(const EventRow& from, wire::EventRow& to);
void fill(const EventsView& from, wire::EventsView& to);
void fill(const RoleRow& from, wire::RoleRow& to);
void fill(const TypeRow& from, wire::TypeRow& to);
void fill(const TypesView& from, wire::TypesView& to);
void fill(const VersionView& from, wire::VersionView& to);
void fill(const ErrorView& from, wire::ErrorView& to);
void fill(const VersionsView& from, wire::VersionsView& to);
void fill(const KeyView& from, wire::KeyView& to);
void fill(const ValidateView& from, wire::ValidateView& to);
void fill(const ApplyRequest& from, wire::ApplyRequest& to);

// Into an empty view.
void read(const wire::LeaderView& from, LeaderView& to);
void read(const wire::HostRow& from, HostRow& to);
void read(const wire::HostChange& from, HostChange& to);
void read(const wire::InstanceRow& from, InstanceRow& to);
void read(const wire::ScaleRow& from, ScaleRow& to);
void read(const wire::ScaleRequest& from, ScaleRequest& to);
void read(const wire::ResetRequest& from, ResetRequest& to);
void read(const wire::OutputRow& from, OutputRow& to);
void read(const wire::OutputsView& from, OutputsView& to);
void read(const wire::ResourceRow& from, ResourceRow& to);
void read(const wire::StatusView& from, StatusView& to);
void read(const wire::ActionRow& from, ActionRow& to);
void read(const wire::BlockedRow& from, BlockedRow& to);
void read(const wire::PlanView& from, PlanView& to);
void read(const wire::ChangeRow& from, ChangeRow& to);
void read(const wire::ApplyAnswer& from, ApplyAnswer& to);
void read(const wire::ConfirmRequest& from, ConfirmRequest& to);
void read(const wire::ConfirmView& from, ConfirmView& to);
void read(const wire::RecoverRequest& from, RecoverRequest& to);
void read(const wire::RecoverView& from, RecoverView& to);
void read(const wire::EventRow& from, EventRow& to);
void read(const wire::EventsView& from, EventsView& to);
void read(const wire::RoleRow& from, RoleRow& to);
void read(const wire::TypeRow& from, TypeRow& to);
void read(const wire::TypesView& from, TypesView& to);
void read(const wire::VersionView& from, VersionView& to);
void read(const wire::ErrorView& from, ErrorView& to);
// `error` says why where a resource or a type is not a usable one.
void read(const wire::ApplyRequest& from, ApplyRequest& to, std::string& error);

}  // namespace cierzo::api
