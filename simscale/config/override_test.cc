#include <gtest/gtest.h>

#include "simscale/config/node.h"
#include "simscale/config/test_util.h"

namespace simscale::config {
namespace {

using Runs = std::vector<std::vector<std::string>>;

std::string Applied(const std::string& yaml, const std::string& assignment) {
  Node root = ParseYaml(yaml, "t.yaml");
  ApplyOverride(root, assignment);
  return ToYaml(root);
}
std::string Refused(const std::string& yaml, const std::string& assignment) {
  Node root = ParseYaml(yaml, "t.yaml");
  return MessageOf([&] { ApplyOverride(root, assignment); });
}

TEST(Override, SetsNestedKeysAndMakesMaps) {
  EXPECT_EQ(Applied("a: {b: 1, c: 2}\n", "a.b=5"), "a:\n  b: 5\n  c: 2\n");
  EXPECT_EQ(Applied("", "train.optimizer.lr=3e-4"), "train:\n  optimizer:\n    lr: 3e-4\n");
  EXPECT_EQ(Applied("a:\n", "a.b=1"), "a:\n  b: 1\n");
  EXPECT_EQ(Applied("a: 1\n", " a = 2 "), "a: 2\n");
}

TEST(Override, ValuesAreYaml) {
  EXPECT_EQ(Applied("", "a=[1, 2]"), "a: [1, 2]\n");
  EXPECT_EQ(Applied("a: {y: 1}\n", "a={x: 1}"), "a:\n  x: 1\n");  // replaces
  EXPECT_EQ(Applied("", "a=\"3\""), "a: \"3\"\n");
  EXPECT_EQ(Applied("", "a='x y'"), "a: x y\n");
  EXPECT_EQ(Applied("a: 1\n", "a="), "a: \"\"\n");
  EXPECT_EQ(Applied("", "a=b=c"), "a: b=c\n");
}

TEST(Override, OtherTextStaysAsItStands) {
  EXPECT_EQ(Applied("", "a=pick: the #1 cube"), "a: \"pick: the #1 cube\"\n");
  EXPECT_EQ(Applied("", "a=*.h5"), "a: \"*.h5\"\n");
  EXPECT_EQ(Applied("", "a=@x"), "a: \"@x\"\n");
  EXPECT_EQ(Applied("", "a=/tmp/x,y"), "a: \"/tmp/x,y\"\n");
}

TEST(Override, ListItemsByNumber) {
  const std::string yaml = "cameras:\n  - name: front\n    fovy: 45\n  - name: wrist\n";
  EXPECT_EQ(Applied(yaml, "cameras.0.fovy=60"),
            "cameras:\n  - name: front\n    fovy: 60\n  - name: wrist\n");
  EXPECT_EQ(Applied("a: [1, 2, 3]\n", "a.1=9"), "a: [1, 9, 3]\n");
  EXPECT_EQ(Refused(yaml, "cameras.2.fovy=60"),
            "command line: 'cameras.2.fovy=60': 'cameras' has 2 items (from 0), got 2");
  EXPECT_EQ(Refused(yaml, "cameras.front.fovy=60"),
            "command line: 'cameras.front.fovy=60': 'cameras' is a list; name an item by its "
            "number, got 'front'");
  EXPECT_EQ(Refused("a: [1]\n", "a.0=null"),
            "command line: 'a.0=null': a list's item can't be removed; write the list anew");
}

TEST(Override, NullRemoves) {
  EXPECT_EQ(Applied("a: 1\nb: {c: 1, d: 2}\n", "b.c=null"), "a: 1\nb:\n  d: 2\n");
  EXPECT_EQ(Applied("a: 1\n", "a=~"), "{}\n");
  EXPECT_EQ(Applied("a: 1\n", "x.y=null"), "a: 1\n");
}

TEST(Override, CarriesItsOwnMark) {
  Node root = ParseYaml("a: {b: 1}\n", "t.yaml");
  ApplyOverride(root, "a.b=[1, {c: 2}]");
  const Node& value = *root.Find("a")->Find("b");
  EXPECT_EQ(value.mark.ToString(), "command line");
  EXPECT_EQ(value.key_mark.ToString(), "command line");
  EXPECT_EQ(value.list[1].Find("c")->mark.ToString(), "command line");
  EXPECT_EQ(root.Find("a")->mark.ToString(), "t.yaml:1:4");
}

TEST(Override, RefusesWhatItCannotSet) {
  EXPECT_EQ(Refused("", "lr"), "command line: an override must be KEY=VALUE, got 'lr'");
  EXPECT_EQ(Refused("", "=3"), "command line: an override must be KEY=VALUE, got '=3'");
  EXPECT_EQ(Refused("", ""), "command line: an override must be KEY=VALUE, got ''");
  EXPECT_EQ(Refused("", "a..b=3"), "command line: 'a..b=3': empty name in the key 'a..b'");
  EXPECT_EQ(Refused("", ".a=3"), "command line: '.a=3': empty name in the key '.a'");
  EXPECT_EQ(Refused("", " =3"), "command line: ' =3': empty name in the key ''");
  EXPECT_EQ(Refused("a: {b: 3}\n", "a.b.c=1"),
            "command line: 'a.b.c=1': 'a.b' is 3, which has no 'c' in it");
  EXPECT_EQ(
      Refused("", "a=[1, 2"),
      "command line: 'a=[1, 2': a key must be text, not a list or map. Is a bracket left open?");
  EXPECT_EQ(Refused("", "a=\"x"), "command line: 'a=\"x': not valid YAML: a quote is not closed");
  EXPECT_EQ(Refused("", "a=\xff"), "command line: not UTF-8 text: '\\xff'");
}

TEST(Override, DeepKeyDoesNotOverflow) {
  std::string path = "a";
  for (int i = 0; i < 62; ++i) path += ".a";
  EXPECT_EQ(Refused("", path + "=1"), "no error");
  EXPECT_NE(Refused("", path + ".a.a=1").find("nested deeper than 64 levels"), std::string::npos);
}

TEST(Sweep, ProductWithTheLastKeyFastest) {
  EXPECT_EQ(ExpandSweep({"a=1,2", "b=x,y"}),
            (Runs{{"a=1", "b=x"}, {"a=1", "b=y"}, {"a=2", "b=x"}, {"a=2", "b=y"}}));
  EXPECT_EQ(ExpandSweep({}), (Runs{{}}));
  EXPECT_EQ(ExpandSweep({"a=1"}), (Runs{{"a=1"}}));
  EXPECT_EQ(ExpandSweep({"a="}), (Runs{{"a="}}));
  EXPECT_EQ(ExpandSweep({"a= 1 , 2 "}), (Runs{{"a=1"}, {"a=2"}}));
}

TEST(Sweep, BracketsBracesAndQuotesHoldTogether) {
  EXPECT_EQ(ExpandSweep({"a=[1,2],[3,[4,5]]"}), (Runs{{"a=[1,2]"}, {"a=[3,[4,5]]"}}));
  EXPECT_EQ(ExpandSweep({"a={x: 1, y: 2},{}"}), (Runs{{"a={x: 1, y: 2}"}, {"a={}"}}));
  EXPECT_EQ(ExpandSweep({"a=\"x,y\",'p,]q',z"}), (Runs{{"a=\"x,y\""}, {"a='p,]q'"}, {"a=z"}}));
  EXPECT_EQ(ExpandSweep({R"(a="x\",y",z)"}), (Runs{{R"(a="x\",y")"}, {"a=z"}}));
  EXPECT_EQ(ExpandSweep({"a=it's,that's"}), (Runs{{"a=it's"}, {"a=that's"}}));
}

TEST(Sweep, Refuses) {
  const auto refused = [](const std::vector<std::string>& assignments) {
    return MessageOf([&] { ExpandSweep(assignments); });
  };
  EXPECT_EQ(refused({"a"}), "command line: an override must be KEY=VALUE, got 'a'");
  EXPECT_EQ(refused({"a=1,,2"}), "command line: 'a=1,,2': a choice between commas is empty");
  EXPECT_EQ(refused({"a=1,"}), "command line: 'a=1,': a choice between commas is empty");
  EXPECT_EQ(refused({"a=[1,2"}), "command line: 'a=[1,2': ']' is missing");
  EXPECT_EQ(refused({"a=1],2"}), "command line: 'a=1],2': ']' without its opening bracket");
  EXPECT_EQ(refused({"a=[1},2"}), "command line: 'a=[1},2': '}' without its opening bracket");
  EXPECT_EQ(refused({"a=\"x,2"}), "command line: 'a=\"x,2': the quote \" is not closed");
  EXPECT_EQ(refused({"a=1,2", "a=3"}), "command line: 'a=3': the key is given twice in one sweep");
  const std::string ten = "=0,1,2,3,4,5,6,7,8,9";
  EXPECT_EQ(refused({"a" + ten, "b" + ten, "c" + ten, "d" + ten, "e=1,2"}),
            "command line: 'e=1,2': a sweep may have 10000 runs at most");
}

}  // namespace
}  // namespace simscale::config
