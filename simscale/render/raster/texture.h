#pragma once

// Internal to render/raster: textures with mip-maps, sampled as OpenGL's GL_LINEAR_MIPMAP_LINEAR.

#include <mujoco/mujoco.h>

#include <cstdint>
#include <vector>

#include "simscale/render/raster/vec.h"

namespace simscale::render::raster {

/// One square or oblong image and its halves down to one texel.
class MipMap {
 public:
  /// rgb_HWC: [height, width, channels], channels >= 3 of which three are read. srgb: texels are
  /// decoded to linear light, as OpenGL does for such textures.
  MipMap(const uint8_t* rgb_HWC, int width, int height, int channels, bool srgb);

  int width() const { return levels_[0].width; }
  int height() const { return levels_[0].height; }

  enum class Wrap { kRepeat, kClamp };
  /// The colour at (u, v), 0..1 each; `lod` is the binary logarithm of texels a pixel.
  Vec3 Sample(float u, float v, float lod, Wrap wrap) const;

 private:
  struct Image {
    int width = 0, height = 0;
    std::vector<uint32_t> texels;  ///< 0x00bbggrr
  };
  Vec3 Bilinear(const Image& image, float u, float v, Wrap wrap) const;

  std::vector<Image> levels_;
  const float* decode_ = nullptr;  ///< [256]
};

/// A 2-D, cube or skybox texture of the model.
class Texture {
 public:
  Texture(const mjModel* model, int id);

  bool is_cube() const { return faces_.size() == 6; }
  /// 2-D: `du`, `dv` are how far u and v go from one pixel to the next, along x and along y.
  Vec3 Sample(float u, float v, const float du[2], const float dv[2]) const;
  /// Cube: seen along `direction` (of any length); `dx`, `dy`: how it changes from pixel to pixel.
  Vec3 Sample(Vec3 direction, Vec3 dx, Vec3 dy) const;

 private:
  std::vector<MipMap> faces_;  ///< 1, or OpenGL's order +x -x +y -y +z -z
};

}  // namespace simscale::render::raster
