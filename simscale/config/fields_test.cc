#include "simscale/config/fields.h"

#include <gtest/gtest.h>

#include <limits>

#include "simscale/config/example_config.h"
#include "simscale/config/test_util.h"

namespace simscale::config {
namespace {

ExampleConfig ReadText(const std::string& yaml) {
  ExampleConfig config;
  Read(ParseYaml(yaml, "reach.yaml"), config);
  return config;
}
std::string Refused(const std::string& yaml) {
  return MessageOf([&] { ReadText(yaml); });
}

TEST(Read, SetsWhatIsNamedAndKeepsTheRest) {
  const ExampleConfig config = ReadText(
      "name: lift\nseed: 18446744073709551615\nlr: 1e-3\nhidden: [8]\n"
      "control: {rate_hz: 50}\n"
      "cameras:\n  - {name: a, pos: [1, 2.5, -3]}\n  - fovy: 60\n"
      "rewards:\n  reach: {weight: 2, params: {scale: 5}}\n  grasp: {}\n");
  EXPECT_EQ(config.name, "lift");
  EXPECT_EQ(config.loss, "l1");
  EXPECT_EQ(config.seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(config.steps, 1000);
  EXPECT_EQ(config.lr, 1e-3);
  EXPECT_EQ(config.hidden, std::vector<int>{8});
  EXPECT_EQ(config.control.rate_hz, 50);
  EXPECT_TRUE(config.control.interpolate);
  ASSERT_EQ(config.cameras.size(), 2u);
  EXPECT_EQ(config.cameras[0].pos, (std::vector<double>{1, 2.5, -3}));
  EXPECT_EQ(config.cameras[1].name, "camera");
  EXPECT_EQ(config.cameras[1].fovy, 60);
  ASSERT_EQ(config.rewards.size(), 2u);
  EXPECT_EQ(config.rewards[0].first, "reach");
  EXPECT_EQ(config.rewards[0].second.weight, 2);
  EXPECT_EQ(config.rewards[0].second.params.Find("scale")->scalar, "5");
  EXPECT_EQ(config.rewards[1].first, "grasp");
  EXPECT_EQ(config.rewards[1].second.weight, 1);
}

TEST(Read, AnEmptyDocumentSetsNothing) {
  EXPECT_EQ(ReadText("").steps, 1000);
  EXPECT_EQ(ReadText("{}").rewards.size(), 1u);
  EXPECT_TRUE(ReadText("rewards: {}").rewards.empty());
  EXPECT_TRUE(ReadText("cameras: []\nhidden: []").hidden.empty());
}

TEST(Read, ItemsAndEntriesKeepTheirPresentValues) {
  ExampleConfig config = ReadText("cameras: [{fovy: 60}]\nrewards: {success: {weight: 5}}");
  Read(ParseYaml("cameras: [{name: x}, {}]\nrewards: {success: {params: {x: 1}}, grasp: {}}", "t"),
       config);
  EXPECT_EQ(config.cameras[0].fovy, 60);
  EXPECT_EQ(config.cameras[1].fovy, 45);
  EXPECT_EQ(config.rewards[0].second.weight, 5);
  EXPECT_EQ(config.rewards[1].second.weight, 1);
}

TEST(Read, SubtreesAreMaps) {
  EXPECT_EQ(Refused("rewards: {reach: {params: 3}}\n"),
            "reach.yaml:1:27: rewards.reach.params must be a map of keys to values, got 3");
  EXPECT_EQ(Refused("rewards: {reach: {params: [3]}}\n"),
            "reach.yaml:1:27: rewards.reach.params must be a map of keys to values, got [3]");
}

TEST(Read, NamesOfEntriesAreKeys) {
  EXPECT_EQ(
      Refused("rewards: {a/b: {}}\n"),
      "reach.yaml:1:11: rewards: a name must not be empty, nor have '/' or control characters "
      "in it, got 'a/b'");
  EXPECT_EQ(Refused("rewards: {'': {}}\n").substr(0, 45),
            "reach.yaml:1:11: rewards: a name must not be ");
}

TEST(Read, UnknownKeysNameTheNearest) {
  EXPECT_EQ(Refused("nmae: x\n"),
            "reach.yaml:1:1: unknown key 'nmae'. Did you mean 'name'? Known: name, loss, seed, "
            "steps, lr, hidden, cameras_used, control, cameras, rewards.");
  EXPECT_EQ(Refused("name: x\ncontrol:\n  rate_hz: 5\n  rat_hz: 5\n"),
            "reach.yaml:4:3: unknown key 'rat_hz' in control. Did you mean 'rate_hz'? Known: "
            "rate_hz, interpolate.");
  EXPECT_EQ(Refused("cameras:\n  - name: a\n  - zzzzzz: 1\n"),
            "reach.yaml:3:5: unknown key 'zzzzzz' in cameras.1. Known: name, fovy, pos.");
  EXPECT_EQ(Refused("rewards:\n  reach:\n    wieght: 1\n"),
            "reach.yaml:3:5: unknown key 'wieght' in rewards.reach. Did you mean 'weight'? Known: "
            "weight, params.");
}

TEST(Read, Range) {
  EXPECT_EQ(Refused("control:\n  rate_hz: 0\n"),
            "reach.yaml:2:12: control.rate_hz must be in 1 .. 1000, got 0");
  EXPECT_EQ(Refused("control: {rate_hz: 99999999999}\n"),
            "reach.yaml:1:20: control.rate_hz must be in 1 .. 1000, got 99999999999");
  EXPECT_EQ(Refused("steps: 0"), "reach.yaml:1:8: steps must be >= 1, got 0");
  EXPECT_EQ(Refused("lr: 1.5"), "reach.yaml:1:5: lr must be in 0 .. 1, got 1.5");
  EXPECT_EQ(Refused("lr: -1e-9"), "reach.yaml:1:5: lr must be in 0 .. 1, got -1e-9");
  EXPECT_EQ(Refused("hidden: [8, 0]"), "reach.yaml:1:13: hidden.1 must be >= 1, got 0");
  EXPECT_EQ(Refused("hidden: [3000000000]"),
            "reach.yaml:1:10: hidden.0 must be in 1 .. 2147483647, got 3000000000");
  EXPECT_EQ(Refused("seed: -1"),
            "reach.yaml:1:7: seed must be in 0 .. 18446744073709551615, got -1");
  EXPECT_EQ(Refused("cameras: [{pos: [0, 0, -11]}]"),
            "reach.yaml:1:24: cameras.0.pos.2 must be >= -10, got -11");
  EXPECT_EQ(ReadText("lr: 1").lr, 1);  // bounds belong to the range
}

TEST(Read, WrongTypes) {
  const std::pair<const char*, const char*> cases[] = {
      {"steps: 3.5", "1:8: steps must be an integer, got 3.5"},
      {"steps: 1e6", "1:8: steps must be an integer, got 1e6. Write 1000000"},
      {"steps: 4.0", "1:8: steps must be an integer, got 4.0. Write 4"},
      {"steps: 010", "1:8: steps must be an integer, got 010. Write it without leading zeros"},
      {"steps: 0x10", "1:8: steps must be an integer, got 0x10"},
      {"steps: 1_000", "1:8: steps must be an integer, got 1_000"},
      {"steps: many", "1:8: steps must be an integer, got 'many'"},
      {"steps: \"4\"",
       "1:8: steps must be an integer, got '4' as quoted text. Leave the quotes out"},
      {"steps: true", "1:8: steps must be an integer, got true"},
      {"steps:", "1:1: steps must be an integer, got nothing"},
      {"steps: [4]", "1:8: steps must be an integer, got [4]"},
      {"lr: fast", "1:5: lr must be a number, got 'fast'"},
      {"lr: 007.5", "1:5: lr must be a number, got 007.5. Write it without leading zeros"},
      {"lr: .nan", "1:5: lr must be finite, got .nan"},
      {"lr: -.inf", "1:5: lr must be finite, got -.inf"},
      {"lr: nan", "1:5: lr must be finite, got 'nan'"},
      {"lr: 1e999", "1:5: lr must fit a double-precision number, got 1e999"},
      {"lr: '0.1'", "1:5: lr must be a number, got '0.1' as quoted text. Leave the quotes out"},
      {"lr: {a: 1}", "1:5: lr must be a number, got {a: 1}"},
      {"control: {interpolate: yes}", "1:24: control.interpolate must be true or false, got yes"},
      {"control: {interpolate: 1}", "1:24: control.interpolate must be true or false, got 1"},
      {"control: {interpolate: \"true\"}",
       "1:24: control.interpolate must be true or false, got 'true'"},
      {"name: [a, b]", "1:7: name must be text, got [a, b]"},
      {"name:", "1:1: name must be text, got nothing"},
      {"loss: l2", "1:7: loss must be one of l1, mse, got 'l2'. Did you mean 'l1'?"},
      {"loss: huber", "1:7: loss must be one of l1, mse, got 'huber'"},
      {"cameras_used: [front, wirst]",
       "1:23: cameras_used.1 must be one of front, wrist, got 'wirst'. Did you mean 'wrist'?"},
      {"hidden: 256", "1:9: hidden must be a list of ints, got 256"},
      {"hidden: [8, [9]]", "1:13: hidden.1 must be an integer, got [9]"},
      {"hidden: [8, ]", "no error"},
      {"cameras: [{pos: [1, 2]}]", "1:17: cameras.0.pos must have 3 entries, got 2"},
      {"cameras: [{pos: 1}]", "1:17: cameras.0.pos must be a list of 3 numbers, got 1"},
      {"control: 3", "1:10: control must be a map of keys to values, got 3"},
      {"control: [a]", "1:10: control must be a map of keys to values, got [a]"},
      {"control:", "1:1: control must be a map of keys to values, got nothing"},
      {"cameras: {a: 1}", "1:10: cameras must be a list of maps, got {a: 1}"},
      {"cameras: [front]", "1:11: cameras.0 must be a map of keys to values, got 'front'"},
      {"rewards: [a]", "1:10: rewards must be a map of keys to values, got [a]"},
      {"rewards: {a: 1}", "1:14: rewards.a must be a map of keys to values, got 1"},
      {"- 1", "1:1: a configuration must be a map of keys to values, got [1]"},
      {"text", "1:1: a configuration must be a map of keys to values, got 'text'"},
  };
  for (const auto& [yaml, message] : cases) {
    const bool good = std::string(message) == "no error";
    EXPECT_EQ(Refused(yaml), good ? message : std::string("reach.yaml:") + message) << yaml;
  }
}

TEST(Read, LongAndAwkwardValuesStayOnOneShortLine) {
  const std::string message = Refused("steps: \"a\\nb" + std::string(1000, 'x') + "\"");
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_LT(message.size(), 150u);
  EXPECT_NE(message.find("got 'a\\nbxxx"), std::string::npos);
}

TEST(Read, PlainScalarsAreTextWhereTextIsAskedFor) {
  EXPECT_EQ(ReadText("name: 007").name, "007");
  EXPECT_EQ(ReadText("name: true").name, "true");
  EXPECT_EQ(ReadText("name: \"\"").name, "");
}

TEST(Read, ValidateErrorsGetPlaceAndPath) {
  EXPECT_EQ(Refused("name: x\nsteps: 3\n"), "reach.yaml:2:8: steps must be even, got 3");
  EXPECT_EQ(Refused("seed: 666\n"), "reach.yaml:1:1: this seed is cursed");
  EXPECT_EQ(Refused("rewards:\n  a: {}\n  b:\n    weight: 13\n"),
            "reach.yaml:4:13: rewards.b.weight must not be 13");
  // An unknown key comes first: it may be why the rule does not hold.
  EXPECT_EQ(Refused("stesp: 4\nsteps: 3\n").substr(0, 38),
            "reach.yaml:1:1: unknown key 'stesp'. D");
  // A default that breaks the rule has no place of its own.
  ExampleConfig odd;
  odd.steps = 5;
  EXPECT_EQ(MessageOf([&] { Read(ParseYaml("name: x", "t.yaml"), odd); }),
            "t.yaml:1:1: steps must be even, got 5");
  EXPECT_EQ(MessageOf([&] { Read(Node::Map(), odd); }), "steps must be even, got 5");
}

TEST(Read, OverridesAreTheCommandLines) {
  const auto refused = [](const std::string& assignment) {
    Node root = ParseYaml("control: {rate_hz: 20}\ncameras: [{}]\n", "reach.yaml");
    ApplyOverride(root, assignment);
    ExampleConfig config;
    return MessageOf([&] { Read(root, config); });
  };
  EXPECT_EQ(refused("control.rate_hz=0"),
            "command line: control.rate_hz must be in 1 .. 1000, got 0");
  EXPECT_EQ(refused("control.rat_hz=5"),
            "command line: unknown key 'rat_hz' in control. Did you mean 'rate_hz'? Known: "
            "rate_hz, interpolate.");
  EXPECT_EQ(refused("cameras.0.fovy=x"), "command line: cameras.0.fovy must be a number, got 'x'");
  EXPECT_EQ(refused("rewards.a.weight=13"), "command line: rewards.a.weight must not be 13");
}

TEST(Read, ADeclarationMayNotNameAFieldTwice) {
  struct Twice {
    int a = 0, b = 0;
    void Describe(Fields& f) {
      f.Field("a", a, {.help = ""});
      f.Field("a", b, {.help = ""});
    }
  } twice;
  EXPECT_THROW(Read(Node::Map(), twice), Error);
}

TEST(Write, EveryFieldInOrder) {
  ExampleConfig config;
  config.name = "on";  // needs quotes
  config.cameras.resize(1);
  EXPECT_EQ(ToYaml(Write(config)),
            "name: \"on\"\n"
            "loss: l1\n"
            "seed: 1\n"
            "steps: 1000\n"
            "lr: 0.0003\n"
            "hidden: [256, 256]\n"
            "cameras_used: [front]\n"
            "control:\n"
            "  rate_hz: 20\n"
            "  interpolate: true\n"
            "cameras:\n"
            "  - name: camera\n"
            "    fovy: 45.0\n"
            "    pos: [0.0, 0.0, 1.0]\n"
            "rewards:\n"
            "  success:\n"
            "    weight: 1.0\n"
            "    params: null\n");
}

TEST(Write, ReadTakesItBack) {
  ExampleConfig config = ReadText(
      "name: \"a\\nb: 'c'\"\nlr: 0.1234567890123456789\nseed: 18446744073709551615\n"
      "steps: 9223372036854775806\nhidden: []\ncameras: [{pos: [1e-300, -0.0, 123456789.125]}]\n"
      "rewards: {\"odd: name\": {weight: 0.30000000000000004, params: {x: [1, \"2\"]}}}\n");
  const std::string yaml = ToYaml(Write(config));
  ExampleConfig back;
  Read(ParseYaml(yaml, "snapshot"), back);
  EXPECT_EQ(back.name, config.name);
  EXPECT_EQ(back.lr, config.lr);
  EXPECT_EQ(back.seed, config.seed);
  EXPECT_EQ(back.steps, config.steps);
  EXPECT_EQ(back.cameras[0].pos, config.cameras[0].pos);
  EXPECT_EQ(back.rewards[0].first, "odd: name");
  EXPECT_EQ(back.rewards[0].second.weight, 0.30000000000000004);
  EXPECT_TRUE(back.rewards[0].second.params.Find("x")->list[1].quoted);
  EXPECT_EQ(ToYaml(Write(back)), yaml);
}

TEST(Write, RefusesWhatReadWouldRefuse) {
  ExampleConfig config;
  config.lr = std::numeric_limits<double>::infinity();
  try {
    Write(config);
    FAIL() << "wrote an infinite number";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "internal error: the field 'lr' holds .inf");
  }
}

}  // namespace
}  // namespace simscale::config
