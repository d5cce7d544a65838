#include "simscale/config/scalar.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "simscale/common/rng.h"
#include "simscale/config/test_util.h"

namespace simscale::config::internal {
namespace {

TEST(Scalar, IntegersAreStrict) {
  int64_t value = 0;
  for (const char* text : {"", "+", "-", "3.5", "3.0", "1e3", "017", "-017", "0x10", "0o17",
                           "1_000", " 1", "1 ", "--1", "one", "1,2"})
    EXPECT_EQ(ParseInt(text, &value), NumberStatus::kNotANumber) << text;
  EXPECT_EQ(ParseInt("-9223372036854775808", &value), NumberStatus::kOk);
  EXPECT_EQ(value, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(ParseInt("+12", &value), NumberStatus::kOk);
  EXPECT_EQ(value, 12);
  EXPECT_EQ(ParseInt("9223372036854775808", &value), NumberStatus::kOutOfRange);
  uint64_t large = 0;
  EXPECT_EQ(ParseUint("18446744073709551615", &large), NumberStatus::kOk);
  EXPECT_EQ(large, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(ParseUint("-1", &large), NumberStatus::kOutOfRange);
  EXPECT_EQ(ParseUint("-0", &large), NumberStatus::kOk);
  EXPECT_EQ(large, 0u);
}

TEST(Scalar, Doubles) {
  double value = 0;
  const std::pair<const char*, double> good[] = {
      {"0", 0},       {"-1", -1},    {"+2.5", 2.5},   {".5", 0.5},      {"5.", 5},
      {"3e-4", 3e-4}, {"3E+4", 3e4}, {"-.5e1", -5.0}, {"0.0003", 3e-4}, {"1e308", 1e308}};
  for (const auto& [text, expected] : good) {
    EXPECT_EQ(ParseDouble(text, &value), NumberStatus::kOk) << text;
    EXPECT_EQ(value, expected) << text;
  }
  for (const char* text : {"", ".", "e5", "1e", "1e+", "inf", "nan", ".inf", ".nan", "0x1p3",
                           "1.2.3", "010", "00.5", "1,5", "1 m"})
    EXPECT_EQ(ParseDouble(text, &value), NumberStatus::kNotANumber) << text;
  EXPECT_EQ(ParseDouble("1e999", &value), NumberStatus::kOutOfRange);
  EXPECT_EQ(ParseDouble("-1e999", &value), NumberStatus::kOutOfRange);
  EXPECT_EQ(ParseDouble("1e-999", &value), NumberStatus::kOutOfRange);
}

TEST(Scalar, BoolsAreTrueAndFalseOnly) {
  EXPECT_EQ(ParseBool("true"), true);
  EXPECT_EQ(ParseBool("false"), false);
  for (const char* text : {"True", "TRUE", "yes", "on", "1", "0", "y", ""})
    EXPECT_EQ(ParseBool(text), std::nullopt) << text;
}

TEST(Scalar, FormatDoubleIsShortAndHasAPoint) {
  const std::pair<double, const char*> cases[] = {{0, "0.0"},
                                                  {-0.0, "-0.0"},
                                                  {1, "1.0"},
                                                  {0.1, "0.1"},
                                                  {0.0003, "0.0003"},
                                                  {1e-5, "0.00001"},
                                                  {1e-6, "1.0e-06"},
                                                  {2.5e-9, "2.5e-09"},
                                                  {100000, "100000.0"},
                                                  {1e15, "1.0e+15"},
                                                  {1.0 / 3, "0.3333333333333333"},
                                                  {-123456.789, "-123456.789"},
                                                  {1e300, "1.0e+300"},
                                                  {5e-324, "5.0e-324"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(FormatDouble(value), text);
  EXPECT_EQ(FormatBound(1000), "1000");
  EXPECT_EQ(FormatBound(0.05), "0.05");
  EXPECT_EQ(FormatBound(-1e20), "-1e+20");
}

TEST(Scalar, EveryFiniteDoubleComesBackBitForBit) {
  Rng rng(1, 0, "format_double");
  int checked = 0;
  while (checked < 100000) {
    const double value = std::bit_cast<double>(rng.Next64());
    if (!std::isfinite(value)) continue;
    ++checked;
    double back = 0;
    const std::string text = FormatDouble(value);
    ASSERT_EQ(ParseDouble(text, &back), NumberStatus::kOk) << text;
    ASSERT_EQ(std::bit_cast<uint64_t>(back), std::bit_cast<uint64_t>(value)) << text;
    ASSERT_NE(text.find('.'), std::string::npos) << text;
  }
}

TEST(Scalar, LooksTyped) {
  for (const char* text :
       {"",   "~",   "null", "NULL", "true",       "False", "Yes",   "no", "on",   "OFF",   "1",
        "-1", "+.5", ".5",   "0x1f", "2001-01-01", "12:30", "1_000", "3d", ".inf", "-.Inf", ".NaN"})
    EXPECT_TRUE(LooksTyped(text)) << text;
  for (const char* text :
       {"abc", "-", "-a", ".", "./x", "nothing", "yesterday", "e5", "/a", "y", "x", "inf"})
    EXPECT_FALSE(LooksTyped(text)) << text;
}

TEST(Scalar, FindsInvalidUtf8) {
  EXPECT_EQ(FindInvalidUtf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), std::string::npos);
  EXPECT_EQ(FindInvalidUtf8("ab\xff"), 2u);
  EXPECT_EQ(FindInvalidUtf8("a\xc3"), 1u);
  EXPECT_EQ(FindInvalidUtf8("\xc0\xaf"), 0u);          // overlong
  EXPECT_EQ(FindInvalidUtf8("\xe0\x80\xaf"), 0u);      // overlong
  EXPECT_EQ(FindInvalidUtf8("\xed\xa0\x80"), 0u);      // surrogate
  EXPECT_EQ(FindInvalidUtf8("\xf4\x90\x80\x80"), 0u);  // past U+10FFFF
}

TEST(Scalar, PrintableIsOneShortLine) {
  EXPECT_EQ(Printable("a\nb\tc\x01"), "a\\nb\\tc\\x01");
  EXPECT_EQ(Printable("\xff"), "\\xff");
  EXPECT_EQ(Printable(std::string(100, 'x'), 10), "xxxxxxxxxx...");
  EXPECT_EQ(Printable("aaaa\xc3\xa9z", 5), "aaaa\xc3\xa9...");  // no half characters
  EXPECT_LE(Printable(std::string(5000, '\xff')).size(), 70u);
}

TEST(Scalar, Quote) {
  EXPECT_EQ(Quote("a\"b\\c\n\t\r\x01\x7f", false), R"("a\"b\\c\n\t\r\x01\x7f")");
  EXPECT_EQ(Quote("\x01", true), R"("\u0001")");
  EXPECT_EQ(MessageOf([] { Quote("ab\xff", false); }), "text must be UTF-8, got 'ab\\xff'");
}

}  // namespace
}  // namespace simscale::config::internal
