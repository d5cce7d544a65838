#pragma once

// Internal to render/raster: which triangle is seen where (the visibility buffer). Triangles are
// snapped to 1/256 of a sample and covered by exact integer edge functions with the top-left rule,
// so neighbours leave neither gaps nor overlaps, and the result is the same for SSE, AVX2 and
// AVX-512 (no fused multiply-add, no approximations).

#include <cstdint>
#include <vector>

#include "simscale/render/raster/mesh.h"
#include "simscale/render/raster/projection.h"

namespace simscale::render::raster {

struct TriangleRef {
  uint32_t instance = 0;  ///< of the picture's list
  uint32_t triangle = 0;  ///< of the instance's level
};

inline constexpr uint32_t kNoTriangle = 0xFFFFFFFF;

/// Samples, row by row from the top; rows are `stride` apart, which leaves room for a vector past
/// the last sample.
struct VisibilityBuffer {
  int width = 0, height = 0, stride = 0;
  std::vector<float> nearness;  ///< 1 / depth, or -depth if orthographic: larger is nearer
  std::vector<uint32_t> id;     ///< index of refs, or kNoTriangle
  std::vector<TriangleRef> refs;
  uint32_t num_refs = 0;

  void Resize(int new_width, int new_height);
  /// Nothing is nearer than `background`.
  void Clear(float background);
};

/// Nearness as a function of the place on the screen, in samples.
struct NearnessPlane {
  double dx = 0, dy = 0, base = 0;
  bool valid = false;
};

struct DrawCall {
  const Level* level = nullptr;
  uint32_t instance = 0;
  /// Rows give X, Y and depth of (x, y, z, 1) in the mesh's frame; a sample is (X, Y) / depth, or
  /// (X, Y) if orthographic.
  float rows[3][4] = {};
  Vec3 viewer;          ///< in the mesh's frame: the camera, or its direction if orthographic
  float max_scale = 1;  ///< of lengths, mesh to world
  NearnessPlane flat;   ///< of a mesh that is one plane
};

/// Whether something of the extent may be nearer than what the buffer holds.
bool MayBeSeen(const VisibilityBuffer& buffer, const Extent& extent);

/// Draws all clusters that may be seen.
void Draw(const DrawCall& call, const Projection& projection, VisibilityBuffer& buffer);

/// The widest instructions that are used, e.g. "AVX3".
const char* Instructions();

}  // namespace simscale::render::raster
