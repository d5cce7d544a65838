#pragma once

// Internal to render/raster: which triangle is seen where (the visibility buffer). Triangles are
// snapped to 1/256 of a sample and covered by exact integer edge functions with the top-left rule,
// so neighbours leave neither gaps nor overlaps, and the result is the same for SSE, AVX2 and
// AVX-512 (no fused multiply-add, no approximations).

#include <cstdint>
#include <vector>

#include "simscale/render/raster/mesh.h"

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

/// How camera coordinates (x right, y down, depth) map to samples.
struct Projection {
  float fx = 1, fy = 1, cx = 0, cy = 0;
  float near = 0.01F, far = 100;
  bool orthographic = false;
  /// Lengths of the normals of the frustum's left, right, top and bottom planes.
  float side[4] = {1, 1, 1, 1};
  /// The most samples a length of 1 m across the view can take at depth 1 m.
  float scale = 1;
};
Projection MakeProjection(float fx, float fy, float cx, float cy, int width, int height);

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

/// Where a sphere lies on the screen, in samples (a bound), and how near it comes.
struct Extent {
  bool visible = false;  ///< some of it may be in the frustum
  bool safe = false;     ///< all of it is in front of the near plane and within the guard band
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;  ///< clipped to the buffer; both ends belong to it
  float span = 0;                      ///< its longer side, before clipping
  float nearest = 0;                   ///< nearness; infinite where it reaches the near plane
};
Extent SphereExtent(const Projection& projection, const float rows[3][4], Vec3 center, float radius,
                    int width, int height);

/// Whether something of the extent may be nearer than what the buffer holds.
bool MayBeSeen(const VisibilityBuffer& buffer, const Extent& extent);

/// Draws all clusters that may be seen.
void Draw(const DrawCall& call, const Projection& projection, VisibilityBuffer& buffer);

/// The widest instructions that are used, e.g. "AVX3".
const char* Instructions();

}  // namespace simscale::render::raster
