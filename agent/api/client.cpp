#include "agent/api/client.hpp"

#include <sys/stat.h>

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "agent/asio.hpp"

namespace cierzo::api {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t answer_max = 64 * 1024 * 1024;  // bytes: the status of the largest site

// Where the socket is its owner's alone there is no group to join.
std::string who_may(const std::string& path) {
  struct stat found {};
  const bool by_group = ::stat(path.c_str(), &found) == 0 && (found.st_mode & S_IWGRP) != 0;
  return by_group ? "run it as root, or have root add you to the socket's group (ls -l " + path +
                        "), and log in again"
                  : "run it as root: no group may use this socket; control.operators in the "
                    "agent's file names some (agentd --help-config)";
}

Unreachable unreachable(const std::string& path, const error_code& error, bool sent) {
  const int number = error.category() == boost::system::system_category() ? error.value() : 0;
  const std::string look = "is agentd running? look with: systemctl status agentd";
  if (sent && error == beast::error::timeout) {
    return {"the agent at " + path + " did not answer in time", "try again; see its log", true};
  }
  if (sent) {
    return {"the agent at " + path + " closed the connection without an answer",
            "it may have been restarted: try again", true};
  }
  switch (number) {
    case ENOENT:
      return {"no agent: " + path + " does not exist", look, false};
    case ECONNREFUSED:
      return {"no agent: nobody listens on " + path, look, false};
    case EACCES:
      return {"no permission to use " + path + ": it needs the role operator", who_may(path),
              false};
    case EAGAIN:
      return {"the agent at " + path + " takes no more connections", "try again", false};
    default:
      return {"no agent at " + path + ": " + error.message(), look, false};
  }
}

// Connect, write, read: a chain of handlers on an io_context that nothing else uses, because only
// asynchronous operations of a Beast stream have a time-out.
struct Exchange {
  asio::io_context io{1};
  beast::basic_stream<asio::local::stream_protocol> stream{io};
  http::request<http::string_body> request;
  http::response_parser<http::string_body> answer;
  beast::flat_buffer buffer;
  error_code failure;
  bool sent = false;

  void run(const std::string& path, Duration deadline) {
    answer.body_limit(answer_max);
    stream.expires_after(deadline);
    stream.async_connect(asio::local::stream_protocol::endpoint(path),
                         [this](error_code error) { error ? fail(error) : write(); });
    io.run();
  }
  void write() {
    http::async_write(stream, request,
                      [this](error_code error, std::size_t) { error ? fail(error) : read(); });
  }
  void read() {
    sent = true;
    http::async_read(stream, buffer, answer, [this](error_code error, std::size_t) {
      if (error) fail(error);
    });
  }
  void fail(error_code error) { failure = error; }
};

}  // namespace

Reply ask(const std::string& socket_path, const std::string& method, const std::string& target,
          const std::string& body, Duration deadline) {
  if (socket_path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return Unreachable{"no agent: the path of the socket is too long: " + socket_path,
                       "use a shorter one with --socket", false};
  }
  Exchange exchange;
  exchange.request.version(11);
  exchange.request.method_string(method);
  exchange.request.target(target);
  exchange.request.set(http::field::host, "agent");
  exchange.request.set(http::field::content_type, "application/json");
  exchange.request.keep_alive(false);
  exchange.request.body() = body;
  exchange.request.prepare_payload();
  exchange.run(socket_path, deadline);
  if (exchange.failure) return unreachable(socket_path, exchange.failure, exchange.sent);
  auto& answer = exchange.answer.get();
  return ApiResponse{static_cast<int>(answer.result_int()), std::move(answer.body())};
}

}  // namespace cierzo::api
