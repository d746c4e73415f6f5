// What is read off a hypervisor's command line, with processes that have one like it.
#include "resources/providers/process_watch.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cierzo {
namespace {

const ProcessName name{"a", "00000000-0000-4000-8000-000000000001"};

class ProcessWatchTest : public ::testing::Test {
 protected:
  ProcessWatchTest() {
    char made[] = "/tmp/cierzo-watch-XXXXXX";  // mkdtemp() wants these.
    folder_ = mkdtemp(made);
  }
  ~ProcessWatchTest() override {
    end();
    std::filesystem::remove_all(folder_);
  }
  // As libvirt starts QEMU for that domain, with these words behind.
  void start(std::vector<std::string> more) {
    end();
    // It waits for its standard input, which never says anything.
    std::vector<std::string> words = {"sh",    "-c",     "read nothing",
                                      "qemu",  "-name",  "guest=a,debug-threads=on",
                                      "-uuid", name.uuid};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int input[2], begun[2];
    ASSERT_EQ(pipe2(input, O_CLOEXEC), 0);
    ASSERT_EQ(pipe2(begun, O_CLOEXEC), 0);  // Closed by exec: from then on its words are these.
    pid_ = fork();
    if (pid_ == 0) {
      dup2(input[0], STDIN_FILENO);
      execv("/bin/sh", arguments.data());
      _exit(127);
    }
    close(begun[1]);
    char nothing = 0;
    ASSERT_EQ(read(begun[0], &nothing, 1), 0);
    close(begun[0]);
    close(input[0]);
    input_ = input[1];
    std::ofstream(folder_ + "/a.pid") << pid_;
  }
  void end() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(input_);
    pid_ = 0;
  }
  HypervisorProcess seen() {
    ProcessWatch watch(folder_, [](const std::string&, const Incarnation&) {});
    EXPECT_TRUE(watch.follow(name, {}));
    return watch.process(name);
  }
  std::string folder_;
  pid_t pid_ = 0;
  int input_ = -1;
};

// Rule 14: the guard must not pause it, but kill it.
TEST_F(ProcessWatchTest, NoticesADeviceThatIsPassedThrough) {
  start({"-device", "virtio-net-pci,netdev=n0"});
  EXPECT_EQ(seen().pid, pid_);
  EXPECT_FALSE(seen().dma);
  start({"-device", "vfio-pci,host=0000:03:00.0,id=hostdev0"});
  EXPECT_TRUE(seen().dma);
  start({"-device", R"({"driver":"vfio-pci","host":"0000:03:00.0","id":"hostdev0"})"});
  EXPECT_TRUE(seen().dma);
  start({"-smbios", "vfio-pci"});
  EXPECT_FALSE(seen().dma) << "not a device";
}

TEST_F(ProcessWatchTest, BelievesNoPidWhoseProcessIsAnother) {
  start({});
  ProcessWatch watch(folder_, [](const std::string&, const Incarnation&) {});
  EXPECT_FALSE(watch.follow({"a", "00000000-0000-4000-8000-000000000002"}, {}));
  EXPECT_FALSE(watch.follow({"b", name.uuid}, {}));
}

}  // namespace
}  // namespace cierzo
