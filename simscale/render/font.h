#pragma once

// Internal to render/: the built-in font.

#include <array>
#include <cstdint>

namespace simscale::render::internal {

constexpr int kGlyphWidth = 5, kGlyphHeight = 8;  ///< dots
constexpr int kCellWidth = 6, kCellHeight = 10;   ///< with the space between letters and lines

/// The five columns of a character from left to right; bit 0 is the top dot. A hollow box for
/// whatever is not printable ASCII.
const std::array<uint8_t, kGlyphWidth>& Glyph(char character);

}  // namespace simscale::render::internal
