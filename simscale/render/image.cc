#include "simscale/render/image.h"

#include "simscale/common/error.h"

namespace simscale::render {
namespace {

size_t NumBytes(int width, int height) {
  constexpr int kMaxSide = 65535;
  if (width < 0 || height < 0 || width > kMaxSide || height > kMaxSide) {
    ThrowUser("picture: the sides must be in 0 .. ", kMaxSide, ", got ", width, " x ", height);
  }
  return static_cast<size_t>(width) * static_cast<size_t>(height) * 3;
}

}  // namespace

Image::Image(int width_, int height_, Rgb fill)
    : width(width_), height(height_), rgb(NumBytes(width_, height_)) {
  if (fill == Rgb{}) return;
  for (size_t i = 0; i < rgb.size(); i += 3)
    rgb[i] = fill.r, rgb[i + 1] = fill.g, rgb[i + 2] = fill.b;
}

Image::Image(int width_, int height_, std::span<const uint8_t> pixels)
    : width(width_), height(height_) {
  const size_t expected = NumBytes(width_, height_);
  if (pixels.size() != expected) {
    throw ShapeError(Cat("picture: [", height, ", ", width, ", 3] is ", expected, " bytes, got ",
                         pixels.size()));
  }
  rgb.assign(pixels.begin(), pixels.end());
}

}  // namespace simscale::render
