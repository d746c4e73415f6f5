#include "agent/api/access.hpp"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "agent/api/views.hpp"
#include "agent/net/codec_api.hpp"

namespace cierzo::api {
namespace {

bool in_any(const Caller& caller, const std::vector<Group>& groups) {
  const auto& more = caller.groups;
  return std::any_of(groups.begin(), groups.end(), [&](const Group& group) {
    return group.id == caller.gid || std::find(more.begin(), more.end(), group.id) != more.end();
  });
}

const char* name_of(Role role) {
  switch (role) {
    case Role::none:
      return "stranger";
    case Role::reader:
      return "reader";
    case Role::operating:
      return "operator";
    case Role::owner:
      return "root";
  }
  return "stranger";
}

// From the file alone: a name service may take seconds, and this is the main loop.
std::string user_name(uid_t uid) {
  struct Close {
    void operator()(FILE* file) const { std::fclose(file); }
  };
  const std::unique_ptr<FILE, Close> file(std::fopen("/etc/passwd", "re"));
  while (const passwd* entry = file ? ::fgetpwent(file.get()) : nullptr) {
    if (entry->pw_uid == uid) return entry->pw_name;
  }
  return "user " + std::to_string(uid);
}

std::vector<Group> find_all(const std::vector<std::string>& names, const char* key, bool optional) {
  std::vector<Group> groups;
  for (const std::string& name : names) {
    if (const group* entry = ::getgrnam(name.c_str())) {
      groups.push_back({name, entry->gr_gid});
    } else if (!optional) {
      throw std::runtime_error("control." + std::string(key) + ": there is no group '" + name +
                               "' here; make it: groupadd --system " + name);
    }
  }
  return groups;
}

}  // namespace

Access find_groups(const std::vector<std::string>& operators, bool operators_optional,
                   const std::vector<std::string>& readers) {
  return {find_all(operators, "operators", operators_optional),
          find_all(readers, "readers", false)};
}

SocketOwner socket_owner(const Access& access) {
  if (!access.readers.empty() || access.operators.size() > 1) return {std::nullopt, 0666};
  if (access.operators.empty()) return {std::nullopt, 0600};
  return {access.operators.front().id, 0660};
}

Caller caller_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  Caller caller{peer.uid, peer.gid, std::vector<gid_t>(NGROUPS_MAX)};
  size = static_cast<socklen_t>(caller.groups.size() * sizeof(gid_t));
  const bool known =
      ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, caller.groups.data(), &size) == 0;
  caller.groups.resize(known ? size / sizeof(gid_t) : 0);
  return caller;
}

Role role_of(const Caller& caller, const Access& access) {
  const bool own = caller.uid == 0 || caller.uid == ::geteuid();
  if (own) return Role::owner;
  if (in_any(caller, access.operators)) return Role::operating;
  return in_any(caller, access.readers) ? Role::reader : Role::none;
}

// What is not known to change nothing is an operator's.
Role needed_for(Route route) {
  switch (route) {
    case Route::status:
    case Route::hosts:
    case Route::events:
    case Route::types:
    case Route::version:
    case Route::health:
    case Route::plan:
      return Role::reader;
    case Route::recover:
      return Role::owner;
    default:
      return Role::operating;
  }
}

ApiResponse forbidden(const Caller& caller, const Access& access, const std::string& what,
                      Role needed) {
  const std::string user = user_name(caller.uid);
  const Role role = role_of(caller, access);
  const bool readers = needed == Role::reader && !access.readers.empty();
  const auto& groups = readers ? access.readers : access.operators;
  ErrorView view;
  view.error = user + " may not " + what + ": it needs the role " + name_of(needed) + ", and " +
               user + (role == Role::none ? " has none" : std::string(" is a ") + name_of(role));
  view.next = groups.empty() || needed == Role::owner
                  ? "run it as root"
                  : "run it as root, or have root add you to the group, and log in "
                    "again: usermod -aG " +
                        groups.front().name + " " + user;
  return {403, to_json(view)};
}

}  // namespace cierzo::api
