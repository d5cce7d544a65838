#include "simscale/render/overlay.h"

#include <gmock/gmock.h>

#include <set>

#include "simscale/common/error.h"
#include "simscale/render/font.h"
#include "simscale/render/test_util.h"

namespace simscale::render {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The picture as text: '#' the text's colour, '.' the rest.
std::string Dots(const Image& image, Rgb colour = {255, 255, 255}) {
  std::string dots;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) dots += image.at(x, y) == colour ? '#' : '.';
    dots += '\n';
  }
  return dots;
}

TEST(DrawText, DrawsLettersUpright) {
  Image image(11, 7);
  DrawText(image, 0, 0, "R2", {.scale = 1});
  EXPECT_EQ(Dots(image),
            "####...###.\n"
            "#...#.#...#\n"
            "#...#.....#\n"
            "####.....#.\n"
            "#.#.....#..\n"
            "#..#...#...\n"
            "#...#.#####\n");
}

TEST(DrawText, EveryPrintableCharacterHasItsOwnForm) {
  std::set<std::array<uint8_t, internal::kGlyphWidth>> forms;
  for (char c = ' '; c <= '~'; ++c) forms.insert(internal::Glyph(c));
  EXPECT_EQ(forms.size(), 95u);
  EXPECT_EQ(forms.count(internal::Glyph('\x80')), 0u);
  EXPECT_EQ(internal::Glyph('\t'), internal::Glyph('\xff'));
}

TEST(DrawText, ScalesAndCastsItsShadow) {
  Image tall(10, 16, {50, 50, 50});
  DrawText(tall, 0, 0, ".", {.scale = 2});
  EXPECT_EQ(tall.at(2, 10), (Rgb{255, 255, 255}));
  EXPECT_EQ(tall.at(5, 13), (Rgb{255, 255, 255}));
  EXPECT_EQ(tall.at(6, 14), (Rgb{0, 0, 0}));
  EXPECT_EQ(tall.at(1, 9), (Rgb{50, 50, 50}));
}

TEST(DrawText, IsCutAtEveryEdge) {
  Image image(4, 4);
  for (int x : {-100, -3, 2, 100})
    for (int y : {-100, -3, 2, 100}) DrawText(image, x, y, "WW\nWW", {.scale = 3});
  Image empty;
  DrawText(empty, 0, 0, "text");
  EXPECT_TRUE(empty.empty());
}

TEST(MeasureText, CountsTheLongestLine) {
  const TextSize size = MeasureText("ab\nabcd", 2);
  EXPECT_EQ(size.width, 4 * 6 * 2);
  EXPECT_EQ(size.height, 2 * 10 * 2);
  EXPECT_EQ(MeasureText("", 2).height, 0);
}

TEST(DrawCaption, SaysHowItEndedInColour) {
  auto count = [](const Image& image, Rgb colour) {
    int n = 0;
    for (int y = image.height / 2; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x) n += image.at(x, y) == colour;
    return n;
  };
  const Rgb green = {80, 220, 100}, red = {255, 90, 80};
  Image undecided(160, 120), good(160, 120), bad(160, 120);
  DrawCaption(undecided, {.episode = 3, .time = 1.25, .episode_return = -2});
  DrawCaption(good, {.episode = 3, .time = 1.25, .episode_return = -2, .success = true});
  DrawCaption(bad, {.episode = 3, .time = 1.25, .episode_return = -2, .success = false});
  EXPECT_EQ(count(undecided, green) + count(undecided, red), 0);
  EXPECT_GT(count(good, green), 80);
  EXPECT_EQ(count(good, red), 0);
  EXPECT_GT(count(bad, red), 80);

  // The text is exactly this one.
  Image expected(160, 120);
  DrawText(expected, 4, 4, "episode 3\nt 1.25 s\nreturn -2.00", {.scale = 1});
  EXPECT_EQ(undecided, expected);
}

TEST(TileImages, LaysTilesInReadingOrder) {
  const Rgb a = {1, 0, 0}, b = {2, 0, 0}, c = {3, 0, 0}, none = {9, 9, 9};
  const std::vector<Image> tiles = {Image(2, 2, a), Image(1, 1, b), Image(2, 1, c)};
  const Image sheet = TileImages(tiles, {.columns = 2, .gap = 1, .background = none});
  EXPECT_EQ(sheet.width, 5);
  EXPECT_EQ(sheet.height, 5);
  EXPECT_EQ(sheet.at(1, 1), a);
  EXPECT_EQ(sheet.at(2, 0), none);
  EXPECT_EQ(sheet.at(3, 0), b);
  EXPECT_EQ(sheet.at(4, 0), none);  // a smaller tile leaves its cell's rest
  EXPECT_EQ(sheet.at(1, 3), c);
  EXPECT_EQ(sheet.at(1, 4), none);
  EXPECT_EQ(sheet.at(3, 3), none);

  EXPECT_EQ(TileImages(std::vector<Image>(5, Image(10, 10)), {.gap = 0}).width, 30);  // 3 x 2
  EXPECT_EQ(MessageOf<UserError>([] { TileImages({}); }), "contact sheet: no pictures to tile");
}

TEST(SpreadIndices, IncludesFirstAndLast) {
  EXPECT_THAT(SpreadIndices(10, 4), ElementsAre(0, 3, 6, 9));
  EXPECT_THAT(SpreadIndices(200, 3), ElementsAre(0, 100, 199));
  EXPECT_THAT(SpreadIndices(2, 5), ElementsAre(0, 1));
  EXPECT_THAT(SpreadIndices(7, 1), ElementsAre(0));
  EXPECT_THAT(SpreadIndices(0, 3), IsEmpty());
}

}  // namespace
}  // namespace simscale::render
