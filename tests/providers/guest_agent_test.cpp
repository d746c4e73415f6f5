// The guest agent's texts; and that the shell around a script does what it promises, under every
// POSIX shell of this machine.
#include "resources/providers/guest_agent.hpp"

#include <gtest/gtest.h>

namespace cierzo {
namespace {

TEST(GuestAgent, strings_are_escaped) {
  EXPECT_EQ(json_string("a\"b\\c\n\x01\x7f$é"), "\"a\\\"b\\\\c\\n\\u0001\\u007f$é\"");
}

TEST(GuestAgent, answers_are_read) {
  EXPECT_EQ(read_exec(R"({"return":{"pid":2395}})"), 2395);
  EXPECT_FALSE(read_exec(R"({"error":{"class":"GenericError","desc":"no"}})"));
  EXPECT_FALSE(read_exec(R"({"return":{"pid":"2395"}})"));
  EXPECT_FALSE(read_exec("rubbish"));
  EXPECT_FALSE(read_exec(""));

  auto status = read_status(R"({"return":{"exited":false}})");
  ASSERT_TRUE(status);
  EXPECT_FALSE(status->exited);
  status = read_status(R"({"return":{"exitcode":3,"out-data":"aGVsbG8K","exited":true}})");
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->exited);
  EXPECT_EQ(status->exit_code, 3);
  EXPECT_EQ(status->output, "hello\n");
  status = read_status(R"({"return":{"signal":9,"exited":true}})");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->exit_code, 137);
  EXPECT_FALSE(read_status(R"({"return":{"exited":true,"exitcode":0,"out-data":"!"}})"));
}

// A guest may say anything. Cut down to an int the first two would be successes, and the third
// beyond what an int holds.
TEST(GuestAgent, an_exit_status_that_no_process_has_is_no_answer) {
  for (const char* lie : {"\"exitcode\":4294967296", "\"exitcode\":-4294967296",
                          "\"signal\":2147483647", "\"signal\":-128", "\"exitcode\":256"}) {
    EXPECT_FALSE(read_status("{\"return\":{\"exited\":true," + std::string(lie) + "}}")) << lie;
  }
}

TEST(GuestAgent, base64) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("YQ=="), "a");
  EXPECT_EQ(decode_base64("YWI="), "ab");
  EXPECT_EQ(decode_base64("YWJj"), "abc");
  EXPECT_FALSE(decode_base64("YWJ"));
  EXPECT_FALSE(decode_base64("YW=j"));
}

TEST(GuestAgent, anothers_output_is_not_taken) {
  EXPECT_EQ(output_of({true, 0, "token\nhello\n"}, "token"), "hello\n");
  EXPECT_EQ(output_of({true, 0, "token\n"}, "token"), "");
  EXPECT_FALSE(output_of({true, 0, "token2\nhello\n"}, "token"));
  EXPECT_FALSE(output_of({true, 0, ""}, "token"));
}

TEST(GuestAgent, the_last_lines_are_few_short_and_valid) {
  EXPECT_EQ(last_lines("one\ntwo\n\n"), "one\ntwo");
  EXPECT_EQ(last_lines(""), "");
  std::string many;
  for (int i = 1; i <= 30; ++i) many += "line " + std::to_string(i) + "\n";
  const auto kept = last_lines(many);
  EXPECT_EQ(kept.substr(0, 8), "line 11\n");
  EXPECT_EQ(kept.substr(kept.size() - 7), "line 30");
  // Cut in the middle of a character of two bytes: the half is left out.
  std::string long_line;
  for (int i = 0; i < 3000; ++i) long_line += "é";
  const auto cut = last_lines(long_line + "x");
  EXPECT_LE(cut.size(), 4096U);
  EXPECT_TRUE(is_utf8(cut));
  EXPECT_EQ(cut.substr(0, 2), "é");
  EXPECT_EQ(last_lines("a\xff"
                       "b\x1b[31m\0c"),
            "a?b?[31m");
  EXPECT_FALSE(is_utf8("\xed\xa0\x80")) << "a surrogate";
  EXPECT_FALSE(is_utf8("\xc0\xaf")) << "overlong";
}

TEST(GuestAgent, what_cannot_be_sent_is_refused) {
  const GuestCommand good{"true", {}, "node-start", std::chrono::seconds(1)};
  EXPECT_FALSE(command_mistake(good));
  for (const auto* log : {"a/b", "..", "a b", "a'b"}) {
    GuestCommand command = good;
    command.log = log;
    EXPECT_TRUE(command_mistake(command)) << log;
  }
  GuestCommand command = good;
  command.script = "\xff";
  EXPECT_TRUE(command_mistake(command));
  command.script = std::string(request_max, 'x');
  EXPECT_TRUE(command_mistake(command));
  command = good;
  command.environment["A=B"] = "c";
  EXPECT_TRUE(command_mistake(command));
}

// Every part of a long script is a string of the environment of its own; Linux takes 128 KiB.
TEST(GuestAgent, a_long_script_is_sent_in_parts) {
  GuestCommand command{"", {}, "log", std::chrono::seconds(1)};
  while (command.script.size() < 180 * 1024) command.script += "é";
  ASSERT_FALSE(command_mistake(command));
  const auto request = exec_request(command, "token");
  EXPECT_TRUE(is_utf8(request));
  EXPECT_NE(request.find("CIERZO_SCRIPT_1="), std::string::npos);
  EXPECT_EQ(request.find("CIERZO_SCRIPT_2="), std::string::npos) << "the guest knows of two";
}

// A value must not be readable by every user of the guest, as process arguments are.
TEST(GuestAgent, secrets_are_no_arguments) {
  const GuestCommand command{"echo hidden1", {{"P", "hidden2"}}, "log", std::chrono::seconds(1)};
  const auto request = exec_request(command, "token");
  const auto arguments = request.substr(0, request.find("\"env\":"));
  EXPECT_EQ(arguments.find("hidden"), std::string::npos) << arguments;
  EXPECT_NE(request.find("hidden1"), std::string::npos);
}

}  // namespace
}  // namespace cierzo
