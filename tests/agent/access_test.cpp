// Who may use the control socket, and for what. The kernel says who asks.
#include "agent/api/access.hpp"

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "agent/api/client.hpp"
#include "agent/api/views.hpp"
#include "agent/net/codec_api.hpp"
#include "tests/agent/api_server.hpp"

namespace cierzo::api {
namespace {

using namespace std::chrono_literals;
using test::ApiServer;

constexpr gid_t operators = 64901, readers = 64902, others = 64903;
constexpr uid_t somebody = 64900;  // No entry in /etc/passwd.

Access site() { return {{{"ops", operators}}, {{"eyes", readers}}}; }

void echo(const ApiRequest& request, const Answer& answer) {
  answer({200, "\"" + request.method + " " + request.target + "\""});
}

TEST(Access, groups_give_roles_and_root_needs_none) {
  EXPECT_EQ(role_of({0, 0, {}}, {}), Role::owner);
  EXPECT_EQ(role_of({::geteuid(), others, {}}, {}), Role::owner);
  EXPECT_EQ(role_of({somebody, others, {}}, site()), Role::none);
  EXPECT_EQ(role_of({somebody, others, {readers}}, site()), Role::reader);
  EXPECT_EQ(role_of({somebody, readers, {others, operators}}, site()), Role::operating);
  EXPECT_EQ(role_of({}, site()), Role::none) << "nobody knows who it is";
}

TEST(Access, whatever_changes_something_needs_an_operator) {
  for (const Route route : {Route::status, Route::hosts, Route::events, Route::types,
                            Route::version, Route::health, Route::plan}) {
    EXPECT_EQ(needed_for(route), Role::reader);
  }
  for (const Route route : {Route::apply, Route::stop, Route::start, Route::remove}) {
    EXPECT_EQ(needed_for(route), Role::operating);
  }
}

// With one group the kernel keeps everybody else out. One file has one group: with more the roles
// are all that does.
TEST(Access, the_sockets_mode_is_as_narrow_as_the_groups_allow) {
  EXPECT_EQ(socket_owner({}).mode, 0600U);
  EXPECT_EQ(socket_owner({{{"ops", operators}}, {}}).mode, 0660U);
  EXPECT_EQ(socket_owner({{{"ops", operators}}, {}}).group, operators);
  EXPECT_EQ(socket_owner(site()).mode, 0666U);
  EXPECT_EQ(socket_owner({{{"ops", operators}, {"more", others}}, {}}).mode, 0666U);
}

TEST(Access, a_group_that_does_not_exist_is_refused_unless_it_is_the_default) {
  EXPECT_TRUE(find_groups({"no-such-group"}, true, {}).operators.empty());
  try {
    (void)find_groups({"root", "no-such-group"}, false, {});
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(),
                 "control.operators: there is no group 'no-such-group' here; make it: groupadd "
                 "--system no-such-group");
  }
  EXPECT_THROW((void)find_groups({}, true, {"no-such-group"}), std::runtime_error);
  EXPECT_EQ(find_groups({"root"}, false, {}).operators.at(0).id, 0U);
}

// A process of another user, with these groups, asks; returns "STATUS BODY".
std::string asked_by(std::vector<gid_t> groups, const std::string& socket,
                     const std::string& method, const std::string& target, uid_t user = somebody) {
  int pipes[2];
  EXPECT_EQ(::pipe(pipes), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const gid_t own = groups.front();
    if (::setgroups(groups.size(), groups.data()) != 0 || ::setgid(own) != 0 ||
        ::setuid(user) != 0) {
      _exit(1);
    }
    const Reply reply = ask(socket, method, target, "", 20s);
    const auto* answer = std::get_if<ApiResponse>(&reply);
    const std::string text = answer != nullptr ? std::to_string(answer->status) + " " + answer->body
                                               : std::get<Unreachable>(reply).error + "; " +
                                                     std::get<Unreachable>(reply).next;
    _exit(::write(pipes[1], text.data(), text.size()) > 0 ? 0 : 1);
  }
  ::close(pipes[1]);
  std::string text;
  char c = 0;
  while (::read(pipes[0], &c, 1) == 1) text += c;
  ::close(pipes[0]);
  ::waitpid(child, nullptr, 0);
  return text;
}

class Roles : public testing::Test {
 protected:
  void SetUp() override {
    // Only root can become the users that are to be refused. CI runs as root.
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  }
  static void open_folder(const ApiServer& server) {
    std::filesystem::permissions(std::filesystem::path(server.socket()).parent_path(),
                                 std::filesystem::perms(0755));
  }
};

TEST_F(Roles, a_reader_looks_and_an_operator_acts) {
  ApiServer server(echo, site());
  open_folder(server);
  const std::string& path = server.socket();
  EXPECT_EQ(asked_by({readers}, path, "GET", "/v1/status"), "200 \"GET /v1/status\"");
  // By a supplementary group, too.
  EXPECT_EQ(asked_by({others, operators}, path, "DELETE", "/v1/resources/myweb"),
            "200 \"DELETE /v1/resources/myweb\"");
  const std::string refused = asked_by({readers}, path, "DELETE", "/v1/resources/myweb");
  EXPECT_EQ(refused.substr(0, 4), "403 ");
  const auto view = from_json<ErrorView>(refused.substr(4));
  ASSERT_TRUE(std::holds_alternative<ErrorView>(view)) << refused;
  EXPECT_EQ(std::get<ErrorView>(view).error,
            "user 64900 may not DELETE /v1/resources/myweb: it needs the role operator, and user "
            "64900 is a reader");
  EXPECT_EQ(std::get<ErrorView>(view).next,
            "run it as root, or have root add you to the group, and log in again: usermod -aG ops "
            "user 64900");
}

TEST_F(Roles, a_stranger_learns_nothing) {
  ApiServer server(echo, site());
  open_folder(server);
  for (const char* target : {"/v1/status", "/v1/version", "/no/such/path"}) {
    const std::string refused = asked_by({others}, server.socket(), "GET", target);
    EXPECT_NE(refused.find("needs the role reader, and user 64900 has none"), std::string::npos)
        << refused;
  }
}

TEST_F(Roles, without_readers_the_kernel_keeps_strangers_out_and_the_client_says_why) {
  ApiServer server(echo, {{{"ops", operators}}, {}});
  open_folder(server);
  struct stat found {};
  ASSERT_EQ(::stat(server.socket().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0660U);
  EXPECT_EQ(found.st_gid, operators);
  EXPECT_EQ(found.st_uid, ::geteuid());
  EXPECT_FALSE(std::filesystem::exists(server.socket() + ".new"));
  EXPECT_EQ(asked_by({operators}, server.socket(), "POST", "/v1/apply"), "200 \"POST /v1/apply\"");
  EXPECT_EQ(asked_by({others}, server.socket(), "GET", "/v1/status"),
            "no permission to use " + server.socket() +
                ": it needs the role operator; run it as root, or have root add you to the "
                "socket's group (ls -l " +
                server.socket() + "), and log in again");
}

// One user who connects and says nothing must not keep the others out.
TEST_F(Roles, one_user_cannot_use_up_the_connections_of_others) {
  ApiServer server(echo, site());
  open_folder(server);
  int ready[2], done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(done[1]);
    if (::setgid(others) != 0 || ::setuid(somebody) != 0) _exit(1);
    for (std::size_t i = 0; i < connections_of_others_max; ++i) {
      const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      server.socket().copy(address.sun_path, sizeof address.sun_path - 1);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) _exit(1);
    }
    char c = 0;
    if (::write(ready[1], "x", 1) != 1) _exit(1);
    (void)!::read(done[0], &c, 1);
    _exit(0);
  }
  char c = 0;
  ASSERT_EQ(::read(ready[0], &c, 1), 1);
  const std::string refused = asked_by({others}, server.socket(), "GET", "/v1/status");
  EXPECT_NE(refused.find("too many connections of this user"), std::string::npos) << refused;
  const std::string answered =
      asked_by({readers}, server.socket(), "GET", "/v1/status", somebody + 1);
  EXPECT_EQ(answered.substr(0, 4), "200 ") << answered;
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) ::close(fd);
  ::waitpid(child, nullptr, 0);
}

// Strangers who connect and say nothing must not keep root out.
TEST_F(Roles, others_cannot_use_up_the_connections) {
  ApiServer server(echo, site());
  open_folder(server);
  int ready[2], done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(done[1]);
    if (::setgid(others) != 0 || ::setuid(somebody) != 0) _exit(1);
    for (std::size_t i = 0; i < 2 * connections_max; ++i) {
      const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      server.socket().copy(address.sun_path, sizeof address.sun_path - 1);
      if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) _exit(1);
    }
    char c = 0;
    if (::write(ready[1], "x", 1) != 1) _exit(1);
    (void)!::read(done[0], &c, 1);
    _exit(0);
  }
  char c = 0;
  ASSERT_EQ(::read(ready[0], &c, 1), 1);
  const Reply reply = ask(server.socket(), "GET", "/v1/status", "", 20s);
  EXPECT_TRUE(std::holds_alternative<ApiResponse>(reply)) << std::get<Unreachable>(reply).error;
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) ::close(fd);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace cierzo::api
