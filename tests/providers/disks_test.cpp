// Images and overlays, with real qemu-img.
#include "resources/providers/disks.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "resources/providers/program.hpp"
#include "resources/providers/refused.hpp"

namespace cierzo {
namespace {

namespace fs = std::filesystem;

class DisksTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "cierzo-disks-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    fs::create_directories(folder_ / "images");
    for (const auto* image : {"a.qcow2", "b.qcow2"}) {
      const auto made = run_program({"qemu-img", "create", "-q", "-f", "qcow2", path(image), "1M"},
                                    std::chrono::seconds(10));
      ASSERT_TRUE(made.ok) << made.output;
    }
    disks_.emplace(folder_ / "images", folder_ / "state");
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& image) { return folder_ / "images" / image; }
  void write(const std::string& file, const std::string& text) {
    std::ofstream(path(file), std::ios::binary) << text;
  }
  Outcome refusal(const std::string& image) {
    try {
      (void)disks_->find(image);
    } catch (const Refused& refused) {
      return refused.outcome;
    }
    return {};
  }

  const InstanceName name_{"web-server-1"};
  fs::path folder_;
  std::optional<Disks> disks_;
};

TEST_F(DisksTest, an_overlay_is_kept_until_a_fresh_one_is_asked_for) {
  const auto image = disks_->find("a.qcow2");
  EXPECT_TRUE(disks_->prepare(name_, image, false));
  const auto overlay = disks_->overlay_path(name_);
  EXPECT_EQ(backing_file(overlay), path("a.qcow2"));
  const auto first = fs::last_write_time(overlay);
  EXPECT_FALSE(disks_->prepare(name_, image, false));
  EXPECT_FALSE(disks_->is_fresh(name_)) << "the first one replaces nothing";
  EXPECT_EQ(fs::last_write_time(overlay), first);
  EXPECT_TRUE(disks_->prepare(name_, image, true));
  EXPECT_FALSE(disks_->prepare(name_, image, false));
  EXPECT_TRUE(disks_->is_fresh(name_)) << "whatever is started on it";
  EXPECT_FALSE(fs::exists(overlay + ".previous")) << "what it held was given up on purpose";
  EXPECT_EQ(disks_->overlays(), std::vector<InstanceName>{name_});
}

TEST_F(DisksTest, an_overlay_of_another_image_is_not_used_but_kept) {
  disks_->prepare(name_, disks_->find("a.qcow2"), false);
  EXPECT_TRUE(disks_->prepare(name_, disks_->find("b.qcow2"), false));
  EXPECT_TRUE(disks_->is_fresh(name_));
  EXPECT_EQ(backing_file(disks_->overlay_path(name_)), path("b.qcow2"));
  EXPECT_EQ(backing_file(disks_->overlay_path(name_) + ".previous"), path("a.qcow2"));
  EXPECT_EQ(disks_->overlays().size(), 1U);
  disks_->remove(name_);
  EXPECT_TRUE(fs::is_empty(folder_ / "state/disks"));
  disks_->remove(name_);  // What is absent is removed.
}

// Debian's QEMU runs as libvirt-qemu: it passes through the folders to what libvirt has given it,
// and nobody else reads what guests wrote. The same whatever umask the agent was started with.
TEST_F(DisksTest, folders_let_pass_and_overlays_are_closed) {
  for (const mode_t mask : {mode_t{0}, mode_t{0077}}) {
    const mode_t before = umask(mask);
    const Disks disks(folder_ / "images", folder_ / "state");
    disks.prepare(name_, disks.find("a.qcow2"), true);
    umask(before);
    const auto mode = [](const fs::path& path) { return fs::status(path).permissions(); };
    EXPECT_EQ(mode(folder_ / "state/disks"), fs::perms(0711));
    EXPECT_EQ(mode(folder_ / "state/console"), fs::perms(0711));
    EXPECT_EQ(mode(disks.overlay_path(name_)), fs::perms(0600));
  }
}

TEST_F(DisksTest, what_cannot_be_made_leaves_nothing_behind) {
  write("c.qcow2", "QFI\xfb and then rubbish");
  EXPECT_THROW(disks_->prepare(name_, disks_->find("c.qcow2"), false), Refused);
  EXPECT_TRUE(disks_->overlays().empty());
  const Disks next(folder_ / "images", folder_ / "state");
  EXPECT_TRUE(fs::is_empty(folder_ / "state/disks")) << "at the latest when the agent starts again";
}

TEST_F(DisksTest, what_was_being_made_when_the_agent_was_killed_is_cleared_away) {
  const InstanceName whole{"web-server-2"};
  disks_->prepare(whole, disks_->find("a.qcow2"), false);
  const auto disks = folder_ / "state/disks";
  for (const auto* file : {"web-server-1.owner", "web-server-1.qcow2.new", "web-server-2.qcow2.new",
                           "others.qcow2.new"}) {
    std::ofstream(disks / file) << "x";
  }
  const Disks next(folder_ / "images", folder_ / "state");
  EXPECT_FALSE(fs::exists(disks / "web-server-1.owner"));
  EXPECT_FALSE(fs::exists(disks / "web-server-1.qcow2.new"));
  EXPECT_FALSE(fs::exists(disks / "web-server-2.qcow2.new"));
  EXPECT_TRUE(fs::exists(disks / "others.qcow2.new"));
  EXPECT_EQ(next.overlays(), std::vector<InstanceName>{whole});
}

// The image changed, and the agent was killed between the two renames.
TEST_F(DisksTest, a_disk_that_was_being_exchanged_when_the_agent_was_killed_is_put_back) {
  disks_->prepare(name_, disks_->find("a.qcow2"), false);
  const auto overlay = disks_->overlay_path(name_);
  for (const bool made : {true, false}) {
    fs::rename(overlay, overlay + ".previous");
    if (made) std::ofstream(overlay + ".new") << "x";
    const Disks next(folder_ / "images", folder_ / "state");
    EXPECT_EQ(next.overlays(), std::vector<InstanceName>{name_});
    EXPECT_EQ(backing_file(overlay), path("a.qcow2"));
    EXPECT_FALSE(fs::exists(overlay + ".previous"));
  }
}

TEST_F(DisksTest, a_removal_that_was_cut_short_is_gone_on_with) {
  disks_->prepare(name_, disks_->find("a.qcow2"), false);
  disks_->prepare(name_, disks_->find("b.qcow2"), false);
  const auto overlay = disks_->overlay_path(name_);
  ASSERT_TRUE(fs::exists(overlay + ".previous"));
  fs::create_directory(disks_->console_path(name_));  // The first step fails.
  std::ofstream(disks_->console_path(name_) + "/x") << "x";
  EXPECT_THROW(disks_->remove(name_), Refused);
  EXPECT_EQ(disks_->overlays(), std::vector<InstanceName>{name_});
  fs::remove_all(disks_->console_path(name_));
  disks_->remove(name_);
  EXPECT_TRUE(fs::is_empty(folder_ / "state/disks"));
}

TEST_F(DisksTest, a_folder_that_cannot_be_listed_has_unknown_disks_not_none) {
  disks_->prepare(name_, disks_->find("a.qcow2"), false);
  fs::rename(folder_ / "state/disks", folder_ / "elsewhere");
  EXPECT_THROW((void)disks_->overlays(), Refused);
}

TEST_F(DisksTest, the_console_of_a_shared_disk_goes_too) {
  std::ofstream(disks_->console_path(name_)) << "boot";
  disks_->remove(name_);
  EXPECT_FALSE(fs::exists(disks_->console_path(name_)));
}

TEST_F(DisksTest, a_file_that_somebody_else_put_there_is_not_ours_whatever_its_name) {
  const auto foreign = disks_->overlay_path(name_);
  std::ofstream(foreign) << "precious";
  EXPECT_TRUE(disks_->overlays().empty());
  for (const bool fresh : {false, true}) {
    EXPECT_THROW(disks_->prepare(name_, disks_->find("a.qcow2"), fresh), Refused);
  }
  disks_->remove(name_);
  const Disks next(folder_ / "images", folder_ / "state");
  std::string text;
  std::getline(std::ifstream(foreign), text);
  EXPECT_EQ(text, "precious");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "state/disks"), {}), 1);
}

TEST_F(DisksTest, images_are_known_by_name_and_by_path) {
  auto images = disks_->images();
  EXPECT_EQ(images.size(), 4U);
  const auto before = images.at("a.qcow2");
  EXPECT_EQ(images.at(path("a.qcow2")), before);
  write("a.qcow2", "changed");
  EXPECT_NE(disks_->images().at("a.qcow2"), before);
  EXPECT_EQ(disks_->find("a.qcow2").format, "raw");
  EXPECT_EQ(disks_->find(path("b.qcow2")).format, "qcow2");
  EXPECT_EQ(refusal("c.qcow2").kind, FailureKind::not_found);
  EXPECT_EQ(refusal("../images/a.qcow2").kind, FailureKind::other);
}

TEST_F(DisksTest, a_sidecar_names_a_kernel) {
  write("a.qcow2.yaml", "kernel: boot/vmlinux\ninitrd: /x/initrd\ncmdline: \"quiet a=b\"\n");
  const auto kernel = disks_->find("a.qcow2").kernel;
  ASSERT_TRUE(kernel);
  EXPECT_EQ(kernel->kernel, path("boot/vmlinux"));
  EXPECT_EQ(kernel->initrd, "/x/initrd");
  EXPECT_EQ(kernel->cmdline, "quiet a=b");
  EXPECT_FALSE(disks_->find("b.qcow2").kernel);
  write("a.qcow2.yaml", "kernal: boot/vmlinux\n");
  EXPECT_NE(refusal("a.qcow2").text.find("did you mean 'kernel'"), std::string::npos)
      << refusal("a.qcow2").text;
  write("a.qcow2.yaml", "cmdline: quiet\n");
  EXPECT_NE(refusal("a.qcow2").text.find("kernel"), std::string::npos);
}

TEST(Program, it_is_killed_when_its_time_is_over) {
  const auto ended = run_program({"sleep", "60"}, std::chrono::milliseconds(50));
  EXPECT_FALSE(ended.ok);
  EXPECT_TRUE(ended.timed_out);
  EXPECT_FALSE(run_program({"no-such-program"}, std::chrono::seconds(1)).ok);
  EXPECT_EQ(run_program({"printf", "%s", "$(x) ;"}, std::chrono::seconds(5)).output, "$(x) ;");
}

}  // namespace
}  // namespace cierzo
