#include <gtest/gtest.h>

#include "simscale/common/rng.h"
#include "simscale/config/node.h"
#include "simscale/config/test_util.h"

namespace simscale::config {
namespace {

bool Equal(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.scalar != b.scalar || a.quoted != b.quoted) return false;
  if (a.list.size() != b.list.size() || a.map.size() != b.map.size()) return false;
  for (size_t i = 0; i < a.list.size(); ++i)
    if (!Equal(a.list[i], b.list[i])) return false;
  for (size_t i = 0; i < a.map.size(); ++i)
    if (a.map[i].first != b.map[i].first || !Equal(a.map[i].second, b.map[i].second)) return false;
  return true;
}

TEST(ToYaml, LayoutForPeople) {
  const std::string yaml =
      "name: pick_place\n"
      "control:\n"
      "  rate_hz: 20\n"
      "  gains: [1.0, 2.5]\n"
      "cameras:\n"
      "  - name: front\n"
      "    pose:\n"
      "      pos: [0.0, 1.0, 2.0]\n"
      "  - name: wrist\n"
      "matrix:\n"
      "  - [1, 2]\n"
      "  - [3, 4]\n"
      "empty_map: {}\n"
      "empty_list: []\n"
      "nothing: null\n"
      "robot: menagerie:panda\n"
      "text: |\n"
      "  put the cube\n"
      "\n"
      "   on: the # target\n"
      "chomped: |-\n"
      "  a\n"
      "  b\n"
      "quoted: [\"3\", \"true\", \"null\", \"\", \"a, b\", \"- x\", \"a: b\", \"x \"]\n";
  EXPECT_EQ(ToYaml(ParseYaml(yaml, "t")), yaml);
}

TEST(ToYaml, Roots) {
  EXPECT_EQ(ToYaml(Node()), "null\n");
  EXPECT_EQ(ToYaml(Node::Map()), "{}\n");
  EXPECT_EQ(ToYaml(Node::List()), "[]\n");
  EXPECT_EQ(ToYaml(Node::Scalar("a\nb")), "\"a\\nb\"\n");
  EXPECT_EQ(ToYaml(ParseYaml("- 1\n- {a: [{b: 2}]}\n- - - 3\n", "t")),
            "- 1\n- a:\n    - b: 2\n- - [3]\n");
}

TEST(ToYaml, LongListsGetALineAnItem) {
  Node list = Node::List();
  for (int i = 0; i < 3; ++i) list.list.push_back(Node::Scalar(std::string(40, 'x')));
  Node root = Node::Map();
  root.Set("names", list);
  const std::string item = "  - " + std::string(40, 'x') + "\n";
  EXPECT_EQ(ToYaml(root), "names:\n" + item + item + item);
}

TEST(ToYaml, TextNeedsQuotesOnlyWhereItWouldBeReadAsSomethingElse) {
  const std::pair<const char*, const char*> cases[] = {{"plain", "plain\n"},
                                                       {"two words", "two words\n"},
                                                       {"a/b.yaml", "a/b.yaml\n"},
                                                       {"-x", "-x\n"},
                                                       {"3", "\"3\"\n"},
                                                       {"-.5", "\"-.5\"\n"},
                                                       {"yes", "\"yes\"\n"},
                                                       {"2024-01-01", "\"2024-01-01\"\n"},
                                                       {"a:", "\"a:\"\n"},
                                                       {"a #b", "\"a #b\"\n"},
                                                       {"*x", "\"*x\"\n"},
                                                       {"...", "\"...\"\n"},
                                                       {"---", "\"---\"\n"},
                                                       {"-", "\"-\"\n"},
                                                       {"<<", "\"<<\"\n"},
                                                       {"it's", "\"it's\"\n"},
                                                       {"\xc3\xa9", "\"\xc3\xa9\"\n"},
                                                       {"a\tb", "\"a\\tb\"\n"}};
  for (const auto& [text, yaml] : cases) EXPECT_EQ(ToYaml(Node::Scalar(text, true)), yaml);
}

// Random trees of awkward texts come back equal, and the same bytes come out again.
Node RandomTree(Rng& rng, int depth) {
  static const std::string kPieces[] = {"a",  "B9",   "1",
                                        "0",  "-",    ":",
                                        " ",  "#",    "\n",
                                        "\t", "'",    "\"",
                                        "\\", "[",    "]",
                                        "{",  "}",    ",",
                                        "&",  "*",    "!",
                                        "|",  ">",    "%",
                                        "@",  "`",    "?",
                                        "~",  "null", "true",
                                        ".",  "e",    "\xc3\xa9",
                                        "\r", "\x01", "<<",
                                        "=",  "---",  "\xf0\x9f\x98\x80"};
  const auto text = [&] {
    std::string result;
    for (uint64_t n = rng.Below(7); n > 0; --n) result += kPieces[rng.Below(std::size(kPieces))];
    return result;
  };
  const uint64_t kind = rng.Below(depth > 0 ? 6 : 3);
  if (kind == 0 && rng.Below(4) == 0) return Node();
  if (kind < 3) return Node::Scalar(text(), true);
  Node node = kind == 3 ? Node::List() : Node::Map();
  for (uint64_t n = rng.Below(4); n > 0; --n) {
    if (kind == 3) {
      node.list.push_back(RandomTree(rng, depth - 1));
    } else {
      node.Set(text(), RandomTree(rng, depth - 1));
    }
  }
  return node;
}

TEST(ToYaml, RandomTreesRoundTrip) {
  for (uint64_t i = 0; i < 20000; ++i) {
    Rng rng(7, i, "random_tree");
    const Node tree = RandomTree(rng, 4);
    const std::string yaml = ToYaml(tree);
    const Node back = ParseYaml(yaml, "t");
    ASSERT_TRUE(Equal(tree, back)) << i << "\n" << yaml << "\n-- read back as --\n" << ToYaml(back);
    ASSERT_EQ(ToYaml(back), yaml);
  }
}

TEST(ToJson, TypesByTheCoreSchema) {
  EXPECT_EQ(
      ToJson(ParseYaml("a: 1\nb: [+2, .5, 5., -.5e3, 1.e5, 1e400, true, FALSE, ~, text, \"7\"]\n"
                       "c: {x: 010, y: .inf, z: \"q\\\"\\n\\u0001\"}\nd: 0x1f\n",
                       "t")),
      R"({"a":1,"b":[2,0.5,5.0,-0.5e3,1.0e5,1e400,true,false,null,"text","7"],)"
      R"("c":{"x":"010","y":".inf","z":"q\"\n\u0001"},"d":"0x1f"})");
  EXPECT_EQ(ToJson(Node()), "null");
}

}  // namespace
}  // namespace simscale::config
