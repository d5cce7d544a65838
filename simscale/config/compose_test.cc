#include <gtest/gtest.h>

#include "simscale/common/file.h"
#include "simscale/config/node.h"
#include "simscale/config/test_util.h"

namespace simscale::config {
namespace {

std::string Merged(const std::string& base, const std::string& over) {
  Node node = ParseYaml(base, "base");
  Merge(node, ParseYaml(over, "over"));
  return ToYaml(node);
}

TEST(Merge, MapsMergeAllElseReplaces) {
  EXPECT_EQ(Merged("a: {x: 1, y: 2}\nb: 3\n", "a: {y: 5, z: 6}\nc: 7\n"),
            "a:\n  x: 1\n  y: 5\n  z: 6\nb: 3\nc: 7\n");
  EXPECT_EQ(Merged("a: [1, 2, 3]\n", "a: [9]\n"), "a: [9]\n");
  EXPECT_EQ(Merged("a: 1\n", "a: {x: 1}\n"), "a:\n  x: 1\n");
  EXPECT_EQ(Merged("a: {x: 1}\n", "a: 1\n"), "a: 1\n");
  EXPECT_EQ(Merged("a: {x: 1}\n", "a: {}\n"), "a:\n  x: 1\n");
  EXPECT_EQ(Merged("a: 1\n", ""), "a: 1\n");
  EXPECT_EQ(Merged("", "a: 1\n"), "a: 1\n");
}

TEST(Merge, NullRemoves) {
  EXPECT_EQ(Merged("a: 1\nb: 2\n", "a: null\n"), "b: 2\n");
  EXPECT_EQ(Merged("r: {x: 1, y: 2}\n", "r: {x: ~}\n"), "r:\n  y: 2\n");
  EXPECT_EQ(Merged("a: 1\n", "b: null\nc: {d: null, e: 1}\n"), "a: 1\nc:\n  e: 1\n");
  EXPECT_EQ(Merged("a: 1\n", "a: \"null\"\n"), "a: \"null\"\n");
}

TEST(Merge, PlacesFollowTheValues) {
  Node node = ParseYaml("a: {x: 1, y: 2}\n", "base");
  Merge(node, ParseYaml("a:\n  y: 3\n", "over"));
  EXPECT_EQ(node.Find("a")->Find("x")->mark.ToString(), "base:1:8");
  EXPECT_EQ(node.Find("a")->Find("y")->mark.ToString(), "over:2:6");
  EXPECT_EQ(node.Find("a")->Find("y")->key_mark.ToString(), "over:2:3");
}

class ComposeTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           Cat("simscale_compose_", testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(dir_);
    fs::create_directories(dir_ / "shared");
  }
  void TearDown() override { fs::remove_all(dir_); }
  std::string Write(const std::string& name, const std::string& text) {
    fs::create_directories((dir_ / name).parent_path());
    WriteFileAtomic(dir_ / name, text);
    return (dir_ / name).string();
  }
  std::string Composed(const std::string& name) {
    return ToYaml(Compose(dir_ / name, {dir_ / "shared"}));
  }
  std::string Fails(const std::string& name) {
    return MessageOf([&] { Compose(dir_ / name, {dir_ / "shared"}); });
  }
  fs::path dir_;
};

TEST_F(ComposeTest, LaterFilesAndOwnKeysWin) {
  Write("one.yaml", "a: 1\nb: 1\nc: {x: 1}\nd: 1\n");
  Write("shared/two.yaml", "b: 2\nc: {y: 2}\n");
  Write("top.yaml", "defaults: [one, two.yaml]\nc: {x: 3}\nd: null\n");
  EXPECT_EQ(Composed("top.yaml"), "a: 1\nb: 2\nc:\n  x: 3\n  y: 2\n");
}

TEST_F(ComposeTest, NestedAndDiamondDefaults) {
  Write("base.yaml", "x: 1\ny: 1\n");
  Write("sub/left.yaml", "defaults: ../base\nx: 2\n");
  Write("sub/right.yaml", "defaults:\n  - ../base.yaml\ny: 3\n");
  Write("top.yaml", "defaults: [sub/left, sub/right]\n");
  EXPECT_EQ(Composed("top.yaml"), "x: 1\ny: 3\n");  // right brings base's x again
  Write("empty.yaml", "# nothing\n");
  Write("over_empty.yaml", "defaults: [empty]\na: 1\n");
  EXPECT_EQ(Composed("over_empty.yaml"), "a: 1\n");
  Write("none.yaml", "defaults:\na: 1\nb: ~\n");
  EXPECT_EQ(Composed("none.yaml"), "a: 1\n");
}

TEST_F(ComposeTest, FileBesideWinsOverTheSearchFolder) {
  Write("base.yaml", "from: beside\n");
  Write("shared/base.yaml", "from: search\n");
  Write("top.yaml", "defaults: [base]\n");
  EXPECT_EQ(Composed("top.yaml"), "from: beside\n");
}

TEST_F(ComposeTest, CyclesNameTheChain) {
  const std::string a = Write("a.yaml", "defaults: [b]\n");
  const std::string b = Write("b.yaml", "x: 1\ndefaults:\n  - c\n");
  const std::string c = Write("c.yaml", "defaults: [ a.yaml ]\n");
  EXPECT_EQ(Fails("a.yaml"),
            Cat(c, ":1:13: defaults form a cycle: ", a, " -> ", b, " -> ", c, " -> ", a));
  const std::string self = Write("self.yaml", "defaults: [self]\n");
  EXPECT_EQ(Fails("self.yaml"), Cat(self, ":1:12: defaults form a cycle: ", self, " -> ", self));
}

TEST_F(ComposeTest, MissingFileTellsWhereItLookedAndTheNearestName) {
  Write("shared/reach.yaml", "a: 1\n");
  const std::string top = Write("top.yaml", "defaults: [reech]\n");
  EXPECT_EQ(Fails("top.yaml"),
            Cat(top, ":1:12: defaults: no file 'reech' or 'reech.yaml' in ", dir_.string(), ", ",
                (dir_ / "shared").string(), ". Did you mean 'reach'?"));
  EXPECT_NE(Fails("absent.yaml").find("absent.yaml"), std::string::npos);
}

TEST_F(ComposeTest, WrongShapes) {
  const std::string list = Write("list.yaml", "- 1\n- 2\n");
  EXPECT_EQ(Fails("list.yaml"),
            list + ":1:1: a configuration must be a map of keys to values, got [1, 2]");
  const std::string map = Write("map.yaml", "defaults: {a: 1}\n");
  EXPECT_EQ(Fails("map.yaml"), map + ":1:11: defaults must be a list of file names, got {a: 1}");
  const std::string nested = Write("nested.yaml", "defaults: [[a]]\n");
  EXPECT_EQ(Fails("nested.yaml"), nested + ":1:12: defaults must be a list of file names, got [a]");
  const std::string empty = Write("empty.yaml", "defaults: [\"\"]\n");
  EXPECT_EQ(Fails("empty.yaml"), empty + ":1:12: defaults must be a list of file names, got ''");
}

TEST_F(ComposeTest, RefusesExponentialDefaults) {
  Write("f0.yaml", "a: 1\n");
  for (int i = 1; i < 20; ++i)
    Write(Cat("f", i, ".yaml"), Cat("defaults: [f", i - 1, ", f", i - 1, "]\n"));
  EXPECT_NE(Fails("f19.yaml").find("defaults name more than 1000 files in all"), std::string::npos);
}

}  // namespace
}  // namespace simscale::config
