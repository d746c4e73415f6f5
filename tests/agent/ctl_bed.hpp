// agentctl against a scripted agent, over the real socket. For ctl_*_test.cpp.
#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "agent/ctl/command_line.hpp"
#include "agent/net/codec_api.hpp"
#include "tests/agent/api_server.hpp"

namespace cierzo::ctl {

using api::ApiResponse;

class Ctl : public testing::Test {
 protected:
  // What to answer to "GET /v1/status": one after the other, the last one for ever.
  void script(const std::string& request, std::vector<ApiResponse> answers) {
    const std::lock_guard lock(mutex_);
    answers_[request] = {answers.begin(), answers.end()};
  }
  template <class View>
  void script(const std::string& request, const View& view) {
    script(request, {ApiResponse{200, api::to_json(view)}});
  }

  int run(std::vector<std::string> words, const std::string& input = {}, bool asks = false) {
    words.insert(words.begin(), {"agentctl", "--socket", server_.socket()});
    return run_bare(words, input, asks);
  }
  int run_bare(const std::vector<std::string>& words, const std::string& input = {},
               bool asks = false) {
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    std::istringstream in(input);
    std::ostringstream out, err;
    Terminal terminal{in, out, err, asks, false, colour_, std::chrono::milliseconds(1)};
    const int code = ctl::run(static_cast<int>(argv.size()), argv.data(), terminal);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  std::string file(const std::string& name, const std::string& text) {
    const std::string path = folder_.path + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  // A type of its own, so that these tests do not change with those that come with the program.
  std::string types() {
    file("types/pair/type.yaml",
         "type: pair\nsummary: Two of something\nroles:\n"
         "  one: {count: 1, start: go}\n  other: {count: 0.., after: [one], start: go}\n");
    file("types/pair/go", "#!/bin/sh\nexit 0\n");
    return folder_.path + "/types";
  }
  std::string requests() {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const auto& request : requests_) all += request.method + " " + request.target + "\n";
    return all;
  }
  api::ApiRequest last_request() {
    const std::lock_guard lock(mutex_);
    return requests_.back();
  }

  std::string out_, err_;
  bool colour_ = false;
  test::ScratchFolder folder_;

 private:
  ApiResponse next(const api::ApiRequest& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    const auto found = answers_.find(request.method + " " + request.target);
    if (found == answers_.end()) return api::not_found("not in the script: " + request.target);
    const ApiResponse answer = found->second.front();
    if (found->second.size() > 1) found->second.pop_front();
    return answer;
  }

  std::mutex mutex_;
  std::map<std::string, std::deque<ApiResponse>> answers_;
  std::vector<api::ApiRequest> requests_;
  test::ApiServer server_{
      [this](const api::ApiRequest& request, const api::Answer& answer) { answer(next(request)); }};
};

}  // namespace cierzo::ctl
