// Who may do what over the control socket. A reader sees everything and changes nothing; an
// operator changes the whole site, so it is as good as root on every host of it.
//
// Root, and the user the agent runs as, may all of that, and what concerns this host's own state;
// others by the groups of their process, as
// the kernel knows them (SO_PEERCRED, SO_PEERGROUPS): no name service is asked, which could block.
// What the other hosts forward was judged there.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/api/request.hpp"

namespace cierzo::api {

// Each may what those before it may. `owner`: root, and the user that the agent runs as.
enum class Role { none, reader, operating, owner };

// The process at the other end.
struct Caller {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups{};  // Supplementary ones.
};

struct Group {
  std::string name;
  gid_t id = 0;
};

struct Access {
  std::vector<Group> operators, readers;
};

// The groups of the configuration's `control:`, looked up once, at the start. One that does not
// exist is refused (std::runtime_error with the next step) unless it is only the default
// (`operators_optional`): then nobody but root operates.
[[nodiscard]] Access find_groups(const std::vector<std::string>& operators, bool operators_optional,
                                 const std::vector<std::string>& readers);

// What the socket's file must let through: the kernel can keep out all others only where there is
// no more than one group. Beyond that everybody may connect, and those without a role are told so.
struct SocketOwner {
  std::optional<gid_t> group;  // None: the agent's own.
  mode_t mode = 0600;
};
[[nodiscard]] SocketOwner socket_owner(const Access& access);

// Nobody's where the kernel does not say.
[[nodiscard]] Caller caller_of(int socket);

[[nodiscard]] Role role_of(const Caller& caller, const Access& access);
[[nodiscard]] Role needed_for(Route route);

// 403: "alice may not stop: this needs the role operator, alice is a reader", and who can help.
[[nodiscard]] ApiResponse forbidden(const Caller& caller, const Access& access,
                                    const std::string& what, Role needed);

}  // namespace cierzo::api
