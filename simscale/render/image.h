#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace simscale::render {

/// One red-green-blue colour, 0..255 each.
struct Rgb {
  uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Rgb&) const = default;
};

/// An owned picture: uint8, [height, width, 3], row-major, first row on top.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;

  Image() = default;
  /// Filled with one colour. Throws UserError unless both sides are in [0, 65535].
  Image(int width, int height, Rgb fill = {});
  /// A copy of [height, width, 3] bytes. Throws ShapeError unless there are as many.
  Image(int width, int height, std::span<const uint8_t> pixels);

  bool empty() const { return rgb.empty(); }
  /// Unchecked; 0 <= x < width from the left, 0 <= y < height from the top.
  Rgb at(int x, int y) const {
    const uint8_t* p =
        &rgb[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3];
    return {p[0], p[1], p[2]};
  }
  void set(int x, int y, Rgb colour) {
    uint8_t* p =
        &rgb[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3];
    p[0] = colour.r, p[1] = colour.g, p[2] = colour.b;
  }
  bool operator==(const Image&) const = default;
};

}  // namespace simscale::render
