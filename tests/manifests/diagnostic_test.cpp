#include "manifests/diagnostic.hpp"

#include <gtest/gtest.h>

#include "manifests/nearest.hpp"

namespace cierzo::manifests {
namespace {

TEST(Diagnostic, SaysPlaceThingExpectationNearestAndAccepted) {
  Diagnostic d = mistake({"manifests/web.yaml", 22, 5}, "web.db.flavour", "unknown field");
  EXPECT_EQ(to_string(d), "manifests/web.yaml:22:5: web.db.flavour: unknown field");
  d.nearest = "flavor";
  d.accepted = {"image", "flavor", "disk"};
  EXPECT_EQ(to_string(d),
            "manifests/web.yaml:22:5: web.db.flavour: unknown field; did you mean 'flavor'? "
            "(accepted: image, flavor, disk)");
}

TEST(Diagnostic, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(to_string(mistake({}, "no place")), "no place");
  EXPECT_EQ(to_string(mistake({"a.pp", 0, 0}, "the whole file")), "a.pp: the whole file");
  EXPECT_EQ(to_string(mistake({"", 3, 4}, "no file")), "3:4: no file");
  EXPECT_EQ(to_string(warning({"a.pp", 3, 4}, "x", "y")), "a.pp:3:4: warning: x: y");
}

TEST(Diagnostic, UnknownNameKnowsTheNearestAndAShortListOfAll) {
  const Diagnostic d =
      unknown_name({}, "web.app.imgae", "imgae", {"image", "disk"}, "unknown field");
  EXPECT_EQ(d.nearest, "image");
  EXPECT_EQ(d.accepted.size(), 2u);
  const std::vector<std::string> many(50, "name");
  EXPECT_TRUE(unknown_name({}, "x", "x", many, "unknown").accepted.empty());
}

TEST(Diagnostic, AWarningIsNoError) {
  EXPECT_FALSE(has_errors({}));
  EXPECT_FALSE(has_errors({warning({}, "x")}));
  EXPECT_TRUE(has_errors({warning({}, "x"), mistake({}, "y")}));
}

TEST(Diagnostic, AreOrderedAndNotWithoutEnd) {
  std::vector<Diagnostic> all;
  for (int i = 250; i > 0; --i) all.push_back(warning({"f", i, 1}, "w"));
  all.push_back(mistake({"f", 240, 1}, "the only error"));
  put_in_order(all);
  ASSERT_EQ(all.size(), diagnostics_max + 1);
  EXPECT_EQ(all.front().at.line, 1);
  EXPECT_EQ(to_string(all.back()), "f:101:1: and 151 more from here on");
  EXPECT_TRUE(has_errors(all)) << "an error that was cut must still refuse the file";
}

TEST(Nearest, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("imgae", "image"), 1u) << "a swap is one edit";
}

TEST(Nearest, ForgivesALittleAndNoMore) {
  const std::vector<std::string> known{"running", "stopped", "absent"};
  EXPECT_EQ(nearest("runing", known), "running");
  EXPECT_EQ(nearest("RUNNING", known), "running");
  EXPECT_EQ(nearest("stop", known), std::nullopt);
  EXPECT_EQ(nearest("", known), std::nullopt);
  EXPECT_EQ(nearest(std::string(100000, 'r'), known), std::nullopt);
  EXPECT_EQ(nearest("b", {"a", "c"}), "a") << "the first among equals";
}

}  // namespace
}  // namespace cierzo::manifests
