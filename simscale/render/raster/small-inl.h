// Internal to draw.cc: clusters whose triangles take few samples each, a vector of triangles at a
// time.

#if defined(SIMSCALE_RENDER_RASTER_SMALL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SIMSCALE_RENDER_RASTER_SMALL_INL_H_
#undef SIMSCALE_RENDER_RASTER_SMALL_INL_H_
#else
#define SIMSCALE_RENDER_RASTER_SMALL_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <bit>

#include "simscale/render/raster/fill-inl.h"

HWY_BEFORE_NAMESPACE();
namespace simscale::render::raster::HWY_NAMESPACE {

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

}  // namespace simscale::render::raster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // once for each target
