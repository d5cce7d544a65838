#include "simscale/common/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "simscale/common/error.h"
#include "simscale/common/stopwatch.h"

namespace simscale {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Strings = std::vector<std::string>;

TEST(Text, CatPrintsAsStreamsDo) {
  EXPECT_EQ(Cat("a", 1, ' ', 2.5, true), "a1 2.51");
  EXPECT_EQ(Cat(1.0 / 3), "0.3333333333");
}

TEST(Text, JoinSplitTrim) {
  EXPECT_EQ(Join(Strings{"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(Join(Strings{}, ", "), "");
  EXPECT_THAT(Split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
  EXPECT_EQ(Trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(Trim(" \n"), "");
}

TEST(Text, NearestNameFindsSlips) {
  const Strings known = {"reach", "pick_place", "lr", "weight_decay"};
  EXPECT_EQ(NearestName("raech", known), "reach");
  EXPECT_EQ(NearestName("pickplace", known), "pick_place");
  EXPECT_EQ(NearestName("Pick-Place", known), "pick_place");
  EXPECT_EQ(NearestName("LR", known), "lr");
  EXPECT_EQ(NearestName("wieght_deacy", known), "weight_decay");  // 4 edits, a third of 12
}

TEST(Text, NearestNameStaysSilentWhereNothingIsNear) {
  const Strings known = {"reach", "pick_place", "lr"};
  EXPECT_EQ(NearestName("door", known), "");
  EXPECT_EQ(NearestName("x", known), "");  // two edits from "lr", and nothing in common
  EXPECT_EQ(NearestName("", known), "");
  EXPECT_EQ(NearestName("reach", {}), "");
}

TEST(Text, NearestNameTakesTheFirstOfEquals) {
  EXPECT_EQ(NearestName("bat", Strings{"cat", "hat"}), "cat");
}

TEST(Text, UnknownNameTellsTheWayOut) {
  const Strings known = {"reach", "pick_place"};
  EXPECT_EQ(UnknownName("task", "raech", known),
            "unknown task 'raech'. Did you mean 'reach'? Known: reach, pick_place.");
  EXPECT_EQ(UnknownName("task", "door", known), "unknown task 'door'. Known: reach, pick_place.");
  EXPECT_EQ(UnknownName("task", "door", {}), "unknown task 'door'. There are none.");
  EXPECT_EQ(UnknownName("task", "", known), "no task is named. Known: reach, pick_place.");
  const std::string huge(1000000, 'x');
  EXPECT_EQ(UnknownName("task", huge, known),
            "unknown task '" + huge.substr(0, 80) + "...'. Known: reach, pick_place.");
}

TEST(Text, Fixed) {
  EXPECT_EQ(Fixed(0.12345, 2), "0.12");
  EXPECT_EQ(Fixed(99.5, 0), "100");
  EXPECT_EQ(Fixed(-0.001, 2), "0.00");
  EXPECT_EQ(Fixed(-0.01, 2), "-0.01");
  EXPECT_EQ(Fixed(1e300, 1).size(), 303u);
}

TEST(Text, HumanSeconds) {
  EXPECT_EQ(HumanSeconds(0), "0us");
  EXPECT_EQ(HumanSeconds(0.00042), "420us");
  EXPECT_EQ(HumanSeconds(0.045), "45ms");
  EXPECT_EQ(HumanSeconds(0.9996), "1.0s");
  EXPECT_EQ(HumanSeconds(12.34), "12.3s");
  EXPECT_EQ(HumanSeconds(59.96), "1m00s");
  EXPECT_EQ(HumanSeconds(200), "3m20s");
  EXPECT_EQ(HumanSeconds(3599.6), "1h00m");
  EXPECT_EQ(HumanSeconds(3725), "1h02m");
  EXPECT_EQ(HumanSeconds(7199), "2h00m");
  EXPECT_EQ(HumanSeconds(100 * 3600), "100h00m");
  EXPECT_EQ(HumanSeconds(-3), "-3.0s");
  EXPECT_EQ(HumanSeconds(std::numeric_limits<double>::infinity()), "?");
}

TEST(Error, KindsAndMessages) {
  EXPECT_THROW(ThrowUser("n must be 1, got ", 2), UserError);
  EXPECT_THROW(ThrowIo("x"), IoError);
  try {
    SIMSCALE_CHECK(1 + 1 == 3);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("internal error: 1 + 1 == 3 does not hold ("));
    EXPECT_THAT(error.what(), HasSubstr("text_test.cc:"));
  }
}

TEST(Text, ErrorsAreOneLineWhateverTheyQuote) {
  EXPECT_STREQ(UserError("a 'x\ny\t\x1b[31m' b").what(), "a 'x\\ny\\t\\x1b[31m' b");
  EXPECT_EQ(Escaped("caf\xc3\xa9\r\x7f"), "caf\xc3\xa9\\x0d\\x7f");
}

TEST(Text, ShortenedKeepsWholeCharacters) {
  EXPECT_EQ(Shortened("abc", 3), "abc");
  EXPECT_EQ(Shortened("abcd", 3), "abc...");
  EXPECT_EQ(Shortened("ab\xc3\xa9z", 3), "ab...");
}

TEST(TimeSplit, AddsUpToTheTotal) {
  TimeSplit split;
  split.Add("simulate", 5);
  split.Add("policy", 2.2);
  split.Add("simulate", 2.1);
  EXPECT_THAT(split.parts(), ElementsAre(testing::Pair("simulate", testing::DoubleEq(7.1)),
                                         testing::Pair("policy", testing::DoubleEq(2.2))));
  EXPECT_EQ(split.Summary(10), "simulate 71 %, policy 22 %, other 7 %");
}

TEST(TimeSplit, RoundsSoThatPercentsAddUpTo100) {
  TimeSplit split;
  for (const char* part : {"a", "b", "c"}) split.Add(part, 1);
  EXPECT_EQ(split.Summary(3), "a 34 %, b 33 %, c 33 %");
  // Three threads' seconds against one second on the wall: shares of what was measured.
  EXPECT_EQ(split.Summary(1), "a 34 %, b 33 %, c 33 %");
  EXPECT_EQ(TimeSplit().Summary(0), "");
  EXPECT_EQ(TimeSplit().Summary(2), "other 100 %");
}

TEST(Stopwatch, RunsAndRestarts) {
  Stopwatch watch;
  while (watch.seconds() < 0.002) {
  }
  const double before = watch.seconds();
  watch.Restart();
  EXPECT_LT(watch.seconds(), before);
}

}  // namespace
}  // namespace simscale
