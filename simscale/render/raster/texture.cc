#include "simscale/render/raster/texture.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace simscale::render::raster {
namespace {

std::array<float, 256> MakeDecode(bool srgb) {
  std::array<float, 256> table{};
  for (size_t i = 0; i < table.size(); ++i) {
    const float c = static_cast<float>(i) / 255;
    table[i] = !srgb ? c : c <= 0.04045F ? c / 12.92F : std::pow((c + 0.055F) / 1.055F, 2.4F);
  }
  return table;
}
const float* Decode(bool srgb) {
  static const std::array<float, 256> plain = MakeDecode(false), decoded = MakeDecode(true);
  return srgb ? decoded.data() : plain.data();
}

int Wrapped(int i, int size, MipMap::Wrap wrap) {
  if (wrap == MipMap::Wrap::kClamp) return std::clamp(i, 0, size - 1);
  const int rest = i % size;
  return rest < 0 ? rest + size : rest;
}

/// a + (b - a) t in each channel.
uint32_t MixTexels(uint32_t a, uint32_t b, float t) {
  uint32_t result = 0;
  for (int shift = 0; shift < 24; shift += 8) {
    const float from = static_cast<float>(a >> shift & 255U);
    const float to = static_cast<float>(b >> shift & 255U);
    const float mixed = from + (to - from) * t + 0.5F;  // never negative; lround would be a call
    result |= static_cast<uint32_t>(mixed) << shift;
  }
  return result;
}

/// log2 of the longer of two steps in texels. Not finite steps: the finest level.
float Lod(float xu, float xv, float yu, float yv) {
  const float square = std::max(xu * xu + xv * xv, yu * yu + yv * yv);
  return square > 1 && square < 1e20F ? 0.5F * std::log2(square) : 0;
}

}  // namespace

MipMap::MipMap(const uint8_t* rgb_HWC, int width, int height, int channels, bool srgb)
    : decode_(Decode(srgb)) {
  Image image;
  image.width = width, image.height = height;
  const size_t count = static_cast<size_t>(width) * static_cast<size_t>(height);
  image.texels.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* p = rgb_HWC + i * static_cast<size_t>(channels);
    image.texels[i] = p[0] | static_cast<uint32_t>(p[1]) << 8 | static_cast<uint32_t>(p[2]) << 16;
  }
  levels_.push_back(std::move(image));
  while (levels_.back().width > 1 || levels_.back().height > 1) {
    const Image& from = levels_.back();
    Image half;
    half.width = std::max(1, from.width / 2), half.height = std::max(1, from.height / 2);
    half.texels.resize(static_cast<size_t>(half.width) * static_cast<size_t>(half.height));
    // Bilinear at the new texel's middle, as OpenGL's drivers do: a mean of four for even sides.
    const auto taps = [](int i, int size, int size_before, int(&tap)[2]) {
      const float ratio = static_cast<float>(size_before) / static_cast<float>(size);
      const float place = (static_cast<float>(i) + 0.5F) * ratio - 0.5F;
      const float low = std::floor(place);
      tap[0] = std::clamp(static_cast<int>(low), 0, size_before - 1);
      tap[1] = std::min(tap[0] + 1, size_before - 1);
      return place - low;
    };
    for (int y = 0; y < half.height; ++y) {
      int row[2];
      const float down = taps(y, half.height, from.height, row);
      for (int x = 0; x < half.width; ++x) {
        int column[2];
        const float along = taps(x, half.width, from.width, column);
        const auto at = [&](int r, int c) {
          return from.texels[static_cast<size_t>(row[r]) * static_cast<size_t>(from.width) +
                             static_cast<size_t>(column[c])];
        };
        half.texels[static_cast<size_t>(y) * static_cast<size_t>(half.width) +
                    static_cast<size_t>(x)] = MixTexels(MixTexels(at(0, 0), at(0, 1), along),
                                                        MixTexels(at(1, 0), at(1, 1), along), down);
      }
    }
    levels_.push_back(std::move(half));
  }
}

Vec3 MipMap::Bilinear(const Image& image, float u, float v, Wrap wrap) const {
  if (wrap == Wrap::kRepeat) u -= std::floor(u), v -= std::floor(v);
  if (!(u >= -1 && u <= 2 && v >= -1 && v <= 2)) return {};  // not finite
  const float x = u * static_cast<float>(image.width) - 0.5F;
  const float y = v * static_cast<float>(image.height) - 0.5F;
  const float fx = std::floor(x), fy = std::floor(y);
  const int x0 = Wrapped(static_cast<int>(fx), image.width, wrap);
  const int x1 = Wrapped(static_cast<int>(fx) + 1, image.width, wrap);
  const size_t width = static_cast<size_t>(image.width);
  const size_t row0 =
      static_cast<size_t>(Wrapped(static_cast<int>(fy), image.height, wrap)) * width;
  const size_t row1 =
      static_cast<size_t>(Wrapped(static_cast<int>(fy) + 1, image.height, wrap)) * width;
  const auto texel = [&](size_t row, int column) {
    const uint32_t t = image.texels[row + static_cast<size_t>(column)];
    return Vec3{decode_[t & 255U], decode_[t >> 8 & 255U], decode_[t >> 16 & 255U]};
  };
  const float a = x - fx, b = y - fy;
  return (texel(row0, x0) * (1 - a) + texel(row0, x1) * a) * (1 - b) +
         (texel(row1, x0) * (1 - a) + texel(row1, x1) * a) * b;
}

Vec3 MipMap::Sample(float u, float v, float lod, Wrap wrap) const {
  const float last = static_cast<float>(levels_.size() - 1);
  lod = std::clamp(lod, 0.0F, last);
  const auto level = static_cast<size_t>(lod);
  const float rest = lod - static_cast<float>(level);
  const Vec3 fine = Bilinear(levels_[level], u, v, wrap);
  if (rest == 0) return fine;
  return fine * (1 - rest) + Bilinear(levels_[level + 1], u, v, wrap) * rest;
}

Texture::Texture(const mjModel* model, int id) {
  const int width = model->tex_width[id], height = model->tex_height[id];
  const int channels = model->tex_nchannel[id];
  const uint8_t* data = model->tex_data + model->tex_adr[id];
  const bool srgb = model->tex_colorspace[id] == mjCOLORSPACE_SRGB;
  // Neither of MuJoCo's renderers for OpenGL draws encoded textures of one channel: white here.
  static constexpr uint8_t kWhite[3] = {255, 255, 255};
  if (width < 1 || height < 1 || channels < 3) {
    faces_.emplace_back(kWhite, 1, 1, 3, false);
    return;
  }
  if (model->tex_type[id] == mjTEXTURE_2D) {
    faces_.emplace_back(data, width, height, channels, srgb);
    return;
  }
  // MuJoCo's own renderer takes cube textures as they are, sRGB or not.
  for (int face = 0; face < 6; ++face) {
    const ptrdiff_t offset =
        width == height ? 0 : static_cast<ptrdiff_t>(face) * channels * width * width;
    faces_.emplace_back(data + offset, width, width, channels, false);
  }
}

Vec3 Texture::Sample(float u, float v, const float du[2], const float dv[2]) const {
  const MipMap& map = faces_[0];
  const float w = static_cast<float>(map.width()), h = static_cast<float>(map.height());
  return map.Sample(u, v, Lod(du[0] * w, dv[0] * h, du[1] * w, dv[1] * h), MipMap::Wrap::kRepeat);
}

Vec3 Texture::Sample(Vec3 d, Vec3 dx, Vec3 dy) const {
  // OpenGL's table of cube faces: which component is major, and what s and t are.
  const float ax = std::abs(d.x), ay = std::abs(d.y), az = std::abs(d.z);
  size_t face = 0;
  const auto project = [&face](Vec3 p, float& s, float& t, float& m) {
    switch (face) {
      case 0:
        s = -p.z, t = -p.y, m = p.x;
        break;
      case 1:
        s = p.z, t = -p.y, m = -p.x;
        break;
      case 2:
        s = p.x, t = p.z, m = p.y;
        break;
      case 3:
        s = p.x, t = -p.z, m = -p.y;
        break;
      case 4:
        s = p.x, t = -p.y, m = p.z;
        break;
      default:
        s = -p.x, t = -p.y, m = -p.z;
        break;
    }
  };
  if (ax >= ay && ax >= az) {
    face = d.x > 0 ? 0 : 1;
  } else if (ay >= az) {
    face = d.y > 0 ? 2 : 3;
  } else {
    face = d.z > 0 ? 4 : 5;
  }
  float s = 0, t = 0, m = 0;
  project(d, s, t, m);
  if (!(m > 0)) return {};
  const MipMap& map = faces_[faces_.size() == 6 ? face : 0];
  const float half = 0.5F * static_cast<float>(map.width()) / m;
  float step[2][2] = {};
  for (int axis = 0; axis < 2; ++axis) {
    float ds = 0, dt = 0, dm = 0;
    project(axis == 0 ? dx : dy, ds, dt, dm);
    step[axis][0] = (ds - s / m * dm) * half;
    step[axis][1] = (dt - t / m * dm) * half;
  }
  return map.Sample(0.5F * (s / m + 1), 0.5F * (t / m + 1),
                    Lod(step[0][0], step[0][1], step[1][0], step[1][1]), MipMap::Wrap::kClamp);
}

}  // namespace simscale::render::raster
