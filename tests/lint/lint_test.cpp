// The repository keeps to its own rules: they are run over every file, and over samples that they
// must catch.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/lint/rules.hpp"

namespace cierzo::lint {
namespace {

namespace fs = std::filesystem;

const std::string root = CIERZO_SOURCE_DIR;

// Every source of the project, by path.
const std::vector<File>& files() {
  static const std::vector<File> all = [] {
    std::vector<File> found;
    for (const char* folder : {"agent", "election", "manifests", "monitor", "resources", "tests"}) {
      for (const auto& entry : fs::recursive_directory_iterator(root + "/" + folder)) {
        const std::string path = fs::relative(entry.path(), root).string();
        if (!entry.is_regular_file() || entry.file_size() > 1024 * 1024) continue;
        if (path.find("__pycache__") != std::string::npos) continue;
        std::ostringstream text;
        text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
        found.push_back({path, text.str()});
      }
    }
    std::sort(found.begin(), found.end(),
              [](const File& a, const File& b) { return a.path < b.path; });
    return found;
  }();
  return all;
}

void expect_kept(std::vector<std::string> (*rule)(const File&)) {
  std::size_t looked_at = 0;
  for (const File& file : files()) {
    if (!is_cpp(file.path)) continue;
    ++looked_at;
    for (const std::string& breach : rule(file)) ADD_FAILURE() << breach;
  }
  EXPECT_GT(looked_at, 100U) << "the sources were not found under " << root;
}

TEST(Lint, folders_depend_one_way) { expect_kept(dependencies); }
TEST(Lint, libraries_stay_behind_their_gates) { expect_kept(gates); }
TEST(Lint, pure_libraries_are_pure) { expect_kept(purity); }
TEST(Lint, known_traps_are_avoided) { expect_kept(traps); }
TEST(Lint, form) { expect_kept(form); }

TEST(Lint, scripts_pass_shellcheck) {
  ASSERT_EQ(std::system("command -v shellcheck >/dev/null"), 0)
      << "shellcheck is missing: tests/install installs it";
  std::string scripts;
  for (const File& file : files()) {
    if (is_shell(file)) scripts += " '" + root + "/" + file.path + "'";
  }
  ASSERT_NE(scripts, "");
  EXPECT_EQ(std::system(("shellcheck --severity=style" + scripts).c_str()), 0);
}

TEST(LintRules, catch_what_they_are_for) {
  const auto one = [](const std::vector<std::string>& found) { return found.size() == 1; };
  EXPECT_TRUE(one(dependencies({"election/node.cpp", "#include \"resources/world.hpp\"\n"})));
  EXPECT_TRUE(one(dependencies({"resources/plan.cpp", "#include \"monitor/report.hpp\"\n"})));
  EXPECT_TRUE(one(dependencies({"monitor/report.cpp", "#include \"election/node.hpp\"\n"})));
  EXPECT_TRUE(one(dependencies({"agent/worker.cpp", "#include \"worker.hpp\"\n"})));
  EXPECT_TRUE(one(gates({"agent/worker.cpp", "#include <zmq.hpp>\n"})));
  EXPECT_TRUE(one(gates({"agent/api/server.cpp", "#include \"agent/net/cierzo.pb.h\"\n"})));
  EXPECT_TRUE(one(gates({"resources/plan.cpp", "#include <libvirt/libvirt.h>\n"})));
  EXPECT_TRUE(
      one(purity({"election/node.cpp", "const auto now = std::chrono::steady_clock::now();\n"})));
  EXPECT_TRUE(one(purity({"monitor/checks.cpp", "#include <mutex>\n"})));
  EXPECT_TRUE(one(traps({"agent/a.cpp", "socket.send(zmq::buffer(\"abc\"));\n"})));
  EXPECT_TRUE(one(traps({"agent/a.cpp", "co_await offload(pool,\n  [x] { return x; });\n"})));
  EXPECT_TRUE(one(form({"agent/a.cpp", std::string(101, 'x') + "\n"})));
  EXPECT_TRUE(one(form({"agent/a.hpp", "int x;\n"})));
  EXPECT_TRUE(one(form({"agent/a.cpp", "// TODO: more\n"})));
}

TEST(LintRules, let_the_right_thing_pass) {
  EXPECT_TRUE(dependencies({"election/node.hpp", "#include \"resources/ids.hpp\"\n"}).empty());
  EXPECT_TRUE(gates({"agent/net/link.hpp", "#include <zmq.hpp>\n"}).empty());
  EXPECT_TRUE(purity({"agent/clock.cpp", "clock_gettime(which, &at);\n"}).empty());
  EXPECT_TRUE(purity({"election/node.cpp", "// never reads steady_clock::now() itself\n"}).empty());
  EXPECT_TRUE(traps({"agent/a.cpp", "co_await work(list[0]);\n"}).empty());
}

}  // namespace
}  // namespace cierzo::lint
