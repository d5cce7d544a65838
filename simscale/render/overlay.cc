#include "simscale/render/overlay.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "simscale/common/error.h"
#include "simscale/common/text.h"
#include "simscale/render/font.h"

namespace simscale::render {
namespace {

using internal::kCellHeight;
using internal::kCellWidth;
using internal::kGlyphHeight;
using internal::kGlyphWidth;

constexpr Rgb kSuccess = {80, 220, 100};
constexpr Rgb kFailure = {255, 90, 80};

/// Lines of 10 dots are readable where some 24 to 36 of them fill the picture's height.
int ScaleFor(const Image& image, int scale) {
  return scale > 0 ? scale : std::max(1, (image.height + 120) / 240);
}

/// A filled square, cut at the picture's edges.
void FillSquare(Image& image, int x, int y, int side, Rgb colour) {
  for (int v = std::max(y, 0); v < std::min(y + side, image.height); ++v)
    for (int u = std::max(x, 0); u < std::min(x + side, image.width); ++u) image.set(u, v, colour);
}

void DrawGlyphs(Image& image, int left, int top, std::string_view text, int scale, Rgb colour) {
  int x = left, y = top;
  for (const char character : text) {
    if (character == '\n') {
      x = left;
      y += kCellHeight * scale;
      continue;
    }
    const auto& columns = internal::Glyph(character);
    for (int column = 0; column < kGlyphWidth; ++column)
      for (int row = 0; row < kGlyphHeight; ++row)
        if ((columns[static_cast<size_t>(column)] >> row) & 1)
          FillSquare(image, x + column * scale, y + row * scale, scale, colour);
    x += kCellWidth * scale;
  }
}

}  // namespace

TextSize MeasureText(std::string_view text, int scale) {
  if (text.empty()) return {};
  TextSize size;
  for (const std::string& line : Split(text, '\n')) {
    size.width = std::max(size.width, static_cast<int>(line.size()) * kCellWidth * scale);
    size.height += kCellHeight * scale;
  }
  return size;
}

void DrawText(Image& image, int x, int y, std::string_view text, const TextStyle& style) {
  const int scale = ScaleFor(image, style.scale);
  if (style.shadow) DrawGlyphs(image, x + scale, y + scale, text, scale, *style.shadow);
  DrawGlyphs(image, x, y, text, scale, style.colour);
}

void DrawCaption(Image& image, const EpisodeCaption& caption) {
  const int scale = ScaleFor(image, 0);
  const int margin = 4 * scale;
  std::string text = caption.title.empty() ? "" : caption.title + "\n";
  text += Cat("episode ", caption.episode, "\nt ", Fixed(caption.time, 2), " s\nreturn ",
              Fixed(caption.episode_return, 2));
  DrawText(image, margin, margin, text, {.scale = scale});
  if (!caption.success) return;
  const int bottom = image.height - margin - kCellHeight * scale;
  DrawText(image, margin, bottom, *caption.success ? "SUCCESS" : "FAILURE",
           {.scale = scale, .colour = *caption.success ? kSuccess : kFailure});
}

Image TileImages(std::span<const Image> tiles, const GridStyle& style) {
  if (tiles.empty()) ThrowUser("contact sheet: no pictures to tile");
  if (style.columns < 0 || style.gap < 0) {
    ThrowUser("contact sheet: columns and gap must be at least 0, got ", style.columns, " and ",
              style.gap);
  }
  const int n = static_cast<int>(tiles.size());
  const int columns = style.columns > 0
                          ? std::min(style.columns, n)
                          : static_cast<int>(std::ceil(std::sqrt(static_cast<double>(n))));
  const int rows = (n + columns - 1) / columns;
  int cell_width = 0, cell_height = 0;
  for (const Image& tile : tiles) {
    cell_width = std::max(cell_width, tile.width);
    cell_height = std::max(cell_height, tile.height);
  }
  Image sheet(columns * cell_width + (columns - 1) * style.gap,
              rows * cell_height + (rows - 1) * style.gap, style.background);
  for (int i = 0; i < n; ++i) {
    const Image& tile = tiles[static_cast<size_t>(i)];
    const int left = (i % columns) * (cell_width + style.gap);
    const int top = (i / columns) * (cell_height + style.gap);
    const size_t row = static_cast<size_t>(tile.width) * 3;
    for (int y = 0; y < tile.height && row > 0; ++y) {
      const size_t to = (static_cast<size_t>(top + y) * static_cast<size_t>(sheet.width) +
                         static_cast<size_t>(left)) *
                        3;
      std::memcpy(&sheet.rgb[to], &tile.rgb[static_cast<size_t>(y) * row], row);
    }
  }
  return sheet;
}

std::vector<int> SpreadIndices(int n, int count) {
  std::vector<int> indices;
  count = std::min(n, count);
  for (int i = 0; i < count; ++i) {
    const int64_t last = n - 1;  // rounded to the nearest in integers
    indices.push_back(
        count == 1 ? 0 : static_cast<int>((2 * i * last + count - 1) / (2 * (count - 1))));
  }
  return indices;
}

}  // namespace simscale::render
