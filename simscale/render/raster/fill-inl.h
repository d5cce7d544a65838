// Internal to draw.cc: fills one triangle of any size, with exact integer edge functions.

#if defined(SIMSCALE_RENDER_RASTER_FILL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SIMSCALE_RENDER_RASTER_FILL_INL_H_
#undef SIMSCALE_RENDER_RASTER_FILL_INL_H_
#else
#define SIMSCALE_RENDER_RASTER_FILL_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>

#include "simscale/render/raster/draw.h"

HWY_BEFORE_NAMESPACE();
namespace simscale::render::raster::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using I = hn::RebindToSigned<F>;
using U = hn::RebindToUnsigned<F>;

constexpr int kSubBits = 8;  // a sample is 256 units
constexpr int kSub = 1 << kSubBits;
constexpr float kGuardBand = 8191;  // samples; coordinates then fit 22 bits
// Below this extent edge functions, divided by kSub, fit 31 bits at every sample.
constexpr int64_t kSmall = int64_t{1} << 18;
constexpr int kSmallExtent = 8 * kSub;  // differences of coordinates then fit 12 bits
constexpr int kExactDepth =
    16;  // samples: larger triangles' depth is not computed from snapped corners

struct Corner {
  int32_t x = 0, y = 0;  ///< 1/256 samples, y downwards
  float nearness = 0;
};

/// E(x, y) >= 0 inside: base + x * dx + y * dy, in samples from the box's first one.
struct Edge {
  int64_t base = 0;  ///< E / 256, rounded down: the sign is exact as steps are multiples of 256
  int32_t dx = 0, dy = 0;
};

struct Setup {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;  ///< samples, both ends included
  Edge edge[3];
  float nearness = 0, dx = 0, dy = 0;  ///< at (x0, y0), and a sample
  float low = 0, high = 0;
  bool small = false;
};

/// False if it faces away or covers no sample. plane(): of the triangle before its corners were
/// snapped, which shows in the depth of large ones; not valid: through the corners as they are.
template <class GetPlane>
HWY_INLINE bool SetUp(const Corner& v0, const Corner& v1, const Corner& v2, GetPlane&& plane,
                      int width, int height, Setup& s) {
  // Counter-clockwise with y up is clockwise with y down: v0, v2, v1 has a positive area.
  const Corner* p[3] = {&v0, &v2, &v1};
  const int min_x = std::min({v0.x, v1.x, v2.x}), max_x = std::max({v0.x, v1.x, v2.x});
  const int min_y = std::min({v0.y, v1.y, v2.y}), max_y = std::max({v0.y, v1.y, v2.y});
  s.x0 = std::max((min_x + kSub / 2 - 1) >> kSubBits, 0);
  s.y0 = std::max((min_y + kSub / 2 - 1) >> kSubBits, 0);
  s.x1 = std::min((max_x - kSub / 2) >> kSubBits, width - 1);
  s.y1 = std::min((max_y - kSub / 2) >> kSubBits, height - 1);
  if (s.x0 > s.x1 || s.y0 > s.y1) return false;
  const int64_t area = int64_t{p[1]->x - p[0]->x} * (p[2]->y - p[0]->y) -
                       int64_t{p[2]->x - p[0]->x} * (p[1]->y - p[0]->y);
  if (area <= 0) return false;
  const int64_t at_x = int64_t{s.x0} * kSub + kSub / 2, at_y = int64_t{s.y0} * kSub + kSub / 2;
  double value[3];
  double sum = 0, sum_dx = 0, sum_dy = 0;
  for (int k = 0; k < 3; ++k) {
    const Corner& from = *p[(k + 1) % 3];
    const Corner& to = *p[(k + 2) % 3];
    const int32_t dx = to.x - from.x, dy = to.y - from.y;
    const int64_t e = dx * (at_y - from.y) - dy * (at_x - from.x);
    const bool top_left = dy < 0 || (dy == 0 && dx > 0);
    s.edge[k] = {(top_left ? e : e - 1) >> kSubBits, -dy, dx};
    value[k] = static_cast<double>(p[k]->nearness);
    sum += static_cast<double>(e) * value[k];
    sum_dx += static_cast<double>(-int64_t{dy} * kSub) * value[k];
    sum_dy += static_cast<double>(int64_t{dx} * kSub) * value[k];
  }
  if (const NearnessPlane exact = plane(); exact.valid) {
    s.nearness = static_cast<float>(exact.base + exact.dx * (s.x0 + 0.5) + exact.dy * (s.y0 + 0.5));
    s.dx = static_cast<float>(exact.dx);
    s.dy = static_cast<float>(exact.dy);
  } else {
    const double scale = 1.0 / static_cast<double>(area);
    s.nearness = static_cast<float>(sum * scale);
    s.dx = static_cast<float>(sum_dx * scale);
    s.dy = static_cast<float>(sum_dy * scale);
  }
  s.low = std::min({v0.nearness, v1.nearness, v2.nearness});
  s.high = std::max({v0.nearness, v1.nearness, v2.nearness});
  s.small = max_x - min_x < kSmall && max_y - min_y < kSmall;
  return true;
}

HWY_INLINE void FillFew(const Setup& s, uint32_t id, VisibilityBuffer& buffer) {
  int32_t row[3];
  for (int k = 0; k < 3; ++k) row[k] = static_cast<int32_t>(s.edge[k].base);
  for (int y = s.y0; y <= s.y1; ++y) {
    const float near_row = s.nearness + s.dy * static_cast<float>(y - s.y0);
    int32_t e[3] = {row[0], row[1], row[2]};
    const size_t at = static_cast<size_t>(y) * static_cast<size_t>(buffer.stride);
    for (int x = s.x0; x <= s.x1; ++x) {
      if ((e[0] | e[1] | e[2]) >= 0) {
        const float nearness =
            std::min(std::max(near_row + s.dx * static_cast<float>(x - s.x0), s.low), s.high);
        const size_t i = at + static_cast<size_t>(x);
        if (nearness > buffer.nearness[i]) buffer.nearness[i] = nearness, buffer.id[i] = id;
      }
      for (int k = 0; k < 3; ++k) e[k] += s.edge[k].dx;
    }
    for (int k = 0; k < 3; ++k) row[k] += s.edge[k].dy;
  }
}

/// One vector of samples from x on: `e` holds the edge functions there, lane by lane.
template <class V>
HWY_INLINE void FillVector(const Setup& s, V e, float near_row, int x, float* nearness,
                           uint32_t* ids, uint32_t id) {
  const F f;
  const I i;
  const U u;
  const auto inside = hn::Gt(e, hn::Set(i, -1));
  if (hn::AllFalse(i, inside)) return;
  const auto offset = hn::Add(hn::Set(f, static_cast<float>(x - s.x0)), hn::Iota(f, 0.0F));
  auto z = hn::Add(hn::Set(f, near_row), hn::Mul(hn::Set(f, s.dx), offset));
  z = hn::Min(hn::Max(z, hn::Set(f, s.low)), hn::Set(f, s.high));
  const auto before = hn::LoadU(f, nearness + x);
  const auto mask = hn::And(hn::RebindMask(f, inside), hn::Gt(z, before));
  if (hn::AllFalse(f, mask)) return;
  hn::StoreU(hn::IfThenElse(mask, z, before), f, nearness + x);
  hn::StoreU(hn::IfThenElse(hn::RebindMask(u, mask), hn::Set(u, id), hn::LoadU(u, ids + x)), u,
             ids + x);
}

HWY_INLINE void FillSmall(const Setup& s, uint32_t id, VisibilityBuffer& buffer) {
  const I i;
  const int lanes = static_cast<int>(hn::Lanes(i));
  hn::Vec<I> row[3], step[3];
  int32_t down[3];
  const auto iota = hn::Iota(i, 0);
  for (int k = 0; k < 3; ++k) {
    row[k] = hn::Add(hn::Set(i, static_cast<int32_t>(s.edge[k].base)),
                     hn::Mul(iota, hn::Set(i, s.edge[k].dx)));
    step[k] = hn::Set(i, s.edge[k].dx * lanes);
    down[k] = s.edge[k].dy;
  }
  size_t at = static_cast<size_t>(s.y0) * static_cast<size_t>(buffer.stride);
  for (int y = s.y0; y <= s.y1; ++y, at += static_cast<size_t>(buffer.stride)) {
    const float near_row = s.nearness + s.dy * static_cast<float>(y - s.y0);
    auto e0 = row[0], e1 = row[1], e2 = row[2];
    for (int x = s.x0; x <= s.x1; x += lanes) {
      FillVector(s, hn::Or(e0, hn::Or(e1, e2)), near_row, x, &buffer.nearness[at], &buffer.id[at],
                 id);
      e0 = hn::Add(e0, step[0]), e1 = hn::Add(e1, step[1]), e2 = hn::Add(e2, step[2]);
    }
    for (int k = 0; k < 3; ++k) row[k] = hn::Add(row[k], hn::Set(i, down[k]));
  }
}

/// Edge functions beyond 31 bits: exact at each vector's first sample, and cut off where no lane
/// can change their sign.
HWY_INLINE void FillLarge(const Setup& s, uint32_t id, VisibilityBuffer& buffer) {
  constexpr int64_t kLimit = int64_t{1} << 30;
  const I i;
  const int lanes = static_cast<int>(hn::Lanes(i));
  const auto iota = hn::Iota(i, 0);
  hn::Vec<I> lane[3];
  for (int k = 0; k < 3; ++k) lane[k] = hn::Mul(iota, hn::Set(i, s.edge[k].dx));
  size_t at = static_cast<size_t>(s.y0) * static_cast<size_t>(buffer.stride);
  for (int y = s.y0; y <= s.y1; ++y, at += static_cast<size_t>(buffer.stride)) {
    const float near_row = s.nearness + s.dy * static_cast<float>(y - s.y0);
    for (int x = s.x0; x <= s.x1; x += lanes) {
      hn::Vec<I> e[3];
      for (int k = 0; k < 3; ++k) {
        const Edge& edge = s.edge[k];
        const int64_t first =
            edge.base + int64_t{edge.dx} * (x - s.x0) + int64_t{edge.dy} * (y - s.y0);
        e[k] =
            hn::Add(hn::Set(i, static_cast<int32_t>(std::clamp(first, -kLimit, kLimit))), lane[k]);
      }
      FillVector(s, hn::Or(e[0], hn::Or(e[1], e[2])), near_row, x, &buffer.nearness[at],
                 &buffer.id[at], id);
    }
  }
}

template <class GetPlane>
HWY_INLINE bool Fill(const Corner& v0, const Corner& v1, const Corner& v2, GetPlane&& plane,
                     uint32_t id, VisibilityBuffer& buffer) {
  Setup s;
  if (!SetUp(v0, v1, v2, plane, buffer.width, buffer.height, s)) return false;
  if (!s.small) {
    FillLarge(s, id, buffer);
  } else if (s.x1 - s.x0 < 3) {
    FillFew(s, id, buffer);
  } else {
    FillSmall(s, id, buffer);
  }
  return true;
}

HWY_INLINE void AddRef(const DrawCall& call, uint32_t triangle, VisibilityBuffer& buffer) {
  buffer.refs[buffer.num_refs++] = {call.instance, triangle};
}

}  // namespace simscale::render::raster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // once for each target
