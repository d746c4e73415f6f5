// Keys, addresses and the clock.
#include "agent/net/keys.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/clock.hpp"
#include "agent/net/address.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;

class KeyFile : public testing::Test {
 protected:
  KeyFile() {
    char name[] = "/tmp/cierzo-keys-XXXXXX";  // mkdtemp() wants these.
    folder_ = mkdtemp(name);
  }
  ~KeyFile() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path()) << text;
    ASSERT_EQ(chmod(path().c_str(), mode), 0);
  }
  [[nodiscard]] std::string path() const { return folder_ + "/secret.key"; }
  [[nodiscard]] std::string refusal() const {
    try {
      (void)read_secret_key(path());
    } catch (const KeyError& error) {
      return error.what();
    }
    return {};
  }

  std::string folder_;
  KeyPair keys_ = generate_keys();
};

TEST_F(KeyFile, what_is_written_is_read_again_and_gives_the_public_key) {
  write_secret_key(path(), keys_);
  EXPECT_EQ(read_secret_key(path()), keys_.secret_key);
  EXPECT_EQ(public_key_of(keys_.secret_key), keys_.public_key);
  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_THROW(write_secret_key(path(), generate_keys()), KeyError);
  EXPECT_EQ(read_secret_key(path()), keys_.secret_key);
}

TEST_F(KeyFile, a_file_that_others_may_read_is_refused) {
  write(keys_.secret_key + "\n", 0640);
  EXPECT_NE(refusal().find("chmod 600"), std::string::npos) << refusal();
}

TEST_F(KeyFile, a_file_with_no_key_two_keys_or_half_a_key_is_refused) {
  EXPECT_NE(refusal().find("cannot be opened"), std::string::npos);
  write("# nothing\n\n");
  EXPECT_NE(refusal().find("holds no key"), std::string::npos);
  write(keys_.secret_key + "\n" + keys_.secret_key + "\n");
  EXPECT_NE(refusal().find("more than one key"), std::string::npos);
  write(keys_.secret_key.substr(0, 39) + "\n");
  EXPECT_NE(refusal().find("must have 40 characters, got 39"), std::string::npos);
  write(std::string(40, ' ') + "x\n");
  EXPECT_NE(refusal(), "");
}

TEST_F(KeyFile, keys_that_everybody_has_are_refused) {
  write("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6\n");
  EXPECT_NE(refusal().find("example of a manual page"), std::string::npos);
}

TEST(Address, is_written_as_people_do) {
  EXPECT_EQ(endpoint_of("10.77.0.11"), "tcp://10.77.0.11:7400");
  EXPECT_EQ(endpoint_of("10.77.0.11:1"), "tcp://10.77.0.11:1");
  EXPECT_EQ(endpoint_of("tcp://node1.example:7401"), "tcp://node1.example:7401");
  EXPECT_EQ(endpoint_of("[::1]:7401"), "tcp://[::1]:7401");
  EXPECT_EQ(endpoint_of("[fd00::1]"), "tcp://[fd00::1]:7400");
  EXPECT_EQ(endpoint_of("fd00::1"), "tcp://[fd00::1]:7400");
  EXPECT_EQ(endpoint_of("*"), "tcp://*:7400");
  for (const char* bad :
       {"", ":7400", "a b", "10.77.0.11:", "10.77.0.11:x", "10.77.0.11:65536", "[::1", "[::1]7400",
        "[::1]:", "[]:1", "ipc:///tmp/x", "tcp://", "[node1]:7400", "a;b"}) {
    EXPECT_EQ(endpoint_of(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(host_of("tcp://[fd00::1]:7400"), "fd00::1");
  EXPECT_EQ(host_of("tcp://node1:7400"), "node1");
}

TEST(Clock, does_not_step_back_when_it_is_interrupted_between_two_readings) {
  const Duration known = 5s;
  // Interrupted for a second before the boot time was read, and after it.
  EXPECT_EQ(suspended({100s, 106s, 101s, 0s}, known), known);
  EXPECT_EQ(suspended({100s, 105s, 101s, 0s}, known), known);
  // Suspended for a minute.
  EXPECT_EQ(suspended({100s, 165s, 100s, 0s}, known), 65s);
}

TEST(Clock, rises) {
  Clock clock;
  Time before = clock.now();
  for (int i = 0; i < 100000; ++i) {
    const Time now = clock.now();
    ASSERT_GE(now, before);
    before = now;
  }
}

TEST(Clock, people_get_rfc_3339) {
  const auto at = std::chrono::system_clock::time_point(std::chrono::milliseconds(1772384645007));
  EXPECT_EQ(wall_clock(at), "2026-03-01T17:04:05.007Z");
  EXPECT_EQ(boot_id().size(), 36U);
  EXPECT_NE(random_id(), random_id());
}

}  // namespace
}  // namespace cierzo
