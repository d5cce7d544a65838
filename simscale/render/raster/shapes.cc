#include "simscale/render/raster/shapes.h"

#include <algorithm>

namespace simscale::render::raster {
namespace {

constexpr float kPi = 3.14159265358979F;
constexpr float kSameSide = 0.8F;  // cosine; MuJoCo's limit for smooth corners

struct Corner {
  Vec3 position, normal;
  float u = 0, v = 0;  ///< texture coordinates
};

void AddTriangle(std::vector<Triangle>& out, const Corner& a, const Corner& b, const Corner& c) {
  Triangle t;
  const Corner* corners[3] = {&a, &b, &c};
  for (int k = 0; k < 3; ++k) {
    t.position[k] = corners[k]->position, t.normal[k] = corners[k]->normal;
    t.uv[k][0] = corners[k]->u, t.uv[k][1] = corners[k]->v;
  }
  out.push_back(t);
}
void AddQuad(std::vector<Triangle>& out, const Corner& a, const Corner& b, const Corner& c,
             const Corner& d) {
  AddTriangle(out, a, b, c);
  AddTriangle(out, a, c, d);
}
void AddFlatQuad(std::vector<Triangle>& out, Vec3 normal, Vec3 a, Vec3 b, Vec3 c, Vec3 d) {
  AddQuad(out, {a, normal}, {b, normal}, {c, normal}, {d, normal});
}

float Azimuth(int slice, int slices) {
  // The last one is the first, bit for bit: no crack along the seam.
  return 2 * kPi * static_cast<float>(slice % slices) / static_cast<float>(slices);
}

/// The part of the unit sphere between two elevations, in `rings` rings; a pole may be one of them.
/// v goes from v_from to v_to.
struct Rings {
  float from, to, v_from, v_to;
  int count;
};
void AddSphereRings(std::vector<Triangle>& out, const Rings& rings, int slices) {
  const auto corner = [&](int ring, int slice) {
    const float t = static_cast<float>(ring) / static_cast<float>(rings.count);
    const float elevation = rings.from + (rings.to - rings.from) * t;
    const float azimuth = Azimuth(slice, slices);
    const Vec3 p = {std::cos(azimuth) * std::cos(elevation),
                    std::sin(azimuth) * std::cos(elevation), std::sin(elevation)};
    return Corner{p, p, static_cast<float>(slice) / static_cast<float>(slices),
                  rings.v_from + (rings.v_to - rings.v_from) * t};
  };
  const auto pole = [&](int ring, int slice) {
    Corner c = corner(ring, slice);
    c.position = c.normal = {0, 0, c.position.z < 0 ? -1.0F : 1.0F};
    c.u = (static_cast<float>(slice) + 0.5F) / static_cast<float>(slices);
    return c;
  };
  const auto is_pole = [](float elevation) { return std::abs(elevation) > kPi / 2 - 1e-5F; };
  for (int i = 0; i < rings.count; ++i) {
    for (int j = 0; j < slices; ++j) {
      if (i == 0 && is_pole(rings.from)) {
        AddTriangle(out, pole(i, j), corner(i + 1, j + 1), corner(i + 1, j));
      } else if (i + 1 == rings.count && is_pole(rings.to)) {
        AddTriangle(out, corner(i, j), corner(i, j + 1), pole(i + 1, j));
      } else {
        AddQuad(out, corner(i, j), corner(i, j + 1), corner(i + 1, j + 1), corner(i + 1, j));
      }
    }
  }
}

void AddDisk(std::vector<Triangle>& out, int sign, int slices) {
  const float z = static_cast<float>(sign);
  const auto rim = [&](int j) {
    const float azimuth = Azimuth(j, slices);
    const float x = std::cos(azimuth), y = std::sin(azimuth);
    return Corner{{x, y, z}, {0, 0, z}, 0.5F + 0.5F * x, 0.5F + 0.5F * y};
  };
  for (int j = 0; j < slices; ++j) {
    const Corner middle = {{0, 0, z}, {0, 0, z}, 0.5F, 0.5F};
    if (sign > 0) AddTriangle(out, rim(j), rim(j + 1), middle);
    if (sign < 0) AddTriangle(out, middle, rim(j + 1), rim(j));
  }
}

}  // namespace

std::vector<Triangle> UnitPlane(bool facing_down) {
  std::vector<Triangle> out;
  const Vec3 a = {-1, -1, 0}, b = {1, -1, 0}, c = {1, 1, 0}, d = {-1, 1, 0};
  if (facing_down) {
    AddFlatQuad(out, {0, 0, 1}, a, d, c, b);
  } else {
    AddFlatQuad(out, {0, 0, 1}, a, b, c, d);
  }
  return out;
}

std::vector<Triangle> UnitBox() {
  std::vector<Triangle> out;
  // Corners in the order that has the texture upright seen from outside.
  const auto face = [&](Vec3 normal, Vec3 a, Vec3 b, Vec3 c, Vec3 d, bool flipped) {
    const float low = flipped ? 0 : 1, high = flipped ? 1 : 0;
    AddQuad(out, {a, normal, 0, low}, {b, normal, 1, low}, {c, normal, 1, high},
            {d, normal, 0, high});
  };
  face({0, 0, 1}, {-1, -1, 1}, {1, -1, 1}, {1, 1, 1}, {-1, 1, 1}, false);
  face({0, 0, -1}, {-1, 1, -1}, {1, 1, -1}, {1, -1, -1}, {-1, -1, -1}, true);
  face({1, 0, 0}, {1, -1, -1}, {1, 1, -1}, {1, 1, 1}, {1, -1, 1}, false);
  face({-1, 0, 0}, {-1, -1, 1}, {-1, 1, 1}, {-1, 1, -1}, {-1, -1, -1}, true);
  face({0, -1, 0}, {-1, -1, -1}, {1, -1, -1}, {1, -1, 1}, {-1, -1, 1}, false);
  face({0, 1, 0}, {-1, 1, 1}, {1, 1, 1}, {1, 1, -1}, {-1, 1, -1}, true);
  return out;
}

std::vector<Triangle> UnitSphere(int slices, int stacks) {
  std::vector<Triangle> out;
  const int half = std::max(1, stacks / 2);
  AddSphereRings(out, {-kPi / 2, 0, 1, 0.5F, half}, slices);
  AddSphereRings(out, {0, kPi / 2, 0.5F, 0, half}, slices);
  return out;
}

std::vector<Triangle> UnitHalfSphere(int sign, int slices, int stacks) {
  std::vector<Triangle> out;
  const int rings = std::max(1, stacks / 2);
  if (sign > 0) AddSphereRings(out, {0, kPi / 2, 1, 0, rings}, slices);
  if (sign < 0) AddSphereRings(out, {-kPi / 2, 0, 1, 0, rings}, slices);
  return out;
}

std::vector<Triangle> UnitCylinder(int slices, bool closed) {
  std::vector<Triangle> out;
  const auto corner = [&](int j, float z) {
    const float azimuth = Azimuth(j, slices);
    const Vec3 normal = {std::cos(azimuth), std::sin(azimuth), 0};
    return Corner{{normal.x, normal.y, z},
                  normal,
                  static_cast<float>(j) / static_cast<float>(slices),
                  (1 - z) / 2};
  };
  for (int j = 0; j < slices; ++j)
    AddQuad(out, corner(j, -1), corner(j + 1, -1), corner(j + 1, 1), corner(j, 1));
  if (closed) {
    AddDisk(out, -1, slices);
    AddDisk(out, 1, slices);
  }
  return out;
}

std::vector<Triangle> MeshTriangles(const mjModel* model, int mesh) {
  std::vector<Triangle> out;
  const float* vertices = model->mesh_vert + 3 * static_cast<ptrdiff_t>(model->mesh_vertadr[mesh]);
  const float* normals =
      model->mesh_normal + 3 * static_cast<ptrdiff_t>(model->mesh_normaladr[mesh]);
  const int texcoordadr = model->mesh_texcoordadr[mesh];
  const int first = model->mesh_faceadr[mesh];
  for (int face = first; face < first + model->mesh_facenum[mesh]; ++face) {
    Triangle t;
    for (int k = 0; k < 3; ++k) {
      t.position[k] = ToVec3(vertices + 3 * static_cast<ptrdiff_t>(model->mesh_face[3 * face + k]));
    }
    const Vec3 flat =
        Normalized(Cross(t.position[1] - t.position[0], t.position[2] - t.position[0]));
    for (int k = 0; k < 3; ++k) {
      const Vec3 smooth =
          ToVec3(normals + 3 * static_cast<ptrdiff_t>(model->mesh_facenormal[3 * face + k]));
      t.normal[k] = texcoordadr < 0 && Dot(smooth, flat) < kSameSide ? flat : smooth;
      if (texcoordadr < 0) continue;
      const float* uv =
          model->mesh_texcoord +
          2 * static_cast<ptrdiff_t>(model->mesh_facetexcoord[3 * face + k] + texcoordadr);
      std::copy_n(uv, 2, t.uv[k]);
    }
    out.push_back(t);
  }
  return out;
}

std::vector<Triangle> HeightFieldTriangles(const mjModel* model, int hfield) {
  std::vector<Triangle> out;
  const int rows = model->hfield_nrow[hfield], columns = model->hfield_ncol[hfield];
  const float* data = model->hfield_data + model->hfield_adr[hfield];
  const mjtNum* size = model->hfield_size + 4 * static_cast<ptrdiff_t>(hfield);
  const auto x = [&](int c) { return static_cast<float>(size[0] * (2.0 * c / (columns - 1) - 1)); };
  const auto y = [&](int r) { return static_cast<float>(size[1] * (2.0 * r / (rows - 1) - 1)); };
  const auto top = [&](int r, int c) {
    return Vec3{x(c), y(r),
                data[static_cast<ptrdiff_t>(r) * columns + c] * static_cast<float>(size[2])};
  };
  const auto bottom = [&](int r, int c) { return Vec3{x(c), y(r), -static_cast<float>(size[3])}; };
  const auto flat = [&](Vec3 a, Vec3 b, Vec3 c) {
    const Vec3 normal = Normalized(Cross(b - a, c - a));
    AddTriangle(out, {a, normal}, {b, normal}, {c, normal});
  };
  for (int r = 0; r + 1 < rows; ++r) {
    for (int c = 0; c + 1 < columns; ++c) {
      flat(top(r + 1, c), top(r, c), top(r + 1, c + 1));
      flat(top(r, c), top(r, c + 1), top(r + 1, c + 1));
    }
    const int last = columns - 1;
    AddFlatQuad(out, {-1, 0, 0}, bottom(r + 1, 0), bottom(r, 0), top(r, 0), top(r + 1, 0));
    AddFlatQuad(out, {1, 0, 0}, bottom(r, last), bottom(r + 1, last), top(r + 1, last),
                top(r, last));
  }
  for (int c = 0; c + 1 < columns; ++c) {
    const int last = rows - 1;
    AddFlatQuad(out, {0, -1, 0}, bottom(0, c), bottom(0, c + 1), top(0, c + 1), top(0, c));
    AddFlatQuad(out, {0, 1, 0}, bottom(last, c + 1), bottom(last, c), top(last, c),
                top(last, c + 1));
  }
  AddFlatQuad(out, {0, 0, -1}, bottom(0, 0), bottom(rows - 1, 0), bottom(rows - 1, columns - 1),
              bottom(0, columns - 1));
  return out;
}

}  // namespace simscale::render::raster
