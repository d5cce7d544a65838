#include "simscale/render/raster/draw.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simscale/render/raster/draw.cc"  // NOLINT
#include <hwy/foreach_target.h>                              // IWYU pragma: keep
// foreach_target.h comes first
#include <hwy/highway.h>

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
// -------------

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

// --- All others -------------------------------------------------------------------------------

struct Transformed {
  alignas(64) int32_t x[kClusterVertices], y[kClusterVertices];
  alignas(64) float nearness[kClusterVertices];
};

HWY_INLINE void Transform(const DrawCall& call, const Cluster& cluster, bool orthographic,
                          Transformed& out) {
  const F f;
  const I i;
  const size_t lanes = hn::Lanes(f);
  const Level& level = *call.level;
  hn::Vec<F> m[3][4];
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 4; ++c) m[r][c] = hn::Set(f, call.rows[r][c]);
  const auto sub = hn::Set(f, static_cast<float>(kSub)), half = hn::Set(f, 0.5F);
  for (size_t v = 0; v < static_cast<size_t>(cluster.num_vertices); v += lanes) {
    const auto x = hn::LoadU(f, &level.x[cluster.first_vertex + v]);
    const auto y = hn::LoadU(f, &level.y[cluster.first_vertex + v]);
    const auto z = hn::LoadU(f, &level.z[cluster.first_vertex + v]);
    const auto row = [&](int r) HWY_ATTR {
      return hn::Add(
          hn::Add(hn::Add(hn::Mul(m[r][0], x), hn::Mul(m[r][1], y)), hn::Mul(m[r][2], z)), m[r][3]);
    };
    const auto depth = row(2);
    const auto inverse = hn::Div(hn::Set(f, 1.0F), depth);
    const auto unit = orthographic ? hn::Set(f, 1.0F) : inverse;
    const auto snap = [&](int r) HWY_ATTR {
      return hn::ConvertTo(i, hn::Floor(hn::Add(hn::Mul(hn::Mul(row(r), unit), sub), half)));
    };
    hn::Store(snap(0), i, out.x + v);
    hn::Store(snap(1), i, out.y + v);
    hn::Store(orthographic ? hn::Neg(depth) : inverse, f, out.nearness + v);
  }
}

/// table[index] of each lane, index < kClusterVertices.
template <class D, class T>
HWY_INLINE hn::Vec<D> Lookup(D d, const T* table, hn::Vec<I> index) {
#if HWY_TARGET == HWY_AVX3
  // Two lookups in two registers each beat a gather by far.
  const I i;
  const auto at = [&](int k) HWY_ATTR { return hn::BitCast(i, hn::Load(d, table + 16 * k)).raw; };
  const __m512i low = _mm512_permutex2var_epi32(at(0), index.raw, at(1));
  const __m512i high = _mm512_permutex2var_epi32(at(2), index.raw, at(3));
  const __mmask16 upper = _mm512_test_epi32_mask(index.raw, _mm512_set1_epi32(32));
  return hn::BitCast(d, hn::Vec<I>{_mm512_mask_blend_epi32(upper, low, high)});
#else
  return hn::GatherIndex(d, table, index);
#endif
}

template <class D, class M>
HWY_INLINE unsigned Bits(D d, M mask) {
  alignas(8) uint8_t bits[8] = {};
  hn::StoreMaskBits(d, mask, bits);
  return (bits[0] | static_cast<unsigned>(bits[1]) << 8) &
         ((1U << std::min<size_t>(hn::Lanes(d), 16)) - 1);
}

/// A vector of triangles, and the boxes of samples around them: [x0, x1] x [y0, y1].
struct Triangles {
  hn::Vec<I> corner[3];  ///< vertices of the cluster
  hn::Vec<I> x[3], y[3];
  hn::Vec<I> x0, y0, x1, y1;
};

/// Fills in all but the corners. The samples are those whose middles lie within the corners' box,
/// and on the screen.
HWY_INLINE void LookUp(const Transformed& vertex, const VisibilityBuffer& buffer, Triangles& t) {
  const I i;
  for (int k = 0; k < 3; ++k) {
    t.x[k] = Lookup(i, vertex.x, t.corner[k]);
    t.y[k] = Lookup(i, vertex.y, t.corner[k]);
  }
  const auto least = [&](const hn::Vec<I>(&c)[3]) HWY_ATTR {
    const auto low = hn::Min(c[0], hn::Min(c[1], c[2]));
    return hn::Max(hn::ShiftRight<kSubBits>(hn::Add(low, hn::Set(i, kSub / 2 - 1))), hn::Zero(i));
  };
  const auto most = [&](const hn::Vec<I>(&c)[3], int last) HWY_ATTR {
    const auto high = hn::Max(c[0], hn::Max(c[1], c[2]));
    const auto at = hn::ShiftRight<kSubBits>(hn::Add(high, hn::Set(i, kSub / 2)));
    return hn::Min(hn::Sub(at, hn::Set(i, 1)), hn::Set(i, last));
  };
  t.x0 = least(t.x), t.y0 = least(t.y);
  t.x1 = most(t.x, buffer.width - 1), t.y1 = most(t.y, buffer.height - 1);
}

/// Samples that a vector of small triangles covers: where, by which lane, and how near.
template <int N>
struct Covered {
  static constexpr int kLaneShift = 27;  // a picture has fewer samples
  alignas(64) int32_t place[(N * N + 1) * kLanes];
  alignas(64) float nearness[(N * N + 1) * kLanes];
  int count = 0;
  unsigned lanes = 0;  ///< those that cover any

  HWY_INLINE void Append(hn::Vec<I> places, hn::Vec<F> near, hn::Mask<I> mask) {
    const F f;
    const I i;
    hn::StoreU(hn::Compress(places, mask), i, place + count);
    hn::StoreU(hn::Compress(near, hn::RebindMask(f, mask)), f, nearness + count);
    count += static_cast<int>(hn::CountTrue(i, mask));
  }
};

/// Of triangles that take at most N x N samples, whose corners lie within 12 bits of each other.
template <int N>
HWY_INLINE void Cover(const Triangles& t, hn::Mask<I> mask, const float* nearness, int stride,
                      Covered<N>& out) {
  const F f;
  const I i;
  const auto zero = hn::Zero(i), half = hn::Set(i, kSub / 2);
  const auto sx = hn::Add(hn::ShiftLeft<kSubBits>(t.x0), half);
  const auto sy = hn::Add(hn::ShiftLeft<kSubBits>(t.y0), half);
  // Clockwise with y down: corners 0, 2, 1; each edge is opposite of a corner, whose weight it is.
  constexpr int kFrom[3] = {2, 1, 0}, kTo[3] = {1, 0, 2}, kCorner[3] = {0, 2, 1};
  hn::Vec<I> row[3], bias[3], along[3], down[3];
  auto area = zero;
  for (int k = 0; k < 3; ++k) {
    const auto from_x = t.x[kFrom[k]], from_y = t.y[kFrom[k]];
    const auto dx = hn::Sub(t.x[kTo[k]], from_x), dy = hn::Sub(t.y[kTo[k]], from_y);
    row[k] = hn::Sub(hn::Mul(dx, hn::Sub(sy, from_y)), hn::Mul(dy, hn::Sub(sx, from_x)));
    area = hn::Add(area, row[k]);
    const auto top_left = hn::Or(hn::Lt(dy, zero), hn::And(hn::Eq(dy, zero), hn::Gt(dx, zero)));
    bias[k] = hn::IfThenElse(top_left, zero, hn::Set(i, -1));
    along[k] = hn::Neg(hn::ShiftLeft<kSubBits>(dy));
    down[k] = hn::ShiftLeft<kSubBits>(dx);
  }
  mask = hn::And(mask, hn::Gt(area, zero));
  if (hn::AllFalse(i, mask)) return;
  hn::Vec<F> weight[3];
  const auto scale = hn::Div(hn::Set(f, 1.0F), hn::ConvertTo(f, area));
  for (int k = 0; k < 3; ++k) weight[k] = hn::Mul(Lookup(f, nearness, t.corner[kCorner[k]]), scale);
  auto place = hn::Add(hn::Mul(t.y0, hn::Set(i, stride)),
                       hn::Add(t.x0, hn::ShiftLeft<Covered<N>::kLaneShift>(hn::Iota(i, 0))));
  auto any = hn::MaskFromVec(zero);
  for (int y = 0; y < N; ++y) {
    const auto there_y = hn::And(mask, hn::Gt(t.y1, hn::Add(t.y0, hn::Set(i, y - 1))));
    if (y > 0 && hn::AllFalse(i, there_y)) break;
    hn::Vec<I> at[3] = {row[0], row[1], row[2]};
    for (int x = 0; x < N; ++x) {
      const auto there = hn::And(there_y, hn::Gt(t.x1, hn::Add(t.x0, hn::Set(i, x - 1))));
      const auto signs =
          hn::Or(hn::Add(at[0], bias[0]), hn::Or(hn::Add(at[1], bias[1]), hn::Add(at[2], bias[2])));
      const auto covers = hn::And(there, hn::Gt(signs, hn::Set(i, -1)));
      if (!hn::AllFalse(i, covers)) {
        any = hn::Or(any, covers);
        auto sum = hn::Zero(f);
        for (int k = 0; k < 3; ++k) sum = hn::Add(sum, hn::Mul(hn::ConvertTo(f, at[k]), weight[k]));
        out.Append(hn::Add(place, hn::Set(i, x)), sum, covers);
      }
      for (int k = 0; k < 3; ++k) at[k] = hn::Add(at[k], along[k]);
    }
    for (int k = 0; k < 3; ++k) row[k] = hn::Add(row[k], down[k]);
    place = hn::Add(place, hn::Set(i, stride));
  }
  out.lanes = Bits(i, any);
}

/// Where it is nearer, and in the order of ids where it is as near. Without branches, whose
/// outcome can't be foreseen.
HWY_INLINE void Put(float nearness, uint32_t id, float& kept_nearness, uint32_t& kept_id) {
  const auto before = std::bit_cast<uint32_t>(kept_nearness);
  const auto now = std::bit_cast<uint32_t>(nearness);
  // kNoTriangle + 1 is 0.
  const bool first = nearness == kept_nearness && id + 1 < kept_id + 1;
  const uint32_t wins = 0U - static_cast<uint32_t>(nearness > kept_nearness || first);
  kept_nearness = std::bit_cast<float>((now & wins) | (before & ~wins));
  kept_id = (id & wins) | (kept_id & ~wins);
}

/// Faces us: a bound, as floats round; SetUp decides.
HWY_INLINE hn::Mask<I> MayFaceUs(const Triangles& t) {
  const F f;
  const I i;
  const auto edge = [&](hn::Vec<I> a, hn::Vec<I> b)
                        HWY_ATTR { return hn::ConvertTo(f, hn::Sub(a, b)); };
  const auto one = hn::Mul(edge(t.x[2], t.x[0]), edge(t.y[1], t.y[0]));
  const auto two = hn::Mul(edge(t.x[1], t.x[0]), edge(t.y[2], t.y[0]));
  const auto slack = hn::Mul(hn::Add(hn::Abs(one), hn::Abs(two)), hn::Set(f, 1e-6F));
  return hn::RebindMask(i, hn::Ge(hn::Add(hn::Sub(one, two), slack), hn::Zero(f)));
}

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

/// Triangles that wait to be drawn, in the cluster's order: their corners, a byte each, and above
/// them their place in the cluster.
struct Waiting {
  alignas(64) int32_t packed[kClusterTriangles + 2 * kLanes];
  int count = 0;

  HWY_INLINE void Append(hn::Vec<I> triangles, hn::Mask<I> mask) {
    const I i;
    hn::StoreU(hn::Compress(triangles, mask), i, packed + count);
    count += static_cast<int>(hn::CountTrue(i, mask));
  }
};

/// Those of at most N x N samples, a vector at a time.
template <int N>
HWY_INLINE void DrawSmall(const DrawCall& call, const Cluster& cluster, const Transformed& vertex,
                          const Waiting& waiting, VisibilityBuffer& buffer) {
  const I i;
  const int lanes = static_cast<int>(hn::Lanes(i));
  for (int first = 0; first < waiting.count; first += lanes) {
    const auto packed = hn::LoadU(i, waiting.packed + first);
    const auto mask = hn::FirstN(i, static_cast<size_t>(waiting.count - first));
    const auto byte = hn::Set(i, 0xFF);
    Triangles t;
    t.corner[0] = hn::IfThenElseZero(mask, hn::And(packed, byte));
    t.corner[1] = hn::IfThenElseZero(mask, hn::And(hn::ShiftRight<8>(packed), byte));
    t.corner[2] = hn::IfThenElseZero(mask, hn::And(hn::ShiftRight<16>(packed), byte));
    LookUp(vertex, buffer, t);
    Covered<N> covered;
    Cover(t, mask, vertex.nearness, buffer.stride, covered);
    uint32_t ids[kLanes];
    for (int lane = 0; lane < std::min(lanes, waiting.count - first); ++lane) {
      ids[lane] = buffer.num_refs;
      const auto triangle = static_cast<uint32_t>(waiting.packed[first + lane]) >> 24;
      buffer.refs[buffer.num_refs] = {call.instance, cluster.first_triangle + triangle};
      buffer.num_refs += covered.lanes >> lane & 1U;
    }
    for (int k = 0; k < covered.count; ++k) {
      const auto place = static_cast<uint32_t>(covered.place[k]);
      const size_t sample = place & ((1U << Covered<N>::kLaneShift) - 1);
      Put(covered.nearness[k], ids[place >> Covered<N>::kLaneShift], buffer.nearness[sample],
          buffer.id[sample]);
    }
  }
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

Projection MakeProjection(float fx, float fy, float cx, float cy, int width, int height) {
  Projection p;
  p.fx = fx, p.fy = fy, p.cx = cx, p.cy = cy;
  const float w = static_cast<float>(width), h = static_cast<float>(height);
  p.side[0] = std::hypot(fx, cx);
  p.side[1] = std::hypot(fx, cx - w);
  p.side[2] = std::hypot(fy, cy);
  p.side[3] = std::hypot(fy, cy - h);
  p.scale = std::max(fx, fy);
  return p;
}

Extent SphereExtent(const Projection& p, const float rows[3][4], Vec3 c, float radius, int width,
                    int height) {
  float at[3];
  for (int r = 0; r < 3; ++r)
    at[r] = ((rows[r][0] * c.x + rows[r][1] * c.y) + rows[r][2] * c.z) + rows[r][3];
  const float x = at[0], y = at[1], depth = at[2];
  const float w = static_cast<float>(width), h = static_cast<float>(height);
  constexpr float kGuard = 8000;  // samples; a little less than where triangles are clipped
  constexpr float kRounding = 1e-5F;
  Extent e;
  // Written so that what is not finite counts as visible and unsafe: triangles are looked at then.
  if (depth + radius < p.near || depth - radius > p.far) return e;
  float x_low, x_high, y_low, y_high;
  if (p.orthographic) {
    x_low = x - radius * p.fx, x_high = x + radius * p.fx;
    y_low = y - radius * p.fy, y_high = y + radius * p.fy;
    e.nearest = radius - depth + kRounding * (std::abs(depth) + radius);
  } else {
    if (x < -radius * p.side[0] || x - w * depth > radius * p.side[1] || y < -radius * p.side[2] ||
        y - h * depth > radius * p.side[3])
      return e;
    e.nearest = std::numeric_limits<float>::infinity();
    if (!(depth - radius > p.near)) {
      e.visible = true;
      return e;
    }
    // (x +- r) / depth' with the depth that makes it widest; cx moves along.
    const float nearest = 1 / (depth - radius), farthest = 1 / (depth + radius);
    const float dx = x - p.cx * depth, dy = y - p.cy * depth;
    const float left = dx - radius * p.fx, right = dx + radius * p.fx;
    const float top = dy - radius * p.fy, bottom = dy + radius * p.fy;
    x_low = p.cx + left * (left < 0 ? nearest : farthest);
    x_high = p.cx + right * (right > 0 ? nearest : farthest);
    y_low = p.cy + top * (top < 0 ? nearest : farthest);
    y_high = p.cy + bottom * (bottom > 0 ? nearest : farthest);
    e.nearest = nearest * (1 + kRounding);
  }
  e.visible = !(x_high < 0 || x_low > w || y_high < 0 || y_low > h);
  e.safe = depth - radius > p.near && x_low > -kGuard && x_high < kGuard && y_low > -kGuard &&
           y_high < kGuard;
  if (!e.visible || !e.safe) return e;
  e.span = std::max(x_high - x_low, y_high - y_low);
  // One sample more on each side: vertices are rounded.
  e.x0 = std::max(0, static_cast<int>(x_low) - 1);
  e.y0 = std::max(0, static_cast<int>(y_low) - 1);
  e.x1 = std::min(width - 1, static_cast<int>(x_high) + 1);
  e.y1 = std::min(height - 1, static_cast<int>(y_high) + 1);
  return e;
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
