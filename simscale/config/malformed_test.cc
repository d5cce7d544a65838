#include <gtest/gtest.h>

#include "simscale/common/rng.h"
#include "simscale/config/node.h"
#include "simscale/config/test_util.h"

namespace simscale::config {
namespace {

std::string Repeat(const std::string& text, int n) {
  std::string all;
  for (int i = 0; i < n; ++i) all += text;
  return all;
}

std::string AliasBomb() {
  std::string text = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 10; ++i)
    text += Cat("a", i, ": &a", i, " [", Repeat(Cat("*a", i - 1, ","), 9), "*a", i - 1, "]\n");
  return text;
}

// Each level is shallow as written; the aliases add up.
std::string DeepAliases() {
  std::string text = "a0: &a0 " + Repeat("[", 40) + Repeat("]", 40) + "\n";
  return text + "b: " + Repeat("[", 40) + "*a0" + Repeat("]", 40) + "\n";
}

struct Case {
  std::string text, message;
};

std::vector<Case> Cases() {
  const std::string yaml = "not valid YAML: ";
  const std::string map_value =
      yaml + "a ':' where no key can be; check the indentation, or quote the text";
  const std::string quote = yaml + "a quote is not closed";
  const std::string map_end = yaml + "neither a key of this map nor its end; check the indentation";
  const std::string special = yaml + "text that begins with this character needs quotes";
  const std::string key = "a key must be text, not a list or map. Is a bracket left open?";
  const std::string tab = yaml + "indent with spaces, not tabs";
  const std::string document =
      "only one document is allowed, and another starts here. Check the indentation, and that a "
      "space follows each ':' and '-'";
  return {
      // Keys.
      {"a: 1\nb: 2\na: 3\n", "3:1: duplicate key 'a', first written in line 1"},
      {"r:\n  a: 1\n  a: 1\n", "3:3: duplicate key 'a', first written in line 2"},
      {"a: {b: 1, b: 2}\n", "1:11: duplicate key 'b', first written in line 1"},
      {"\"a\\nb\": 1\n\"a\\nb\": 2\n", "2:1: duplicate key 'a\\nb', first written in line 1"},
      {": 1\n", "1:1: a key must be text, got nothing. Quote it if it is meant"},
      {"~: 1\n", "1:1: a key must be text, got nothing. Quote it if it is meant"},
      {"[a, b]: 1\n", "1:1: " + key},
      {"? [a]\n: 1\n", "1:3: " + key},
      {"? {a: 1}\n: 1\n", "1:3: " + key},
      {"a: &x [1]\n*x : 2\n", "2:1: a key must be text, not a list or map"},
      {"<<: {a: 1}\n",
       "1:1: merge keys (<<) are not supported. Use a defaults: list, or repeat the keys"},
      {Repeat("k", 201) + ": 1\n",
       "1:1: a key may have 200 bytes at most, got 201: '" + Repeat("k", 30) + "...'"},
      // Indentation.
      {"a: 1\n  b: 2\n", "2:4: " + map_value},
      {"a: b: c\n", "1:5: " + map_value},
      {"a:\n  b: 1\n c: 2\n", "3:2: " + map_end},
      {"a:\n  - 1\n - 2\n", "3:2: " + map_end},
      {"a: 1\n- 2\n", "2:1: " + map_end},
      {"- 1\nb: 2\n", "2:1: " + document},
      {"a:\n  b: 1\n\tc: 2\n", "3:1: " + tab},
      {"a:\n\tb: 1\n", "2:3: " + tab},
      {"a:\n  b: 1\n \tc: d: 2\n", "3:2: " + tab},
      {"a: - 1\n", "1:4: " + yaml + "a '-' where no list can be; check the indentation"},
      {"a: |\n  x\n y\n", "3:2: " + map_end},
      // Brackets and quotes.
      {"a: [1, 2\n", "2:1: " + yaml + "',' or ']' is missing"},
      {"a: {b: 1\n", "2:1: " + yaml + "',' or '}' is missing"},
      {"a: {b: 1 c: 2}\n", "1:11: " + yaml + "',' or '}' is missing"},
      {"a: ]\n", "1:4: " + yaml + "a closing bracket that nothing opened"},
      {"}\n", "1:1: " + yaml + "a closing bracket that nothing opened"},
      {"a: [1] x\n", "1:8: " + map_end},
      {"a: \"x\n", "2:2: " + quote},
      {"a: \"x", "1:6: " + quote},
      {"a: 'x\nb: 2\n  ", "3:2: " + quote},
      {"\"a", "1:3: " + quote},
      {"a: \"b\" c\n", "1:8: " + map_end},
      {"a: \"\\q\"\n", "1:7: " + yaml + "unknown escape character: q"},
      // Characters that YAML keeps for itself, tags, anchors, directives.
      {"a: @x\n", "1:4: " + special},
      {"a: `x\n", "1:4: " + special},
      {"a: %x\n", "1:4: " + special},
      {"a: !!int 3\n", "1:4: tags are not supported, got 'tag:yaml.org,2002:int'. Leave it out"},
      {"a: !robot {b: 1}\n", "1:4: tags are not supported, got '!robot'. Leave it out"},
      {"a: *y\n", "1:4: " + yaml + "an alias (*) without its anchor (&)"},
      {"a: &x [*x]\n", "1:8: an alias may not stand inside the value that its anchor names"},
      {"a: &x {b: *x}\n", "1:11: an alias may not stand inside the value that its anchor names"},
      {"a: &x &y 1\n", "1:7: " + yaml + "cannot assign multiple anchors to the same node"},
      {"%YAML 9.9\n---\na: 1\n", "1:1: " + yaml + "YAML major version too large"},
      {"a: |x\n  y\n", "1:5: " + yaml + "unexpected character in block scalar"},
      // More than one document.
      {"a: 1\n---\nb: 1\n", "2:1: " + document},
      {"a: 1\n...\nb: 1\n", "3:1: " + document},
      // Not text at all.
      {"a: \x04"
       "b\n",
       "1:4: control characters are not allowed, got '\\x04'. Is this a YAML file?"},
      {std::string("a: 1\nb: \0\n", 10),
       "2:4: control characters are not allowed, got '\\x00'. Is this a YAML file?"},
      {"\x89HDF\r\n\x1a\n", "1:1: not UTF-8 text. Save the file as UTF-8"},
      {"a: 1\nb: caf\xe9\n", "2:7: not UTF-8 text. Save the file as UTF-8"},
      {"\xff\xfe"
       "a",
       "1:1: not UTF-8 text. Save the file as UTF-8"},
      // Absurd sizes.
      {"a: " + Repeat("[", 70) + Repeat("]", 70), "1:67: nested deeper than 64 levels"},
      {Repeat("- ", 100000), "1:129: nested deeper than 64 levels"},
      {Repeat("{", 100000), "1:1: " + key},
      {AliasBomb(), "6:38: more than 1000000 values (aliases counted in full)"},
      {DeepAliases(), "2:44: nested deeper than 64 levels"},
  };
}

TEST(Malformed, EachGivesOneLineWithItsPlace) {
  const std::vector<Case> cases = Cases();
  ASSERT_GE(cases.size(), 40u);
  for (const Case& c : cases) {
    const std::string message = MessageOf([&] { ParseYaml(c.text, "x.yaml"); });
    EXPECT_EQ(message.substr(0, 7 + c.message.size()), "x.yaml:" + c.message)
        << c.text.substr(0, 200) << "\n"
        << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 300u) << message;
  }
}

// Whatever the bytes: a tree that survives a round trip, or one line that tells why not.
TEST(Malformed, DamagedFilesNeverDoWorse) {
  const std::string good =
      "defaults: [base, \"other\"]\n"
      "control: {rate_hz: 20, gains: [1.0, -2.5e-3, .5]}\n"
      "text: |\n  line one\n\n  line two\n"
      "folded: >-\n  a\n  b\n"
      "cameras:\n  - name: 'front'\n    pos: &p [0.1, 0.2]\n  - {name: \"w\\u00e9\\n\", pos: *p}\n"
      "? long key\n: ~\n# comment\nlast: yes: no\n";
  const std::string alphabet = "[]{},:#&*!|>'\"%@`?-~ \n\t\r\\ax0.\x80\xc3\xff\x01<=";
  Rng rng(1, 0, "damage");
  int parsed = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = good.substr(0, round % 2 ? good.size() : rng.Below(good.size()));
    for (uint64_t edits = rng.Below(4) + 1; edits > 0 && !text.empty(); --edits) {
      const size_t at = rng.Below(text.size());
      const char c = alphabet[rng.Below(alphabet.size())];
      const uint64_t action = rng.Below(3);
      if (action == 0) text[at] = c;
      if (action == 1) text.insert(at, 1, c);
      if (action == 2) text.erase(at, 1);
    }
    try {
      const std::string yaml = ToYaml(ParseYaml(text, "x"));
      ++parsed;
      ASSERT_EQ(ToYaml(ParseYaml(yaml, "y")), yaml) << text;
    } catch (const UserError& e) {
      const std::string message = e.what();
      ASSERT_EQ(message.find('\n'), std::string::npos) << message;
      ASSERT_EQ(message.compare(0, 2, "x:"), 0) << message << "\n" << text;
    }
  }
  EXPECT_GT(parsed, 500);
}

}  // namespace
}  // namespace simscale::config
