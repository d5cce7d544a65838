#include "simscale/render/raster/shade.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simscale/render/raster/shade.cc"  // NOLINT
#include <hwy/foreach_target.h>                               // IWYU pragma: keep
// foreach_target.h comes first
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace simscale::render::raster::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using I = hn::RebindToSigned<F>;
using V = hn::Vec<F>;

struct V3 {
  V x, y, z;
};
HWY_INLINE V Set(float v) { return hn::Set(F(), v); }
HWY_INLINE V3 Set(Vec3 v) { return {Set(v.x), Set(v.y), Set(v.z)}; }
HWY_INLINE V3 Add(V3 a, V3 b) { return {hn::Add(a.x, b.x), hn::Add(a.y, b.y), hn::Add(a.z, b.z)}; }
HWY_INLINE V3 Sub(V3 a, V3 b) { return {hn::Sub(a.x, b.x), hn::Sub(a.y, b.y), hn::Sub(a.z, b.z)}; }
HWY_INLINE V3 Scale(V3 a, V s) { return {hn::Mul(a.x, s), hn::Mul(a.y, s), hn::Mul(a.z, s)}; }
HWY_INLINE V Dot(V3 a, V3 b) {
  return hn::MulAdd(a.x, b.x, hn::MulAdd(a.y, b.y, hn::Mul(a.z, b.z)));
}
HWY_INLINE V3 Cross(V3 a, V3 b) {
  return {hn::Sub(hn::Mul(a.y, b.z), hn::Mul(a.z, b.y)),
          hn::Sub(hn::Mul(a.z, b.x), hn::Mul(a.x, b.z)),
          hn::Sub(hn::Mul(a.x, b.y), hn::Mul(a.y, b.x))};
}
/// One step of Newton's on the CPU's estimate: 22 bits at least, which colours have no use for.
HWY_INLINE V InverseNorm(V3 a) {
  const V square = hn::Max(Dot(a, a), Set(1e-30F));
  const V guess = hn::ApproximateReciprocalSqrt(square);
  return hn::Mul(guess,
                 hn::Sub(Set(1.5F), hn::Mul(hn::Mul(Set(0.5F), square), hn::Mul(guess, guess))));
}
/// base^exponent for base in [0, 1], or 0 where that is below 1/1000.
HWY_INLINE V Power(V base, float exponent) {
  if (exponent == 0) return Set(1.0F);
  const F f;
  constexpr float kLogLeast = -6.9F;
  const auto matters = hn::Gt(base, Set(std::exp(kLogLeast / exponent)));
  if (hn::AllFalse(f, matters)) return Set(0.0F);
  if (exponent > 0 && exponent <= 128 && exponent == std::floor(exponent)) {
    V power = Set(1.0F);  // by squaring: MuJoCo's default is 64
    for (auto rest = static_cast<unsigned>(exponent); rest != 0; rest >>= 1) {
      if ((rest & 1U) != 0) power = hn::Mul(power, base);
      base = hn::Mul(base, base);
    }
    return hn::IfThenElseZero(matters, power);
  }
  const V power = hn::Exp(f, hn::Mul(Set(exponent), hn::Log(f, hn::Max(base, Set(1e-30F)))));
  return hn::IfThenElseZero(matters, power);
}

/// From each address, one a lane, four floats: all the first ones, all the second ones, ...
struct Four {
  V part[4];
};
HWY_INLINE Four LoadFours(const float* const* from, size_t offset) {
#if HWY_TARGET == HWY_SCALAR
  const float* at = from[0] + offset;
  return {{Set(at[0]), Set(at[1]), Set(at[2]), Set(at[3])}};
#else
  const F f;
  // Row j: block b of 128 bits holds those of lane 4 b + j.
  const auto row = [&](size_t j) HWY_ATTR {
    const auto at = [&](size_t b) { return from[4 * b + j] + offset; };
    if constexpr (hn::MaxLanes(F()) == 4) {
      return hn::LoadU(f, at(0));
    } else {
      const hn::Half<F> half;
      if constexpr (hn::MaxLanes(F()) == 8) {
        return hn::Combine(f, hn::LoadU(half, at(1)), hn::LoadU(half, at(0)));
      } else {
        const hn::Half<hn::Half<F> > quarter;
        return hn::Combine(f,
                           hn::Combine(half, hn::LoadU(quarter, at(3)), hn::LoadU(quarter, at(2))),
                           hn::Combine(half, hn::LoadU(quarter, at(1)), hn::LoadU(quarter, at(0))));
      }
    }
  };
  const V r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3);
  const V low02 = hn::InterleaveLower(f, r0, r2), low13 = hn::InterleaveLower(f, r1, r3);
  const V high02 = hn::InterleaveUpper(f, r0, r2), high13 = hn::InterleaveUpper(f, r1, r3);
  return {{hn::InterleaveLower(f, low02, low13), hn::InterleaveUpper(f, low02, low13),
           hn::InterleaveLower(f, high02, high13), hn::InterleaveUpper(f, high02, high13)}};
#endif
}

/// Where the fragments are: lane by lane, in the mesh's frame, and the triangles that they lie on.
struct Places {
  V3 p;
  const Triangle* triangle[kLanes];
  bool same = true;  ///< one triangle for all
};
/// index: of the first `count` lanes.
HWY_INLINE void FindTriangles(const Triangle* triangles, const uint32_t* index, size_t count,
                              Places& places) {
  places.same = true;
  for (size_t lane = 0; lane < hn::MaxLanes(F()); ++lane) {
    const uint32_t at = index[lane < count ? lane : 0];
    places.same &= at == index[0];
    places.triangle[lane] = &triangles[at];
  }
}

/// The surface's normal there, of any length, in the mesh's frame.
HWY_INLINE V3 SmoothNormal(const Places& places) {
  static_assert(sizeof(Triangle) == 24 * sizeof(float), "all of it is loaded, in fours");
  const Triangle& first = *places.triangle[0];
  const auto equal = [](Vec3 a, Vec3 b) { return a.x == b.x && a.y == b.y && a.z == b.z; };
  if (places.same && equal(first.normal[0], first.normal[1]) &&
      equal(first.normal[0], first.normal[2]))
    return Set(first.normal[0]);  // a floor, a side of a box
  const float* from[kLanes];
  for (size_t lane = 0; lane < hn::MaxLanes(F()); ++lane)
    from[lane] = &places.triangle[lane]->position[0].x;
  V all[20];
  if (places.same) {
    for (size_t k = 0; k < 18; ++k) all[k] = Set(from[0][k]);
  } else {
    for (size_t k = 0; k < 20; k += 4) {
      const Four four = LoadFours(from, k);
      for (size_t j = 0; j < 4; ++j) all[k + j] = four.part[j];
    }
  }
  const auto vector = [&](size_t k) HWY_ATTR { return V3{all[k], all[k + 1], all[k + 2]}; };
  const V3 p0 = vector(0);
  const V3 e1 = Sub(vector(3), p0), e2 = Sub(vector(6), p0);
  const V3 d = Sub(places.p, p0);
  const V3 normal = Cross(e1, e2);
  const V scale = hn::Div(Set(1.0F), hn::Max(Dot(normal, normal), Set(1e-37F)));
  V w1 = hn::Mul(Dot(Cross(d, e2), normal), scale);
  V w2 = hn::Mul(Dot(Cross(e1, d), normal), scale);
  w1 = hn::Min(hn::Max(w1, Set(0.0F)), Set(1.0F));
  w2 = hn::Min(hn::Max(w2, Set(0.0F)), hn::Sub(Set(1.0F), w1));
  const V w0 = hn::Sub(hn::Sub(Set(1.0F), w1), w2);
  return Add(Add(Scale(vector(9), w0), Scale(vector(12), w1)), Scale(vector(15), w2));
}

struct LightTerms {
  V r, g, b;
};

/// Light `light` on a surface with normal `n` at `q` (relative to the camera, `to_eye` from there).
HWY_INLINE void AddLight(const Light& light, const Vec3& camera, const Material& material, V3 q,
                         V3 to_eye, V3 n, V lit, LightTerms& sum) {
  V3 to_light = Set(light.direction * -1);
  V strength = Set(1.0F);
  if (light.type != mjLIGHT_DIRECTIONAL) {
    const V3 gap = Sub(Set(light.position - camera), q);
    const V inverse = InverseNorm(gap);
    to_light = Scale(gap, inverse);
    const V distance = hn::Div(Set(1.0F), inverse);
    const float* a = light.attenuation;
    const V loss = hn::MulAdd(hn::MulAdd(Set(a[2]), distance, Set(a[1])), distance, Set(a[0]));
    strength = hn::Div(Set(1.0F), hn::Max(loss, Set(1e-6F)));
    if (light.type == mjLIGHT_SPOT && light.cos_cutoff >= -1) {
      const V cosine = hn::Neg(Dot(to_light, Set(light.direction)));
      const V spot = Power(hn::Max(hn::Min(cosine, Set(1.0F)), Set(0.0F)), light.exponent);
      strength = hn::Mul(strength, hn::IfThenElseZero(hn::Ge(cosine, Set(light.cos_cutoff)), spot));
    }
  }
  strength = hn::Mul(strength, lit);
  const V cosine = Dot(n, to_light);
  const V diffuse = hn::Max(cosine, Set(0.0F));
  V specular = Set(0.0F);
  const bool shiny =
      material.specular > 0 && light.specular.x + light.specular.y + light.specular.z > 0;
  if (shiny) {
    const V3 half = Add(to_light, to_eye);
    const V shine =
        Power(hn::Min(hn::Max(hn::Mul(Dot(n, half), InverseNorm(half)), Set(0.0F)), Set(1.0F)),
              material.shininess * 128);
    specular =
        hn::IfThenElseZero(hn::Gt(cosine, Set(0.0F)), hn::Mul(shine, Set(material.specular)));
  }
  const auto channel = [&](V& out, float rgba, float ambient, float diffuse_light,
                           float specular_light) HWY_ATTR {
    V value = hn::MulAdd(diffuse, Set(diffuse_light * rgba), Set(ambient * rgba));
    if (shiny) value = hn::MulAdd(specular, Set(specular_light), value);
    out = hn::MulAdd(strength, value, out);
  };
  channel(sum.r, material.rgba[0], light.ambient.x, light.diffuse.x, light.specular.x);
  channel(sum.g, material.rgba[1], light.ambient.y, light.diffuse.y, light.specular.y);
  channel(sum.b, material.rgba[2], light.ambient.z, light.diffuse.z, light.specular.z);
}

/// 1 where the light of the map reaches, else 0; q relative to the camera, n the surface's normal.
HWY_INLINE V Lit(const ShadowMap& map, V3 q, V3 n) {
  const F f;
  const I i;
  const auto row = [&](V3 p, int r) HWY_ATTR {
    const float* m = map.rows[r];
    return hn::MulAdd(p.x, Set(m[0]),
                      hn::MulAdd(p.y, Set(m[1]), hn::MulAdd(p.z, Set(m[2]), Set(m[3]))));
  };
  // Off the surface by some texels: what the map holds of the surface itself is no shadow.
  constexpr float kTexels = 2;
  const bool orthographic = map.eye.view.orthographic;
  const V reach = orthographic ? Set(1.0F) : hn::Max(row(q, 2), Set(0.0F));
  const V3 p = Add(q, Scale(n, hn::Mul(reach, Set(kTexels * map.texel))));
  const V depth = row(p, 2);
  const V unit = orthographic ? Set(1.0F) : hn::Div(Set(1.0F), depth);
  const V x = hn::Floor(hn::Mul(row(p, 0), unit)), y = hn::Floor(hn::Mul(row(p, 1), unit));
  const float last_x = static_cast<float>(map.eye.width - 1);
  const float last_y = static_cast<float>(map.eye.height - 1);
  // Outside the map everything is lit.
  const auto inside = hn::And(hn::And(hn::Ge(x, Set(0.0F)), hn::Le(x, Set(last_x))),
                              hn::And(hn::And(hn::Ge(y, Set(0.0F)), hn::Le(y, Set(last_y))),
                                      hn::Gt(depth, Set(map.eye.view.near))));
  const auto column = hn::ConvertTo(i, hn::IfThenElseZero(inside, x));
  const auto line = hn::ConvertTo(i, hn::IfThenElseZero(inside, y));
  const auto at = hn::Add(hn::Mul(line, hn::Set(i, map.moving.stride)), column);
  const V stored = hn::Max(hn::GatherIndex(f, map.moving.nearness.data(), at),
                           hn::GatherIndex(f, map.fixed->nearness.data(), at));
  const V nearness = orthographic ? hn::Neg(depth) : unit;
  return hn::IfThenElse(hn::And(inside, hn::Gt(stored, nearness)), Set(0.0F), Set(1.0F));
}

void LightFragments(const ShadeJob& job, const MeshFrame& local, Fragments& fragments, size_t first,
                    size_t count) {
  const F f;
  const Scene& scene = *job.scene;
  const View& view = scene.view;
  const Instance& instance = *job.instance;
  const Material& material = instance.material;
  const size_t lanes = hn::Lanes(f);
  const float ambient = scene.lights.empty() ? 0.3F : 0.0F;
  for (size_t at = first; at < first + count; at += lanes) {
    const V depth = hn::LoadU(f, &fragments.depth[at]);
    const V rx = hn::Mul(hn::Sub(hn::LoadU(f, &fragments.x[at]), Set(view.cx)), Set(1 / view.fx));
    const V ry = hn::Mul(hn::Sub(Set(view.cy), hn::LoadU(f, &fragments.y[at])), Set(1 / view.fy));
    V3 q = Add(Scale(Set(view.right), rx), Scale(Set(view.up), ry));
    if (view.orthographic) {
      q = Add(q, Scale(Set(view.forward), depth));
    } else {
      q = Scale(Add(q, Set(view.forward)), depth);
    }
    Places places;
    places.p = {hn::Add(Dot(Set(local.row[0]), q), Set(local.offset.x)),
                hn::Add(Dot(Set(local.row[1]), q), Set(local.offset.y)),
                hn::Add(Dot(Set(local.row[2]), q), Set(local.offset.z))};
    FindTriangles(job.level->triangles.data(), &fragments.triangle[at],
                  std::min(lanes, first + count - at), places);
    const V3 smooth = SmoothNormal(places);
    // Normals go with the inverse transpose: rotation * (1 / scale .* n).
    const V3 stretched = {hn::Mul(smooth.x, Set(Inverse(instance.scale.x))),
                          hn::Mul(smooth.y, Set(Inverse(instance.scale.y))),
                          hn::Mul(smooth.z, Set(Inverse(instance.scale.z)))};
    const float* r = instance.rotation.m;
    V3 n = {Dot(Set(Vec3{r[0], r[1], r[2]}), stretched),
            Dot(Set(Vec3{r[3], r[4], r[5]}), stretched),
            Dot(Set(Vec3{r[6], r[7], r[8]}), stretched)};
    n = Scale(n, InverseNorm(n));
    const V3 to_eye =
        view.orthographic ? Set(view.forward * -1) : Scale(q, hn::Neg(InverseNorm(q)));
    const float glow = material.emission + ambient;
    LightTerms sum = {Set(glow * material.rgba[0]), Set(glow * material.rgba[1]),
                      Set(glow * material.rgba[2])};
    for (size_t l = 0; l < scene.lights.size(); ++l) {
      V lit = Set(1.0F);
      if (job.shadows != nullptr && job.shadows->light(l).active)
        lit = Lit(job.shadows->light(l), q, n);
      AddLight(scene.lights[l], view.position, material, q, to_eye, n, lit, sum);
    }
    const auto store = [&](V value, std::vector<float>& out) HWY_ATTR {
      hn::StoreU(hn::Min(hn::Max(value, Set(0.0F)), Set(1.0F)), f, &out[at]);
    };
    store(sum.r, fragments.r);
    store(sum.g, fragments.g);
    store(sum.b, fragments.b);
  }
}

/// Colours of 0 .. 1 as bytes, 0x00bbggrr.
void PackColours(Fragments& fragments, size_t first, size_t count) {
  const F f;
  const I i;
  const auto byte = [&](const float* from) HWY_ATTR {
    const V c = hn::Min(hn::Max(hn::LoadU(f, from), Set(0.0F)), Set(1.0F));
    return hn::ConvertTo(i, hn::MulAdd(c, Set(255.0F), Set(0.5F)));
  };
  const hn::RebindToUnsigned<F> u;
  for (size_t at = first; at < first + count; at += hn::Lanes(f)) {
    const auto red = byte(&fragments.r[at]);
    const auto green = hn::ShiftLeft<8>(byte(&fragments.g[at]));
    const auto blue = hn::ShiftLeft<16>(byte(&fragments.b[at]));
    hn::StoreU(hn::BitCast(u, hn::Or(red, hn::Or(green, blue))), u, &fragments.colour[at]);
  }
}

}  // namespace simscale::render::raster::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace simscale::render::raster {
namespace {

HWY_EXPORT(LightFragments);
HWY_EXPORT(PackColours);

/// Where a ray through a pixel goes in a mesh's frame, and how it turns from pixel to pixel.
struct Ray {
  Vec3 origin, direction;
  Vec3 shift[2];  ///< of the origin if orthographic, else of the direction, a pixel along x and y
};

class Texturer {
 public:
  Texturer(const ShadeJob& job, const MeshFrame& frame)
      : material_(job.instance->material), level_(*job.level), view_(job.scene->view) {
    const auto turn = [&](Vec3 v) {
      return Vec3{Dot(frame.row[0], v), Dot(frame.row[1], v), Dot(frame.row[2], v)};
    };
    right_ = turn(view_.right), up_ = turn(view_.up), forward_ = turn(view_.forward);
    origin_ = frame.offset;
  }

  Vec3 Colour(uint32_t triangle, float x, float y) const {
    const Triangle& t = level_.triangles[triangle];
    const Vec3 e1 = t.position[1] - t.position[0], e2 = t.position[2] - t.position[0];
    const Vec3 normal = Cross(e1, e2);
    const Ray ray = At(x, y);
    const float facing = Dot(normal, ray.direction);
    const float reach = Dot(normal, t.position[0] - ray.origin) / facing;
    const Vec3 p = ray.origin + ray.direction * reach;
    Vec3 step[2];  // of p, from pixel to pixel on the triangle's plane
    for (int k = 0; k < 2; ++k) {
      const Vec3 off = view_.orthographic ? ray.shift[k] : ray.shift[k] * reach;
      step[k] = off - ray.direction * (Dot(normal, off) / facing);
    }
    const float* scale = material_.scale;
    if (material_.mapping == Mapping::kCube) {
      const auto scaled = [&](Vec3 v) {
        return Vec3{v.x * scale[0], v.y * scale[1], v.z * scale[2]};
      };
      const float* offset = material_.offset;
      return material_.texture->Sample(scaled(p) + Vec3{offset[0], offset[1], offset[2]},
                                       scaled(step[0]), scaled(step[1]));
    }
    if (material_.mapping == Mapping::kPlanar) {
      const float du[2] = {step[0].x * scale[0], step[1].x * scale[0]};
      const float dv[2] = {step[0].y * scale[1], step[1].y * scale[1]};
      return material_.texture->Sample(p.x * scale[0] + material_.offset[0],
                                       p.y * scale[1] + material_.offset[1], du, dv);
    }
    const float area = 1 / std::max(Dot(normal, normal), 1e-37F);
    const auto weights = [&](Vec3 d, float(&w)[2]) {
      w[0] = Dot(Cross(d, e2), normal) * area;
      w[1] = Dot(Cross(e1, d), normal) * area;
    };
    const auto mix = [&](const float(&w)[2], int k) {
      return (t.uv[1][k] - t.uv[0][k]) * w[0] + (t.uv[2][k] - t.uv[0][k]) * w[1];
    };
    float w[2], wx[2], wy[2];
    weights(p - t.position[0], w);
    weights(step[0], wx);
    weights(step[1], wy);
    const float du[2] = {mix(wx, 0) * scale[0], mix(wy, 0) * scale[0]};
    const float dv[2] = {mix(wx, 1) * scale[1], mix(wy, 1) * scale[1]};
    return material_.texture->Sample((t.uv[0][0] + mix(w, 0)) * scale[0],
                                     (t.uv[0][1] + mix(w, 1)) * scale[1], du, dv);
  }

 private:
  Ray At(float x, float y) const {
    const float rx = (x - view_.cx) / view_.fx, ry = (view_.cy - y) / view_.fy;
    const Vec3 across = right_ * rx + up_ * ry;
    Ray ray;
    ray.shift[0] = right_ * (1 / view_.fx);
    ray.shift[1] = up_ * (-1 / view_.fy);
    ray.origin = view_.orthographic ? origin_ + across : origin_;
    ray.direction = view_.orthographic ? forward_ : forward_ + across;
    return ray;
  }

  const Material& material_;
  const Level& level_;
  const View& view_;
  Vec3 right_, up_, forward_, origin_;  // in the mesh's frame
};

Vec3 Mix(Vec3 a, Vec3 b, float t) { return a * (1 - t) + b * t; }

float FogAt(const Fog& fog, float depth) {
  const float range = fog.end - fog.start;
  return range > 0 ? std::clamp((depth - fog.start) / range, 0.0F, 1.0F) : 1;
}

/// The haze is a truncated cone about the head: its alpha rises from the ground to `top`, then
/// falls. In units of the sky's distance along the ground and of the head's height upwards, a ray
/// that falls by `fall` meets it at distance 1 / (1 + slope fall), at height 1 - fall * distance.
struct HazeHit {
  float alpha = 0, distance = 0;  ///< m, along the ground
};
HazeHit MeetHaze(const Scene& scene, Vec3 direction) {
  const Haze& haze = scene.haze;
  if (!haze.visible) return {};
  const float rise = Dot(direction, haze.up);
  const Vec3 along = direction - haze.up * rise;
  const float ground = Norm(along);
  if (!(ground > 1e-9F)) return {};
  const float fall = -rise / ground * scene.sky_distance / haze.height;
  const float distance = 1 / (1 + haze.slope * fall);
  const float height = 1 - fall * distance;
  if (!(distance > 0 && height >= 0 && height <= 1)) return {};
  constexpr float kThreeQuarterTurn = 0.75F * 3.14159265F;
  const float alpha = std::atan2(1.0F, haze.slope), beta = kThreeQuarterTurn - alpha;
  const float top = std::sqrt(0.5F) * haze.slope * std::sin(alpha) / std::sin(beta);
  const float opacity = height < top ? height / top : (1 - height) / (1 - top);
  return {std::clamp(opacity, 0.0F, 1.0F), distance * scene.sky_distance};
}

Vec3 PixelDirection(const View& view, float x, float y) {
  if (view.orthographic) return view.forward;
  return view.forward + view.right * ((x - view.cx) / view.fx) +
         view.up * ((view.cy - y) / view.fy);
}

}  // namespace

void Fragments::Resize(size_t count) {
  const size_t padded = count + kLanes;
  if (sample.size() >= padded) return;
  for (auto* list : {&sample, &triangle, &colour}) list->resize(padded);
  for (auto* list : {&x, &y, &depth, &r, &g, &b}) list->resize(padded);
}

MeshFrame ToMeshFrame(const Instance& instance, Vec3 camera) {
  MeshFrame frame;
  const float* r = instance.rotation.m;
  const float inverse[3] = {Inverse(instance.scale.x), Inverse(instance.scale.y),
                            Inverse(instance.scale.z)};
  for (int k = 0; k < 3; ++k) frame.row[k] = Vec3{r[k], r[3 + k], r[6 + k]} * inverse[k];
  const Vec3 gap = camera - instance.position;
  frame.offset = {Dot(frame.row[0], gap), Dot(frame.row[1], gap), Dot(frame.row[2], gap)};
  return frame;
}

namespace {

/// Textures, fog and haze over the lit colours.
void Finish(const ShadeJob& job, const MeshFrame& frame, Fragments& fragments, size_t first,
            size_t count) {
  const Scene& scene = *job.scene;
  const auto change = [&](size_t i, auto&& function) {
    const Vec3 colour = function(Vec3{fragments.r[i], fragments.g[i], fragments.b[i]});
    fragments.r[i] = colour.x, fragments.g[i] = colour.y, fragments.b[i] = colour.z;
  };
  if (job.instance->material.mapping != Mapping::kNone) {
    const Texturer texturer(job, frame);
    for (size_t i = first; i < first + count; ++i) {
      const Vec3 t = texturer.Colour(fragments.triangle[i], fragments.x[i], fragments.y[i]);
      change(i, [&](Vec3 c) { return Vec3{c.x * t.x, c.y * t.y, c.z * t.z}; });
    }
  }
  if (scene.fog.visible) {
    for (size_t i = first; i < first + count; ++i)
      change(i, [&](Vec3 c) {
        return Mix(c, scene.fog.colour, FogAt(scene.fog, fragments.depth[i]));
      });
  }
  if (!job.instance->infinite || scene.sky == nullptr) return;
  for (size_t i = first; i < first + count; ++i) {
    const Vec3 direction = PixelDirection(scene.view, fragments.x[i], fragments.y[i]);
    const Vec3 normal = job.instance->rotation * Vec3{0, 0, 1};
    const float distance = fragments.depth[i] * Norm(direction - normal * Dot(direction, normal));
    if (distance > scene.sky_distance) {
      change(i, [&](Vec3) { return SkyColour(scene, fragments.x[i], fragments.y[i]); });
    } else if (const HazeHit haze = MeetHaze(scene, direction);
               haze.alpha > 0 && haze.distance < distance) {
      change(i, [&](Vec3 c) { return Mix(c, scene.haze.colour, haze.alpha); });
    }
  }
}

}  // namespace

void Shade(const ShadeJob& job, Fragments& fragments, size_t first, size_t count) {
  if (count == 0) return;
  const MeshFrame frame = ToMeshFrame(*job.instance, job.scene->view.position);
  HWY_DYNAMIC_DISPATCH(LightFragments)(job, frame, fragments, first, count);
  Finish(job, frame, fragments, first, count);
  HWY_DYNAMIC_DISPATCH(PackColours)(fragments, first, count);
}

Vec3 SkyColour(const Scene& scene, float x, float y) {
  if (scene.sky == nullptr) return {};
  const View& view = scene.view;
  // MuJoCo's sky texture has y up: its z is the world's -y.
  const auto turned = [](Vec3 v) { return Vec3{v.x, v.z, -v.y}; };
  const Vec3 direction = PixelDirection(view, x, y);
  const Vec3 none = {};
  Vec3 colour = scene.sky->Sample(turned(direction),
                                  turned(view.orthographic ? none : view.right * (1 / view.fx)),
                                  turned(view.orthographic ? none : view.up * (-1 / view.fy)));
  if (scene.fog.visible)
    colour = Mix(colour, scene.fog.colour, FogAt(scene.fog, scene.sky_distance));
  const HazeHit haze = MeetHaze(scene, direction);
  return haze.alpha > 0 ? Mix(colour, scene.haze.colour, haze.alpha) : colour;
}

}  // namespace simscale::render::raster
#endif
