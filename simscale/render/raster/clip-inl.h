// Internal to draw.cc: clusters that reach the near plane or far outside the screen are drawn
// triangle by triangle, clipped.

#if defined(SIMSCALE_RENDER_RASTER_CLIP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SIMSCALE_RENDER_RASTER_CLIP_INL_H_
#undef SIMSCALE_RENDER_RASTER_CLIP_INL_H_
#else
#define SIMSCALE_RENDER_RASTER_CLIP_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "simscale/render/raster/fill-inl.h"

HWY_BEFORE_NAMESPACE();
namespace simscale::render::raster::HWY_NAMESPACE {

struct ClipVertex {
  float x = 0, y = 0, depth = 0;  ///< before the division
};

HWY_INLINE ClipVertex TransformOne(const DrawCall& call, const Cluster& cluster, int triangle,
                                   int corner) {
  const Level& level = *call.level;
  const size_t v =
      cluster.first_vertex +
      size_t{level.corner[corner][cluster.first_corner + static_cast<size_t>(triangle)]};
  float out[3];
  for (int r = 0; r < 3; ++r) {
    const float* m = call.rows[r];
    out[r] = ((m[0] * level.x[v] + m[1] * level.y[v]) + m[2] * level.z[v]) + m[3];
  }
  return {out[0], out[1], out[2]};
}

/// a X + b Y + c D = 1 (perspective: D is the depth) or = -D (orthographic: D is 1) at each corner.
HWY_NOINLINE NearnessPlane PlaneThrough(const ClipVertex (&v)[3], bool orthographic) {
  double row[3][3], right[3];
  for (int k = 0; k < 3; ++k) {
    row[k][0] = static_cast<double>(v[k].x);
    row[k][1] = static_cast<double>(v[k].y);
    row[k][2] = orthographic ? 1.0 : static_cast<double>(v[k].depth);
    right[k] = orthographic ? -static_cast<double>(v[k].depth) : 1.0;
  }
  double cofactor[3][3];
  for (int k = 0; k < 3; ++k) {
    const double* a = row[(k + 1) % 3];
    const double* b = row[(k + 2) % 3];
    cofactor[k][0] = a[1] * b[2] - a[2] * b[1];
    cofactor[k][1] = a[2] * b[0] - a[0] * b[2];
    cofactor[k][2] = a[0] * b[1] - a[1] * b[0];
  }
  const double det =
      row[0][0] * cofactor[0][0] + row[0][1] * cofactor[0][1] + row[0][2] * cofactor[0][2];
  NearnessPlane plane;
  if (!(std::abs(det) > 1e-300)) return plane;
  double solution[3] = {};
  for (int c = 0; c < 3; ++c)
    for (int k = 0; k < 3; ++k) solution[c] += cofactor[k][c] * right[k] / det;
  plane = {solution[0], solution[1], solution[2], true};
  return plane;
}

// --- Clusters that reach the near plane or far outside: triangle by triangle, clipped

constexpr int kMostClipped = 3 + 5;

/// How far inside plane `k` of near, left, right, top, bottom.
HWY_INLINE float Inside(const Projection& p, int k, const ClipVertex& v) {
  const float guard = p.orthographic ? kGuardBand : kGuardBand * v.depth;
  switch (k) {
    case 0:
      return v.depth - p.near;
    case 1:
      return v.x + guard;
    case 2:
      return guard - v.x;
    case 3:
      return v.y + guard;
    default:
      return guard - v.y;
  }
}

HWY_INLINE int Clip(const Projection& p, ClipVertex (&polygon)[kMostClipped + 1]) {
  int count = 3;
  for (int plane = 0; plane < 5 && count > 0; ++plane) {
    ClipVertex from[kMostClipped + 1];
    std::copy_n(polygon, count, from);
    int kept = 0;
    for (int i = 0; i < count; ++i) {
      const ClipVertex& a = from[i];
      const ClipVertex& b = from[(i + 1) % count];
      const float in_a = Inside(p, plane, a), in_b = Inside(p, plane, b);
      if (in_a >= 0) polygon[kept++] = a;
      if ((in_a >= 0) == (in_b >= 0)) continue;
      // From the inner to the outer end: the same for both triangles at the edge.
      const ClipVertex& inner = in_a >= 0 ? a : b;
      const ClipVertex& outer = in_a >= 0 ? b : a;
      const float t = std::max(in_a, in_b) / (std::max(in_a, in_b) - std::min(in_a, in_b));
      polygon[kept++] = {inner.x + (outer.x - inner.x) * t, inner.y + (outer.y - inner.y) * t,
                         plane == 0 ? p.near : inner.depth + (outer.depth - inner.depth) * t};
    }
    count = kept;
  }
  return count;
}

HWY_INLINE Corner Snap(const Projection& p, const ClipVertex& v) {
  const float inverse = p.orthographic ? 1.0F : 1.0F / v.depth;
  // Clipping rounds: stay within the band, and give what is not finite some place there.
  const auto snap = [&](float c) {
    float at = c * inverse;
    if (!(at > -kGuardBand)) at = -kGuardBand;
    if (at > kGuardBand) at = kGuardBand;
    return static_cast<int32_t>(std::floor(at * kSub + 0.5F));
  };
  return {snap(v.x), snap(v.y), p.orthographic ? -v.depth : inverse};
}

/// Whether all corners lie beyond one side of the screen.
HWY_INLINE bool IsOutside(const ClipVertex (&v)[3], bool orthographic,
                          const VisibilityBuffer& buffer) {
  const float w = static_cast<float>(buffer.width), h = static_cast<float>(buffer.height);
  bool left = true, right = true, top = true, bottom = true;
  for (const ClipVertex& c : v) {
    const float unit = orthographic ? 1 : c.depth;
    left &= c.x<0, right &= c.x> w * unit;
    top &= c.y<0, bottom &= c.y> h * unit;
  }
  return left || right || top || bottom;
}

HWY_NOINLINE void DrawClipped(const DrawCall& call, const Projection& projection,
                              const Cluster& cluster, VisibilityBuffer& buffer) {
  for (int t = 0; t < cluster.num_triangles; ++t) {
    ClipVertex corner[3], polygon[kMostClipped + 1];
    float sum = 0;
    for (int k = 0; k < 3; ++k) {
      polygon[k] = corner[k] = TransformOne(call, cluster, t, k);
      sum += std::abs(corner[k].x) + std::abs(corner[k].y) + std::abs(corner[k].depth);
    }
    if (!(sum < 1e18F) || IsOutside(corner, projection.orthographic, buffer)) continue;
    const int count = Clip(projection, polygon);
    if (count < 3) continue;
    NearnessPlane known;
    const auto plane = [&] {
      if (call.flat.valid) return call.flat;
      if (!known.valid) known = PlaneThrough(corner, projection.orthographic);
      return known;
    };
    bool drawn = false;
    for (int i = 2; i < count; ++i) {
      drawn |= Fill(Snap(projection, polygon[0]), Snap(projection, polygon[i - 1]),
                    Snap(projection, polygon[i]), plane, buffer.num_refs, buffer);
    }
    if (drawn) AddRef(call, cluster.first_triangle + static_cast<uint32_t>(t), buffer);
  }
}

}  // namespace simscale::render::raster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // once for each target
