#pragma once

// Internal to render/raster: the colour of what is seen. Lighting is OpenGL's fixed function, which
// is what MJCF's materials and lights are made for, but computed at every fragment.

#include <cstdint>
#include <vector>

#include "simscale/render/raster/scene.h"
#include "simscale/render/raster/shadow.h"

namespace simscale::render::raster {

/// Places on the surfaces of one instance, and their colours.
struct Fragments {
  std::vector<uint32_t> sample;    ///< the buffer's
  std::vector<uint32_t> triangle;  ///< of the instance's level
  std::vector<float> x, y;         ///< pixels, where on the picture
  std::vector<float> depth;        ///< m
  std::vector<float> r, g, b;      ///< 0 .. 1
  std::vector<uint32_t> colour;    ///< out: the same as bytes, 0x00bbggrr

  /// Makes room for that many, and for a vector past the last.
  void Resize(size_t count);
};

/// From the world, relative to the camera, to a mesh's frame: (row[k] . q) + offset[k].
struct MeshFrame {
  Vec3 row[3];
  Vec3 offset;
};
MeshFrame ToMeshFrame(const Instance& instance, Vec3 camera);

/// Fills in the colours of fragments[first, first + count), all of one instance.
struct ShadeJob {
  const Scene* scene = nullptr;
  const Instance* instance = nullptr;
  const Level* level = nullptr;
  const ShadowMaps* shadows = nullptr;  ///< null: none
};
void Shade(const ShadeJob& job, Fragments& fragments, size_t first, size_t count);

/// The sky with its haze and fog, where nothing else is seen from pixel (x, y); black without one.
Vec3 SkyColour(const Scene& scene, float x, float y);

}  // namespace simscale::render::raster
