// A control socket in a scratch folder, with its io_context on a thread of its own: what clients
// are tested against. The handler runs on that thread.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "agent/api/server.hpp"
#include "agent/asio.hpp"

namespace cierzo::test {

struct ScratchFolder {
  ScratchFolder() {
    const auto folder = std::filesystem::temp_directory_path();
    std::string pattern = (folder / "cierzo-XXXXXX").string();  // mkdtemp() wants these.
    path = ::mkdtemp(pattern.data());
  }
  ~ScratchFolder() { std::filesystem::remove_all(path); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  std::string path;
};

class ApiServer {
 public:
  explicit ApiServer(api::Handler handler, api::Access access = {})
      : server_(
            std::make_unique<api::Server>(io_, socket(), std::move(access), std::move(handler))),
        thread_([this] { io_.run(); }) {}
  ~ApiServer() {
    on_loop([this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  [[nodiscard]] std::string socket() const { return folder_.path + "/agent.sock"; }
  [[nodiscard]] asio::io_context& io() { return io_; }
  void close() {
    on_loop([this] { close_here(); });
  }
  void close_here() { server_->close(); }  // On the server's thread.

  // Runs it on the server's thread, and returns when it has run.
  template <class Function>
  void on_loop(Function function) {
    std::promise<void> done;
    asio::post(io_, [&] {
      function();
      done.set_value();
    });
    done.get_future().get();
  }

 private:
  ScratchFolder folder_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::unique_ptr<api::Server> server_;
  std::thread thread_;
};

}  // namespace cierzo::test
