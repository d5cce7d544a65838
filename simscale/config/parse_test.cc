#include <gtest/gtest.h>

#include <filesystem>

#include "simscale/common/file.h"
#include "simscale/config/node.h"
#include "simscale/config/test_util.h"

namespace simscale::config {
namespace {

TEST(Parse, KeepsOrderKindsAndPlaces) {
  const Node root = ParseYaml(
      "zeta: 1\n"
      "alpha:\n"
      "  list: [1, \"2\", x]\n"
      "  none:\n"
      "text: 'it''s'\n",
      "t.yaml");
  ASSERT_EQ(root.kind, Node::Kind::kMap);
  ASSERT_EQ(root.map.size(), 3u);
  EXPECT_EQ(root.map[0].first, "zeta");
  EXPECT_EQ(root.map[0].second.mark.ToString(), "t.yaml:1:7");
  EXPECT_EQ(root.map[0].second.key_mark.ToString(), "t.yaml:1:1");
  const Node& list = *root.Find("alpha")->Find("list");
  ASSERT_EQ(list.kind, Node::Kind::kList);
  EXPECT_EQ(list.list[1].mark.ToString(), "t.yaml:3:13");
  EXPECT_TRUE(list.list[1].quoted);
  EXPECT_FALSE(list.list[0].quoted);
  const Node& none = *root.Find("alpha")->Find("none");
  EXPECT_EQ(none.kind, Node::Kind::kNull);
  EXPECT_EQ(none.mark.ToString(), "t.yaml:4:3");  // where its key is: it has no place of its own
  EXPECT_EQ(root.Find("text")->scalar, "it's");
  EXPECT_EQ(root.Find("absent"), nullptr);
  EXPECT_EQ(list.Find("absent"), nullptr);
}

TEST(Parse, EmptyDocumentsAreNull) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "~\n"}) {
    const Node root = ParseYaml(text, "t.yaml");
    EXPECT_EQ(root.kind, Node::Kind::kNull) << text;
    EXPECT_EQ(root.mark.source, "t.yaml");
  }
}

TEST(Parse, AnchorsCopyTheirValue) {
  const Node root = ParseYaml("a: &x {q: 1}\nb: *x\nc: &k name\n*k : 2\n", "t.yaml");
  EXPECT_EQ(ToYaml(root), "a:\n  q: 1\nb:\n  q: 1\nc: name\nname: 2\n");
  EXPECT_EQ(root.Find("b")->Find("q")->mark.ToString(), "t.yaml:1:11");  // where it was written
  EXPECT_EQ(root.Find("b")->key_mark.ToString(), "t.yaml:2:1");
}

TEST(Parse, BlockScalarsLineEndsAndByteOrderMark) {
  const Node root = ParseYaml(
      "\xef\xbb\xbf"
      "a: |\r\n  x\r\n   y\r\nb: >-\r\n  p\r\n  q\r\n",
      "t.yaml");
  EXPECT_EQ(root.Find("a")->scalar, "x\n y\n");
  EXPECT_EQ(root.Find("b")->scalar, "p q");
  EXPECT_EQ(ParseYaml("a: |+\n  x\n\n", "t").Find("a")->scalar, "x\n\n");
  EXPECT_EQ(ParseYaml("a: |\n  x\n  ", "t").Find("a")->scalar, "x\n");
}

TEST(Parse, StringTagMakesText) {
  const Node root = ParseYaml("a: !!str 3\n", "t.yaml");
  EXPECT_EQ(root.Find("a")->scalar, "3");
  EXPECT_TRUE(root.Find("a")->quoted);
}

TEST(Parse, MarkWithoutALineIsItsSource) {
  EXPECT_EQ((Mark{"command line"}.ToString()), "command line");
  EXPECT_EQ((Mark{"a.yaml", 3, 7}.ToString()), "a.yaml:3:7");
}

TEST(Node, SetReplacesInPlaceAndErases) {
  Node node = ParseYaml("a: 1\nb: 2\n", "t");
  node.Set("a", Node::Scalar("9"));
  node.Set("c", Node::Scalar("3"));
  EXPECT_EQ(ToYaml(node), "a: 9\nb: 2\nc: 3\n");
  EXPECT_TRUE(node.Erase("b"));
  EXPECT_FALSE(node.Erase("b"));
  EXPECT_EQ(ToYaml(node), "a: 9\nc: 3\n");
  Node fresh;
  fresh.Set("x", Node());
  EXPECT_EQ(fresh.kind, Node::Kind::kMap);
}

TEST(Load, ReadsAFileAndNamesIt) {
  const fs::path dir = fs::path(testing::TempDir()) / "simscale_config_load";
  fs::remove_all(dir);
  fs::create_directories(dir);
  const fs::path path = dir / "a.yaml";
  WriteFileAtomic(path, "a: 1\na: 2\n");
  EXPECT_EQ(MessageOf([&] { LoadYaml(path); }),
            path.string() + ":2:1: duplicate key 'a', first written in line 1");
  EXPECT_NE(MessageOf([&] { LoadYaml(dir / "none.yaml"); }).find("none.yaml"), std::string::npos);
  EXPECT_NE(MessageOf([&] { LoadYaml(dir); }).find(dir.string()), std::string::npos);
  EXPECT_EQ(MessageOf([&] { LoadYaml("/dev/zero"); }), "/dev/zero: not a file but a device");
  WriteFileAtomic(path, std::string((8 << 20) + 1, '#'));
  EXPECT_EQ(MessageOf([&] { LoadYaml(path); }),
            path.string() + ": a configuration may have 8 MiB at most, got 8388609 bytes");
  EXPECT_EQ(MessageOf([&] { ParseYaml(std::string((8 << 20) + 1, '#'), "text"); }),
            "text: a configuration may have 8 MiB at most, got 8388609 bytes");
  fs::remove_all(dir);
}

}  // namespace
}  // namespace simscale::config
