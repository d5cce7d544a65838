#pragma once

// Internal to render/raster: single-precision vectors of three.

#include <cmath>

namespace simscale::render::raster {

struct Vec3 {
  float x = 0, y = 0, z = 0;
};
inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
inline float Dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 Cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline float Norm(Vec3 a) { return std::sqrt(Dot(a, a)); }
/// (0, 0, 1) for a vector that is too short to have a direction.
inline Vec3 Normalized(Vec3 a) {
  const float norm = Norm(a);
  return norm > 1e-20F ? a * (1 / norm) : Vec3{0, 0, 1};
}

/// 1 / s, finite for lengths of (nearly) nothing too.
inline float Inverse(float s) { return std::abs(s) > 1e-20F ? 1 / s : 1e20F; }

/// A rotation or any 3x3 matrix, row-major.
struct Mat3 {
  float m[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};

  Vec3 operator*(Vec3 v) const {
    return {m[0] * v.x + m[1] * v.y + m[2] * v.z, m[3] * v.x + m[4] * v.y + m[5] * v.z,
            m[6] * v.x + m[7] * v.y + m[8] * v.z};
  }
  /// The transpose times v: a rotation's inverse.
  Vec3 TransposeTimes(Vec3 v) const {
    return {m[0] * v.x + m[3] * v.y + m[6] * v.z, m[1] * v.x + m[4] * v.y + m[7] * v.z,
            m[2] * v.x + m[5] * v.y + m[8] * v.z};
  }
};
template <class T>
Vec3 ToVec3(const T* p) {
  return {static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2])};
}
template <class T>
Mat3 ToMat3(const T* p) {
  Mat3 result;
  for (int i = 0; i < 9; ++i) result.m[i] = static_cast<float>(p[i]);
  return result;
}

}  // namespace simscale::render::raster
