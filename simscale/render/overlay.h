#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "simscale/render/image.h"

namespace simscale::render {

/// Text drawn with a built-in 5x8 font in cells of 6x10 pixels; equal on every machine and backend.
struct TextStyle {
  int scale = 0;  ///< pixels a font dot; 0: by the height (1 below 360, 2 below 600, ..)
  Rgb colour = {255, 255, 255};
  std::optional<Rgb> shadow = Rgb{};  ///< drawn one dot right and below, for contrast
};

/// Width and height in pixels that `text` takes at a scale >= 1; lines are separated by '\n'.
struct TextSize {
  int width = 0, height = 0;
};
TextSize MeasureText(std::string_view text, int scale);

/// Draws from the top left corner (x, y) on; what lies outside the picture is cut off. Bytes other
/// than printable ASCII and '\n' are drawn as a hollow box.
void DrawText(Image& image, int x, int y, std::string_view text, const TextStyle& style = {});

/// What a frame of an episode's video tells.
struct EpisodeCaption {
  std::string title;  ///< first line, e.g. "pick_place  scripted"; "" for none
  uint64_t episode = 0;
  double time = 0;              ///< s since the episode's start
  double episode_return = 0;    ///< so far
  std::optional<bool> success;  ///< unset: not decided yet
};

/// Writes the caption into the top left corner ("episode 3", "t 4.25 s", "return 12.40") and, once
/// it is decided, a green SUCCESS or a red FAILURE into the bottom left one.
void DrawCaption(Image& image, const EpisodeCaption& caption);

struct GridStyle {
  int columns = 0;  ///< 0: as square as it gets
  int gap = 4;      ///< pixels between tiles
  Rgb background = {32, 32, 32};
};

/// A contact sheet: the tiles in reading order. Tiles may differ in size; each cell is as large as
/// the largest and tiles lie in their cell's top left corner. Throws UserError if there is none.
Image TileImages(std::span<const Image> tiles, const GridStyle& style = {});

/// `count` indices spread evenly over [0, n), first and last included, for contact sheets of
/// videos.
std::vector<int> SpreadIndices(int n, int count);

}  // namespace simscale::render
