// Commands in a guest, through its QEMU guest agent.
#pragma once
#include "resources/providers/libvirt_domains.hpp"

namespace cierzo::libvirt {

// At most about a second.
[[nodiscard]] bool guest_answers(const DomainFound& domain);

// Does not say whether it heard; at most about a second.
// The guest's clock gets this host's time of day. False: its agent did not do it.
[[nodiscard]] bool set_guest_clock(const DomainFound& domain);
void ask_to_power_off(const DomainFound& domain);

// Throws Refused where the agent does not take it.
[[nodiscard]] GuestHandle guest_start(Link& link, const Connection& connection,
                                      const DomainFound& domain, const GuestCommand& command);

[[nodiscard]] GuestProgress guest_progress(Link& link, const Connection& connection,
                                           const DomainFound& domain, const GuestHandle& handle);

}  // namespace cierzo::libvirt
