// The state of a host: what survives, and what is refused rather than guessed. (LEADERSHIP rules 8,
// 17, 20, 22)
#include "agent/store/sqlite_store.hpp"

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "agent/asio.hpp"

namespace cierzo {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Term term{7, HostId{2}};

Command command(std::uint64_t number) {
  Command command;
  command.id = {term, number};
  command.boot = "boot-a";
  command.state_id = "state-a";
  command.action = {InstanceName{"myweb-server-1"}, HostId{1}, ResetVm{{term, 3}}, "test"};
  return command;
}

Batch record(std::uint64_t counter) {
  Batch batch;
  batch.persist.record.emplace();
  batch.persist.record->site = "site";
  batch.persist.record->promised = {counter, HostId{2}};
  return batch;
}

Batch received(std::uint64_t number) {
  Batch batch;
  batch.received.push_back(command(number));
  return batch;
}

Batch catalog(bool whole, std::uint64_t follows, std::uint64_t sequence,
              std::vector<election::CatalogChange> changes) {
  Batch batch;
  batch.persist.catalog =
      election::CatalogDelta{whole, {term, follows}, {term, sequence}, std::move(changes)};
  return batch;
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    char name[] = "/tmp/cierzo-store-XXXXXX";  // mkdtemp() wants these.
    folder_ = std::string(mkdtemp(name)) + "/state";
  }
  ~StoreTest() override { fs::remove_all(fs::path(folder_).parent_path()); }

  std::unique_ptr<Store> open(const std::string& boot = "boot-a") {
    return std::make_unique<SqliteStore>(io_, folder_, boot,
                                         [this](const std::string& why) { failure_ = why; });
  }

  // Returns when it is on disk, as told on the loop.
  void commit(Store& store, Batch batch) {
    bool done = false;
    store.commit(std::move(batch), [&] { done = true; });
    for (int i = 0; i < 500 && !done && failure_.empty(); ++i) {
      io_.restart();
      io_.run_one_for(20ms);
    }
    ASSERT_TRUE(done || !failure_.empty());
  }

  std::string refusal() {
    try {
      open();
    } catch (const StoreError& error) {
      return error.what();
    }
    return {};
  }

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::string folder_, failure_;
};

TEST_F(StoreTest, a_first_start_has_no_state_and_says_so) {
  const auto store = open();
  EXPECT_TRUE(store->loaded().created);
  EXPECT_EQ(store->loaded().last_boot, "");
  EXPECT_EQ(store->loaded().durable, election::Durable{});
  EXPECT_EQ(store->loaded().command_mark, Stamp{});
}

TEST_F(StoreTest, what_was_committed_is_there_again) {
  {
    const auto store = open("boot-1");
    Batch batch = record(5);
    batch.persist.catalog =
        catalog(true, 0, 4, {{"resource/a", "A"}, {"resource/b", std::string("\0\xff", 2)}})
            .persist.catalog;
    commit(*store, std::move(batch));
    commit(*store, catalog(false, 4, 5, {{"resource/a", std::nullopt}, {"resource/c", ""}}));
  }
  const auto store = open("boot-2");
  const StoredState& loaded = store->loaded();
  EXPECT_FALSE(loaded.created);
  EXPECT_EQ(loaded.last_boot, "boot-1");
  EXPECT_EQ(loaded.durable.record.site, "site");
  EXPECT_EQ(loaded.durable.record.promised, (Term{5, HostId{2}}));
  EXPECT_EQ(loaded.durable.catalog.stamp, (Stamp{term, 5}));
  const std::map<std::string, std::string> entries = {{"resource/b", std::string("\0\xff", 2)},
                                                      {"resource/c", ""}};
  EXPECT_EQ(loaded.durable.catalog.entries, entries);
}

TEST_F(StoreTest, a_whole_catalog_replaces_every_entry) {
  {
    const auto store = open();
    commit(*store, catalog(true, 0, 1, {{"old", "1"}}));
    commit(*store, catalog(true, 0, 2, {{"new", "2"}}));
  }
  EXPECT_EQ(open()->loaded().durable.catalog.entries,
            (std::map<std::string, std::string>{{"new", "2"}}));
}

TEST_F(StoreTest, a_command_raises_the_mark_and_is_unfinished_until_it_is_done) {
  {
    const auto store = open();
    commit(*store, received(1));
    commit(*store, received(2));
    Batch finished;
    finished.finished.push_back({term, 1});
    commit(*store, std::move(finished));
  }
  const auto store = open();
  EXPECT_EQ(store->loaded().command_mark, (Stamp{term, 2}));
  ASSERT_EQ(store->loaded().unfinished.size(), 1U);
  EXPECT_EQ(store->loaded().unfinished[0].id, (Stamp{term, 2}));
  EXPECT_EQ(store->loaded().unfinished[0].action.instance, InstanceName{"myweb-server-1"});
}

TEST_F(StoreTest, the_mark_never_falls) {
  {
    const auto store = open();
    commit(*store, received(9));
    commit(*store, received(4));
  }
  EXPECT_EQ(open()->loaded().command_mark, (Stamp{term, 9}));
}

TEST_F(StoreTest, done_is_told_in_order) {
  const auto store = open();
  std::vector<std::uint64_t> told;
  constexpr std::uint64_t count = 300;
  for (std::uint64_t i = 1; i <= count; ++i) {
    store->commit(record(i), [&told, i] { told.push_back(i); });
  }
  for (int i = 0; i < 500 && told.size() < count; ++i) io_.run_one_for(20ms);
  ASSERT_EQ(told.size(), count);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
}

TEST_F(StoreTest, only_one_agent_at_a_time) {
  const auto store = open();
  const std::string why = refusal();
  EXPECT_NE(why.find("is in use by process " + std::to_string(getpid()) + ":"), std::string::npos)
      << why;
}

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

// Debian's QEMU runs as libvirt-qemu and finds its disks below this folder.
TEST_F(StoreTest, others_pass_through_to_the_disks_but_cannot_look_around) {
  const mode_t before = umask(0077);  // As the service's unit has it.
  const auto store = open();
  umask(before);
  EXPECT_EQ(mode_of(folder_), 0711U);
}

// As whoever QEMU runs as: 0 or the errno of opening the file.
int opened_by_libvirt_qemu(const fs::path& path, int flags) {
  constexpr uid_t libvirt_qemu = 64055;  // Debian's number; it need not exist here.
  const pid_t child = fork();
  if (child == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(libvirt_qemu) != 0 || setuid(libvirt_qemu) != 0) {
      _exit(255);
    }
    _exit(::open(path.c_str(), flags) >= 0 ? 0 : errno);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WEXITSTATUS(status);
}

TEST_F(StoreTest, qemu_reaches_a_disk_and_nothing_else) {
  // Only root can become the user that QEMU runs as. CI runs as root.
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be another user";
  fs::permissions(fs::path(folder_).parent_path(), fs::perms(0711));
  const auto store = open();
  const fs::path disk = fs::path(folder_) / "disk.qcow2";
  std::ofstream(disk) << "disk";
  ASSERT_EQ(chmod(disk.c_str(), 0600), 0);
  ASSERT_EQ(chown(disk.c_str(), 64055, 64055), 0);  // As libvirt does before QEMU is started.
  EXPECT_EQ(opened_by_libvirt_qemu(disk, O_RDWR), 0);
  EXPECT_EQ(opened_by_libvirt_qemu(folder_, O_RDONLY | O_DIRECTORY), EACCES);
  for (const char* file : {"lock", "state.db", "state.db-wal", "state.db-shm"}) {
    EXPECT_EQ(opened_by_libvirt_qemu(fs::path(folder_) / file, O_RDONLY), EACCES) << file;
  }
}

TEST_F(StoreTest, a_folder_that_was_closed_is_opened) {
  ASSERT_EQ(mkdir(folder_.c_str(), 0700), 0);
  const auto store = open();
  EXPECT_EQ(mode_of(folder_), 0711U);
}

TEST_F(StoreTest, others_cannot_read_a_single_file) {
  const mode_t before = umask(0);  // Nothing but the store itself keeps them closed.
  std::set<std::string> files;
  {
    const auto store = open();
    commit(*store, catalog(true, 0, 1, {{"resource/a", "secret"}}));
    for (const auto& file : fs::directory_iterator(folder_)) {
      EXPECT_EQ(mode_of(file.path()), 0600U) << file.path();
      files.insert(file.path().filename());
    }
  }
  umask(before);
  EXPECT_EQ(files, (std::set<std::string>{"lock", "state.db", "state.db-shm", "state.db-wal"}));
}

TEST_F(StoreTest, a_copy_that_was_put_back_readable_is_closed) {
  { const auto store = open(); }
  for (const char* file : {"/state.db", "/lock"}) {
    ASSERT_EQ(chmod((folder_ + file).c_str(), 0644), 0);
  }
  const auto store = open();
  for (const auto& file : fs::directory_iterator(folder_)) {
    EXPECT_EQ(mode_of(file.path()), 0600U) << file.path();
  }
}

// A process that is killed at any moment after `done` has not forgotten; the lock dies with it.
TEST_F(StoreTest, a_killed_process_has_lost_nothing_that_was_done) {
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    asio::io_context io;
    SqliteStore store(io, folder_, "boot-a", [](const std::string&) { _exit(1); });
    std::uint64_t next = 0;
    std::function<void()> again = [&] {
      if (next > 0 && write(pipes[1], &next, sizeof next) != sizeof next) _exit(1);
      ++next;
      store.commit(record(next), again);
    };
    again();
    const auto work = asio::make_work_guard(io);
    io.run();
    _exit(1);
  }
  close(pipes[1]);
  std::uint64_t told = 0;
  while (told < 50 && read(pipes[0], &told, sizeof told) == sizeof told) {
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  std::uint64_t later = 0;
  while (read(pipes[0], &later, sizeof later) == sizeof later) told = later;
  close(pipes[0]);

  ASSERT_GE(told, 50U);
  EXPECT_GE(open()->loaded().durable.record.promised.counter, told);
}

class TornStore : public StoreTest {
 protected:
  void SetUp() override {
    const auto store = open();
    commit(*store, record(5));
    commit(*store, catalog(true, 0, 1, {{"resource/a", std::string(20000, 'a')}}));
  }
  [[nodiscard]] std::string file() const { return folder_ + "/state.db"; }
  void expect_refused() {
    const std::string why = refusal();
    EXPECT_NE(why.find("state.db cannot be used"), std::string::npos) << why;
    EXPECT_NE(why.find("Move the folder away"), std::string::npos) << why;
  }
};

TEST_F(TornStore, an_emptied_file_is_refused_not_taken_for_a_first_start) {
  fs::resize_file(file(), 0);
  expect_refused();
}

TEST_F(TornStore, a_truncated_file_is_refused) {
  fs::resize_file(file(), fs::file_size(file()) / 2);
  expect_refused();
}

TEST_F(TornStore, an_overwritten_file_is_refused) {
  std::fstream out(file(), std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(100);
  out << std::string(8192, '\xa5');
  out.close();
  expect_refused();
}

TEST_F(TornStore, a_file_that_is_no_database_is_refused) {
  std::ofstream(file()) << "hello\n";
  expect_refused();
}

TEST_F(TornStore, a_state_of_a_newer_version_is_refused_and_left_as_it_is) {
  std::string bytes;
  {
    std::ifstream in(file(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::size_t at = bytes.find("schema1");  // The key and, behind it, the value.
  ASSERT_NE(at, std::string::npos);
  bytes[at + 6] = '9';
  std::ofstream(file(), std::ios::binary) << bytes;
  const std::string why = refusal();
  EXPECT_NE(why.find("is of version '9', this program knows version 1: use the program that wrote "
                     "it, or a newer one"),
            std::string::npos)
      << why;
  std::ifstream in(file(), std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), bytes);
}

// Power was cut while the last write went to the log (WAL): nobody was told that it is there, and
// what was told before is. As the files are while an agent runs.
TEST_F(StoreTest, a_torn_log_loses_only_what_was_not_done) {
  const std::string living = folder_;
  const auto store = open();
  commit(*store, record(5));
  const auto whole = fs::file_size(living + "/state.db-wal");
  commit(*store, record(6));
  const auto longer = fs::file_size(living + "/state.db-wal");
  ASSERT_GT(longer, whole);
  for (const auto size : {longer - 1, longer - (longer - whole) / 2, whole}) {
    folder_ = living + "-" + std::to_string(size);
    fs::create_directory(folder_);
    for (const char* name : {"/state.db", "/state.db-wal"}) {
      fs::copy_file(living + name, folder_ + name);
    }
    fs::resize_file(folder_ + "/state.db-wal", size);
    EXPECT_EQ(open()->loaded().durable.record.promised.counter, 5U) << size;
  }
  folder_ = living;
}

TEST_F(StoreTest, a_disk_that_is_full_from_the_start_is_said) {
  // Only root can make a disk that is so small. CI runs as root.
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount a disk of 16 KiB";
  const fs::path disk = fs::path(folder_).parent_path() / "disk";
  fs::create_directory(disk);
  ASSERT_EQ(std::system(("mount -t tmpfs -o size=16k tmpfs " + disk.string()).c_str()), 0);
  const std::string before = std::exchange(folder_, (disk / "state").string());
  const std::string why = refusal();
  EXPECT_NE(why.find(folder_), std::string::npos) << why;
  EXPECT_NE(why.find("disk"), std::string::npos) << why;
  EXPECT_EQ(std::system(("umount " + disk.string()).c_str()), 0);
  folder_ = before;
}

TEST_F(StoreTest, a_full_disk_ends_promises_and_says_so) {
  // Only root can make a disk that is so small. CI runs as root.
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount a disk of 1 MiB";
  const fs::path disk = fs::path(folder_).parent_path() / "disk";
  fs::create_directory(disk);
  ASSERT_EQ(std::system(("mount -t tmpfs -o size=1m tmpfs " + disk.string()).c_str()), 0);
  folder_ = (disk / "state").string();
  bool told = false;
  {
    const auto store = open();
    store->commit(catalog(true, 0, 1, {{"big", std::string(2 << 20, 'x')}}), [&] { told = true; });
    for (int i = 0; i < 500 && failure_.empty() && !told; ++i) io_.run_one_for(20ms);
    store->commit(record(6), [&] { told = true; });
    io_.run_for(100ms);
  }
  EXPECT_FALSE(told);
  EXPECT_NE(failure_.find("is the disk full"), std::string::npos) << failure_;
  EXPECT_EQ(std::system(("umount " + disk.string()).c_str()), 0);
  folder_ = (disk.parent_path() / "state").string();
}

}  // namespace
}  // namespace cierzo
