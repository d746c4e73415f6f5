#include "agent/api/server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "agent/asio.hpp"
#include "agent/log.hpp"
#include "agent/net/codec_api.hpp"

namespace cierzo::api {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using Local = asio::local::stream_protocol;
using boost::system::error_code;

constexpr auto accept_again = std::chrono::milliseconds(100);  // After "too many open files".

[[noreturn]] void cannot_listen(const std::string& path, const std::string& why) {
  throw std::runtime_error("cannot listen on " + path + ": " + why);
}

// A socket file outlives a process that was killed. It is stale when nobody answers at it; while
// somebody does, taking its place would leave two agents on one host, each believing to be the only
// one.
void refuse_taken_path(asio::io_context& io, const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return;
  if (!S_ISSOCK(found.st_mode)) cannot_listen(path, "it exists and is no socket; remove it");
  Local::socket probe(io);
  error_code error;
  probe.connect(Local::endpoint(path), error);
  if (!error) cannot_listen(path, "another agent listens there; stop it, or set another `socket`");
}

// Under a temporary name until its mode is right, then renamed: at no moment can others connect,
// and a stale socket is replaced in one step.
void listen_on(Local::acceptor& acceptor, const std::string& path, const SocketOwner& owner) {
  const std::string temporary = path + ".new";
  if (temporary.size() >= sizeof(sockaddr_un{}.sun_path)) {
    cannot_listen(path, "the path is too long for a socket; set a shorter `socket`");
  }
  ::unlink(temporary.c_str());
  error_code error;
  acceptor.open(Local(), error);
  if (!error) acceptor.bind(Local::endpoint(temporary), error);
  if (error == boost::system::errc::no_such_file_or_directory) {
    const std::string folder = path.substr(0, path.rfind('/'));
    cannot_listen(path, "its folder does not exist; make it: mkdir -p -m 0755 " + folder);
  }
  if (error) cannot_listen(path, error.message());
  if (owner.group && ::chown(temporary.c_str(), static_cast<uid_t>(-1), *owner.group) != 0) {
    cannot_listen(path, std::string("its group cannot be set: ") + std::strerror(errno));
  }
  if (::chmod(temporary.c_str(), owner.mode) != 0) cannot_listen(path, std::strerror(errno));
  acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) cannot_listen(path, error.message());
  if (::rename(temporary.c_str(), path.c_str()) != 0) cannot_listen(path, std::strerror(errno));
}

ApiResponse crowded(bool by_one) {
  ErrorView view;
  view.error = by_one ? "too many connections of this user: at most " +
                            std::to_string(connections_of_one_max)
                      : "too many connections of users other than root: at most " +
                            std::to_string(connections_of_others_max);
  view.next = "try again in a moment";
  return {429, to_json(view)};
}

ApiResponse too_large() {
  ErrorView view;
  view.error = "the request is larger than " + std::to_string(body_max / (1024 * 1024)) + " MiB";
  view.next = "apply fewer files at once";
  return {413, to_json(view)};
}

class Connection;

}  // namespace

struct Server::State : std::enable_shared_from_this<Server::State> {
  State(asio::io_context& context, std::string socket_path, Access who, Handler request_handler)
      : io(context),
        path(std::move(socket_path)),
        access(std::move(who)),
        handler(std::move(request_handler)),
        acceptor(context),
        retry(context) {}

  void open();
  void accept();
  void forget(const std::shared_ptr<Connection>& connection);
  void close();

  asio::io_context& io;
  const std::string path;
  const Access access;
  Handler handler;
  Local::acceptor acceptor;
  asio::steady_timer retry;
  struct stat own {};  // The socket's file: only this one is removed on closing.
  bool accepting = false;
  bool deaf_told = false;  // That nobody can connect, since somebody last could.
  std::set<std::shared_ptr<Connection>> connections;
  std::size_t of_others = 0;             // Among them,
  std::map<uid_t, std::size_t> of_user;  // and each of these users' own.
};

namespace {

// One client: reads a request, hands it on, waits for its answer, writes it, reads the next. Owned
// by the state's set; while a handler has the request nothing else holds it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Local::socket socket, std::weak_ptr<Server::State> server);
  void read();
  void write(ApiResponse response, bool keep_alive);
  void close();
  // Of a user who is neither root nor the agent's own.
  [[nodiscard]] uid_t uid() const { return caller_.uid; }
  [[nodiscard]] bool of_other() const { return caller_.uid != 0 && caller_.uid != ::geteuid(); }

 private:
  void on_request(error_code error);
  void hand_over();
  [[nodiscard]] bool client_has_gone();
  void answer(std::uint64_t request, ApiResponse response);
  [[nodiscard]] std::optional<ApiResponse> not_allowed(const Access& access) const;

  beast::basic_stream<Local> stream_;
  std::weak_ptr<Server::State> server_;
  Caller caller_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  std::uint64_t requests_ = 0;  // Numbers them, so that an answer given twice is given once.
  bool waiting_ = false;        // For the handler's answer to request `requests_`.
};

Connection::Connection(Local::socket socket, std::weak_ptr<Server::State> server)
    : stream_(std::move(socket)),
      server_(std::move(server)),
      caller_(caller_of(stream_.socket().native_handle())) {}

void Connection::read() {
  parser_.emplace();
  parser_->body_limit(body_max);
  parser_->header_limit(header_max);
  stream_.expires_after(request_timeout);
  http::async_read(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](error_code error, std::size_t) { self->on_request(error); });
}

void Connection::on_request(error_code error) {
  if (!error) return hand_over();
  if (error == http::error::body_limit) return write(too_large(), false);
  if (error.category() == make_error_code(http::error::end_of_stream).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message) {
    return write(usage("no HTTP request: " + error.message()), false);
  }
  close();  // The client has gone, or idled too long.
}

void Connection::hand_over() {
  const std::shared_ptr<Server::State> server = server_.lock();
  if (!server) return close();
  if (auto refusal = not_allowed(server->access)) {
    return write(std::move(*refusal), parser_->keep_alive());
  }
  auto& request = parser_->get();
  // An agent that stood still finds changes that were asked for long ago: who gave one up was told
  // that nothing answers, and may have asked for something else. (rule 10)
  if (request.method() != http::verb::get && client_has_gone()) return close();
  stream_.expires_never();  // It is the handler's time now.
  ApiRequest out;
  out.method = std::string(request.method_string());
  out.target = std::string(request.target());
  out.body = std::move(request.body());
  out.uid = caller_.uid;
  out.gid = caller_.gid;
  waiting_ = true;
  // Weak: an answer that never comes, or comes after everything here is gone, keeps nothing alive.
  server->handler(std::move(out),
                  [weak = weak_from_this(), number = ++requests_](ApiResponse response) {
                    if (const auto self = weak.lock()) self->answer(number, std::move(response));
                  });
}

bool Connection::client_has_gone() {
  char next = 0;
  return ::recv(stream_.socket().native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

// A path that is none is for the handler to refuse, but a stranger does not even learn that.
std::optional<ApiResponse> Connection::not_allowed(const Access& access) const {
  const auto& request = parser_->get();
  const std::string method(request.method_string());
  const auto target = parse_target(method, std::string(request.target()));
  const auto* known = std::get_if<Target>(&target);
  const Role needed = known != nullptr ? needed_for(known->route) : Role::reader;
  if (role_of(caller_, access) >= needed) return std::nullopt;
  return forbidden(caller_, access, method + " " + std::string(request.target()), needed);
}

void Connection::answer(std::uint64_t request, ApiResponse response) {
  if (!waiting_ || request != requests_) return;
  waiting_ = false;
  write(std::move(response), parser_->keep_alive());
}

void Connection::write(ApiResponse response, bool keep_alive) {
  response_ = {};
  response_.version(11);
  response_.result(static_cast<unsigned>(response.status));
  response_.set(http::field::content_type, "application/json");
  response_.keep_alive(keep_alive);
  response_.body() = std::move(response.body);
  response_.prepare_payload();
  stream_.expires_after(request_timeout);
  http::async_write(stream_, response_,
                    [self = shared_from_this(), keep_alive](error_code error, std::size_t) {
                      error || !keep_alive ? self->close() : self->read();
                    });
}

void Connection::close() {
  const auto self = shared_from_this();  // forget() may drop the last owner but this.
  waiting_ = false;
  stream_.close();
  if (const auto server = server_.lock()) server->forget(self);
}

}  // namespace

void Server::State::open() {
  refuse_taken_path(io, path);
  listen_on(acceptor, path, socket_owner(access));
  ::lstat(path.c_str(), &own);
  accept();
}

void Server::State::accept() {
  if (accepting || !acceptor.is_open() || connections.size() >= connections_max) return;
  accepting = true;
  acceptor.async_accept([self = shared_from_this()](error_code error, Local::socket socket) {
    self->accepting = false;
    if (error == asio::error::operation_aborted) return;
    if (error) {
      if (!std::exchange(self->deaf_told, true)) {
        log::warning("nobody can connect to the control socket: " + error.message());
      }
      self->retry.expires_after(accept_again);
      self->retry.async_wait([self](error_code cancelled) {
        if (!cancelled) self->accept();
      });
      return;
    }
    self->deaf_told = false;
    auto connection = std::make_shared<Connection>(std::move(socket), self->weak_from_this());
    self->connections.insert(connection);
    if (!connection->of_other()) {
      connection->read();
    } else if (const bool by_one = ++self->of_user[connection->uid()] > connections_of_one_max;
               ++self->of_others > connections_of_others_max || by_one) {
      connection->write(crowded(by_one), false);
    } else {
      connection->read();
    }
    self->accept();
  });
}

void Server::State::forget(const std::shared_ptr<Connection>& connection) {
  if (connections.erase(connection) > 0 && connection->of_other()) {
    --of_others;
    if (--of_user[connection->uid()] == 0) of_user.erase(connection->uid());
  }
  accept();
}

void Server::State::close() {
  if (!acceptor.is_open()) return;
  error_code ignored;
  acceptor.close(ignored);
  retry.cancel();
  struct stat found {};
  if (::lstat(path.c_str(), &found) == 0 && found.st_ino == own.st_ino &&
      found.st_dev == own.st_dev) {
    ::unlink(path.c_str());
  }
  const auto closing = std::exchange(connections, {});
  for (const auto& connection : closing) connection->close();
}

Server::Server(asio::io_context& io, std::string path, Access access, Handler handler)
    : state_(std::make_shared<State>(io, std::move(path), std::move(access), std::move(handler))) {
  state_->open();
}

Server::~Server() { close(); }

void Server::close() { state_->close(); }

}  // namespace cierzo::api
