#include "simscale/render/raster/draw.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simscale/render/raster/draw.cc"  // NOLINT
#include <hwy/foreach_target.h>                              // IWYU pragma: keep
// foreach_target.h comes first
#include <hwy/highway.h>

#include "simscale/render/raster/clip-inl.h"
#include "simscale/render/raster/fill-inl.h"
#include "simscale/render/raster/small-inl.h"

HWY_BEFORE_NAMESPACE();
namespace simscale::render::raster::HWY_NAMESPACE {

HWY_INLINE void DrawOneByOne(const DrawCall& call, const Cluster& cluster,
                             const Transformed& vertex, int triangle, bool orthographic,
                             VisibilityBuffer& buffer) {
  Corner v[3];
  for (int k = 0; k < 3; ++k) {
    const size_t at = call.level->corner[k][cluster.first_corner + static_cast<size_t>(triangle)];
    v[k] = {vertex.x[at], vertex.y[at], vertex.nearness[at]};
  }
  // Over many samples the corners' rounding shows in the depth.
  const bool large = std::abs(v[1].x - v[0].x) + std::abs(v[1].y - v[0].y) +
                         std::abs(v[2].x - v[0].x) + std::abs(v[2].y - v[0].y) >
                     kExactDepth * kSub;
  const auto plane = [&] {
    if (!large) return NearnessPlane{};
    if (call.flat.valid) return call.flat;
    return PlaneThrough(
        {TransformOne(call, cluster, triangle, 0), TransformOne(call, cluster, triangle, 1),
         TransformOne(call, cluster, triangle, 2)},
        orthographic);
  };
  if (Fill(v[0], v[1], v[2], plane, buffer.num_refs, buffer))
    AddRef(call, cluster.first_triangle + static_cast<uint32_t>(triangle), buffer);
}

HWY_INLINE void DrawCluster(const DrawCall& call, const Cluster& cluster, bool orthographic,
                            VisibilityBuffer& buffer) {
  const I i;
  const hn::Rebind<uint8_t, I> bytes;
  const int lanes = static_cast<int>(hn::Lanes(i));
  Transformed vertex;
  Transform(call, cluster, orthographic, vertex);
  // At most 2 x 2 samples, 4 x 4, and more.
  Waiting tiny, small, large;
  const auto extent = [&](const hn::Vec<I>(&c)[3]) HWY_ATTR {
    return hn::Sub(hn::Max(c[0], hn::Max(c[1], c[2])), hn::Min(c[0], hn::Min(c[1], c[2])));
  };
  for (int first = 0; first < cluster.num_triangles; first += lanes) {
    Triangles t;
    for (int k = 0; k < 3; ++k) {
      const size_t at = cluster.first_corner + static_cast<size_t>(first);
      t.corner[k] = hn::PromoteTo(i, hn::LoadU(bytes, &call.level->corner[k][at]));
    }
    LookUp(vertex, buffer, t);
    const auto width = hn::Sub(t.x1, t.x0), height = hn::Sub(t.y1, t.y0);
    const auto empty = hn::Lt(hn::Min(width, height), hn::Zero(i));
    const auto left = hn::And(hn::Not(empty), MayFaceUs(t));
    if (hn::AllFalse(i, left)) continue;
    const auto place = hn::ShiftLeft<24>(hn::Iota(i, first));
    const auto packed = hn::Or(hn::Or(place, t.corner[0]), hn::Or(hn::ShiftLeft<8>(t.corner[1]),
                                                                  hn::ShiftLeft<16>(t.corner[2])));
    const auto side = hn::Max(width, height);
    const auto near_by =
        hn::And(left, hn::Lt(hn::Max(extent(t.x), extent(t.y)), hn::Set(i, kSmallExtent)));
    const auto few = hn::And(near_by, hn::Lt(side, hn::Set(i, 2)));
    const auto some = hn::AndNot(few, hn::And(near_by, hn::Lt(side, hn::Set(i, 4))));
    const auto many = hn::AndNot(few, hn::AndNot(some, left));
    tiny.Append(packed, few);
    if (!hn::AllFalse(i, some)) small.Append(packed, some);
    if (!hn::AllFalse(i, many)) large.Append(packed, many);
  }
  DrawSmall<2>(call, cluster, vertex, tiny, buffer);
  DrawSmall<4>(call, cluster, vertex, small, buffer);
  for (int k = 0; k < large.count; ++k) {
    const auto packed = static_cast<uint32_t>(large.packed[k]);
    DrawOneByOne(call, cluster, vertex, static_cast<int>(packed >> 24), orthographic, buffer);
  }
}

HWY_INLINE bool AnyBehind(const float* row, int count, float nearest) {
  const F f;
  const int lanes = static_cast<int>(hn::Lanes(f));
  const auto limit = hn::Set(f, nearest);
  int x = 0;
  for (; x + lanes <= count; x += lanes)
    if (!hn::AllFalse(f, hn::Lt(hn::LoadU(f, row + x), limit))) return true;
  for (; x < count; ++x)
    if (row[x] < nearest) return true;
  return false;
}

bool MayBeSeen(const VisibilityBuffer& buffer, const Extent& extent) {
  for (int y = extent.y0; y <= extent.y1; ++y) {
    const size_t at = static_cast<size_t>(y) * static_cast<size_t>(buffer.stride) +
                      static_cast<size_t>(extent.x0);
    if (AnyBehind(&buffer.nearness[at], extent.x1 - extent.x0 + 1, extent.nearest)) return true;
  }
  return false;
}

void Draw(const DrawCall& call, const Projection& projection, VisibilityBuffer& buffer) {
  for (const Cluster& cluster : call.level->clusters) {
    const Vec3 to = projection.orthographic ? call.viewer : cluster.cone_apex - call.viewer;
    if (cluster.cone_cutoff < 1 &&
        Dot(to, cluster.cone_axis) >= cluster.cone_cutoff * std::sqrt(Dot(to, to)))
      continue;
    const Extent extent =
        raster::SphereExtent(projection, call.rows, cluster.center, cluster.radius * call.max_scale,
                             buffer.width, buffer.height);
    if (!extent.visible) continue;
    if (!extent.safe) {
      DrawClipped(call, projection, cluster, buffer);
    } else if (HWY_NAMESPACE::MayBeSeen(buffer, extent)) {
      DrawCluster(call, cluster, projection.orthographic, buffer);
    }
  }
}

const char* Name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace simscale::render::raster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace simscale::render::raster {

HWY_EXPORT(Draw);
HWY_EXPORT(MayBeSeen);
HWY_EXPORT(Name);

void VisibilityBuffer::Resize(int new_width, int new_height) {
  if (width == new_width && height == new_height) return;
  width = new_width, height = new_height;
  stride = (width + kLanes - 1) / kLanes * kLanes + kLanes;
  const size_t size = static_cast<size_t>(stride) * static_cast<size_t>(height) + kLanes;
  nearness.assign(size, 0);
  id.assign(size, kNoTriangle);
}

void VisibilityBuffer::Clear(float background) {
  std::fill(nearness.begin(), nearness.end(), background);
  std::fill(id.begin(), id.end(), kNoTriangle);
  num_refs = 0;
}

bool MayBeSeen(const VisibilityBuffer& buffer, const Extent& extent) {
  return HWY_DYNAMIC_DISPATCH(MayBeSeen)(buffer, extent);
}

void Draw(const DrawCall& call, const Projection& projection, VisibilityBuffer& buffer) {
  const size_t most = buffer.num_refs + call.level->triangles.size();
  if (buffer.refs.size() < most) buffer.refs.resize(most + most / 2);
  HWY_DYNAMIC_DISPATCH(Draw)(call, projection, buffer);
}

const char* Instructions() { return HWY_DYNAMIC_DISPATCH(Name)(); }

}  // namespace simscale::render::raster
#endif
