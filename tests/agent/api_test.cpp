// The control socket, over a real Unix socket: requests come through as they were sent, answers
// come back once, limits hold, and nobody takes the socket of a living agent.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>
#include <vector>

#include "agent/api/client.hpp"
#include "agent/api/server.hpp"
#include "agent/net/codec.hpp"
#include "agent/net/transport.hpp"
#include "tests/agent/api_server.hpp"

namespace cierzo::api {
namespace {

using namespace std::chrono_literals;
using test::ApiServer;

constexpr Duration patience = 20s;

ApiResponse answer_of(const Reply& reply) {
  if (const auto* silent = std::get_if<Unreachable>(&reply)) {
    ADD_FAILURE() << silent->error;
    return {0, {}};
  }
  return std::get<ApiResponse>(reply);
}

Unreachable silence_of(const Reply& reply) {
  if (const auto* answer = std::get_if<ApiResponse>(&reply)) {
    ADD_FAILURE() << "answered " << answer->status << " " << answer->body;
    return {};
  }
  return std::get<Unreachable>(reply);
}

// A client that can do what a good one would not.
class RawClient {
 public:
  explicit RawClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval deadline{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(const std::string& text) const { ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  // Reads until `text` has come, or the end.
  [[nodiscard]] std::string until(const std::string& text) const {
    std::string got;
    char c = 0;
    while (got.find(text) == std::string::npos && ::recv(fd_, &c, 1, 0) == 1) got += c;
    return got;
  }

 private:
  int fd_;
};

void echo(const ApiRequest& request, const Answer& answer) {
  answer({200, request.method + " " + request.target + " " + request.body});
}

TEST(Api, HandsOnARequestAndItsAnswer) {
  ApiServer server(echo);
  const ApiResponse answer =
      answer_of(ask(server.socket(), "POST", "/v1/apply?x=1", "{\"a\":1}", patience));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "POST /v1/apply?x=1 {\"a\":1}");
}

TEST(Api, KnowsWhoAsksFromTheKernel) {
  ApiServer server([](const ApiRequest& request, const Answer& answer) {
    answer({200, std::to_string(request.uid)});
  });
  EXPECT_EQ(answer_of(ask(server.socket(), "GET", "/", "", patience)).body,
            std::to_string(::geteuid()));
}

TEST(Api, AnswersLaterAndOnlyOnce) {
  std::vector<Answer> kept;
  ApiServer* at = nullptr;
  ApiServer server([&](const ApiRequest&, const Answer& answer) {
    kept.push_back(answer);
    asio::post(at->io(), [&kept, index = kept.size() - 1] {
      if (index > 0) kept[0]({200, "stale"});  // Of a request that has been answered already.
      kept[index]({503, "later"});
      kept[index]({200, "twice"});
    });
  });
  at = &server;
  RawClient client(server.socket());
  for (int i = 0; i < 3; ++i) {  // On one connection: a second answer would be the next one's.
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string answer = client.until("later");
    EXPECT_EQ(answer.rfind("HTTP/1.1 503 ", 0), 0u) << answer;
    EXPECT_EQ(answer.find("twice"), std::string::npos);
    EXPECT_EQ(answer.find("stale"), std::string::npos);
  }
  server.on_loop([&] { kept.clear(); });
}

TEST(Api, SurvivesAnAnswerThatComesTooLate) {
  std::promise<Answer> kept;
  ApiServer server([&](const ApiRequest&, const Answer& answer) { kept.set_value(answer); });
  EXPECT_TRUE(silence_of(ask(server.socket(), "GET", "/", "", 100ms)).sent);
  const Answer late = kept.get_future().get();
  server.on_loop([&] { late({200, "nobody reads this"}); });
  server.close();
  server.on_loop([&] { late({200, "nor this"}); });
}

TEST(Api, RefusesWhatIsNoHttpAndWhatIsTooLarge) {
  ApiServer server(echo);
  RawClient rubbish(server.socket());
  rubbish.send("good morning\r\n\r\n");
  EXPECT_EQ(rubbish.until("\r\n"), "HTTP/1.1 400 Bad Request\r\n");
  RawClient large(server.socket());
  large.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body_max + 1) +
             "\r\n\r\n");
  EXPECT_EQ(large.until("\r\n"), "HTTP/1.1 413 Payload Too Large\r\n");
  const std::string most(body_max, ' ');
  EXPECT_EQ(answer_of(ask(server.socket(), "POST", "/", most, patience)).status, 200);
}

// The agent stood still; its clients have sent what they wanted, and one has given up meanwhile.
TEST(Api, DoesNotBeginTheChangeOfAClientThatHasGone) {
  std::vector<std::string> begun;
  ApiServer server([&begun](const ApiRequest& request, const Answer& answer) {
    begun.push_back(request.method + " " + request.target);
    answer({200, "done"});
  });
  const auto request = [](const std::string& line) {
    return line + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  };
  auto gone = std::make_unique<RawClient>(server.socket());
  const RawClient there(server.socket());
  server.on_loop([&] {  // Nothing is read before this has returned.
    gone->send(request("DELETE /given-up"));
    gone.reset();
    there.send(request("DELETE /waited-for"));
  });
  EXPECT_NE(there.until("done"), "");
  EXPECT_EQ(answer_of(ask(server.socket(), "GET", "/later", "", patience)).status, 200);
  server.on_loop([&] {
    EXPECT_EQ(begun, (std::vector<std::string>{"DELETE /waited-for", "GET /later"}));
  });
}

// Whichever agent is asked, the request must reach the one that leads.
TEST(Api, ARequestFitsIntoOneMessageBetweenAgents) {
  const Forward most{std::string(64, 'i'), "POST", std::string(header_max, 't'),
                     std::string(body_max, '\xff')};
  EXPECT_LE(encode(most).size(), message_bytes_max);
}

TEST(Api, MakesFurtherClientsWaitAtTheLimitAndServesThemThen) {
  ApiServer server(echo);
  std::vector<std::unique_ptr<RawClient>> idle;
  for (std::size_t i = 0; i < connections_max; ++i) {
    idle.push_back(std::make_unique<RawClient>(server.socket()));
    idle.back()->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");  // Answered: so it was accepted.
    EXPECT_NE(idle.back()->until("GET / "), "");
  }
  EXPECT_NE(silence_of(ask(server.socket(), "GET", "/", "", 200ms)).error, "");
  idle.pop_back();
  EXPECT_EQ(answer_of(ask(server.socket(), "GET", "/", "", patience)).status, 200);
}

std::string start_error(const std::string& path) {
  asio::io_context io;
  try {
    const Server server(io, path, {}, echo);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(Api, DoesNotTakeTheSocketOfALivingAgent) {
  ApiServer server(echo);
  EXPECT_NE(start_error(server.socket()).find("another agent listens there"), std::string::npos);
  EXPECT_EQ(answer_of(ask(server.socket(), "GET", "/", "", patience)).status, 200);
}

TEST(Api, ReplacesASocketThatNobodyListensOn) {
  const test::ScratchFolder folder;
  const std::string path = folder.path + "/agent.sock";
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(dead);  // As after kill -9: the file stays.
  EXPECT_NE(silence_of(ask(path, "GET", "/", "", patience)).error.find("nobody listens"),
            std::string::npos);
  EXPECT_EQ(start_error(path), "");
  EXPECT_FALSE(std::filesystem::exists(path)) << "a clean end removes it";
}

TEST(Api, SaysWhyItCannotListen) {
  const test::ScratchFolder folder;
  EXPECT_NE(start_error(folder.path + "/none/agent.sock").find("mkdir"), std::string::npos);
  std::ofstream(folder.path + "/file") << "precious";
  EXPECT_NE(start_error(folder.path + "/file").find("is no socket"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder.path + "/file"));
  EXPECT_NE(start_error(folder.path + std::string(200, 'x')).find("too long"), std::string::npos);
}

TEST(Api, TellsTheClientWhyNobodyAnswers) {
  const test::ScratchFolder folder;
  const Unreachable none = silence_of(ask(folder.path + "/none", "GET", "/", "", patience));
  EXPECT_EQ(none.error, "no agent: " + folder.path + "/none does not exist");
  EXPECT_FALSE(none.sent);
  ApiServer silent([](const ApiRequest&, const Answer&) {});
  const Unreachable late = silence_of(ask(silent.socket(), "POST", "/", "", 50ms));
  EXPECT_EQ(late.error, "the agent at " + silent.socket() + " did not answer in time");
  EXPECT_TRUE(late.sent);
  ApiServer* at = nullptr;
  ApiServer ending(
      [&](const ApiRequest&, const Answer&) { asio::post(at->io(), [&] { at->close_here(); }); });
  at = &ending;
  const Unreachable cut = silence_of(ask(ending.socket(), "POST", "/", "", patience));
  EXPECT_NE(cut.error.find("closed the connection without an answer"), std::string::npos);
}

std::string shown(const std::variant<Target, ApiResponse>& parsed) {
  if (const auto* refusal = std::get_if<ApiResponse>(&parsed)) {
    return std::to_string(refusal->status);
  }
  static const std::map<Route, std::string> names = {
      {Route::status, "status"}, {Route::hosts, "hosts"},     {Route::events, "events"},
      {Route::types, "types"},   {Route::version, "version"}, {Route::health, "health"},
      {Route::plan, "plan"},     {Route::apply, "apply"},     {Route::stop, "stop"},
      {Route::start, "start"},   {Route::remove, "remove"},   {Route::confirm_lost, "confirm-lost"},
      {Route::scale, "scale"},   {Route::reset, "reset"},     {Route::outputs, "outputs"}};
  const auto& target = std::get<Target>(parsed);
  std::string out = names.at(target.route);
  if (!target.name.value.empty()) out += " " + target.name.value;
  if (target.after != 0) out += " after " + std::to_string(target.after);
  if (target.wait.count() != 0) out += " wait " + std::to_string(target.wait / 1s);
  return out;
}

TEST(Api, KnowsItsPaths) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"GET /v1/status", "status"},
      {"GET /v1/hosts", "hosts"},
      {"POST /v1/confirm-lost", "confirm-lost"},
      {"GET /v1/confirm-lost", "405"},
      {"GET /v1/types", "types"},
      {"GET /v1/version", "version"},
      {"GET /v1/health", "health"},
      {"GET /v1/events", "events"},
      {"GET /v1/events?after=3&wait=10", "events after 3 wait 10"},
      {"GET /v1/events?wait=999999", "events wait 30"},
      {"GET /v1/events?wait=-1", "400"},
      {"GET /v1/events?before=3", "400"},
      {"GET /v1/status?after=3", "400"},
      {"POST /v1/plan", "plan"},
      {"POST /v1/apply", "apply"},
      {"GET /v1/apply", "405"},
      {"POST /v1/resources/myweb/stop", "stop myweb"},
      {"POST /v1/resources/my%20web%2Fa/start", "start my web/a"},
      {"POST /v1/resources/myweb/scale", "scale myweb"},
      {"POST /v1/resources/myweb/reset", "reset myweb"},
      {"GET /v1/resources/myweb/outputs", "outputs myweb"},
      {"POST /v1/resources/myweb/outputs", "405"},
      {"DELETE /v1/resources/myweb", "remove myweb"},
      {"GET /v1/resources/myweb", "405"},
      {"GET /v1/resources/myweb/stop", "405"},
      {"POST /v1/resources/myweb/explode", "404"},
      {"POST /v1/resources/my%2/stop", "400"},
      {"DELETE /v1/resources/", "400"},
      {"GET /", "404"},
      {"GET /v2/status", "404"},
  };
  for (const auto& [request, expected] : cases) {
    const std::size_t space = request.find(' ');
    EXPECT_EQ(shown(parse_target(request.substr(0, space), request.substr(space + 1))), expected)
        << request;
  }
}

}  // namespace
}  // namespace cierzo::api
