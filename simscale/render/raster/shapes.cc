#include "simscale/render/raster/shapes.h"

#include <algorithm>

namespace simscale::render::raster {
namespace {

constexpr float kPi = 3.14159265358979F;
constexpr float kSameSide = 0.8F;  // cosine; MuJoCo's limit for smooth corners

struct Corner {
  Vec3 position, normal;
};

void AddTriangle(std::vector<Triangle>& out, const Corner& a, const Corner& b, const Corner& c) {
  Triangle t;
  const Corner* corners[3] = {&a, &b, &c};
  for (int k = 0; k < 3; ++k)
    t.position[k] = corners[k]->position, t.normal[k] = corners[k]->normal;
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

Corner OnSphere(float azimuth, float elevation) {
  const Vec3 p = {std::cos(azimuth) * std::cos(elevation), std::sin(azimuth) * std::cos(elevation),
                  std::sin(elevation)};
  return {p, p};
}

float Azimuth(int slice, int slices) {
  // The last one is the first, bit for bit: no crack along the seam.
  return 2 * kPi * static_cast<float>(slice % slices) / static_cast<float>(slices);
}

/// The part of the unit sphere between two elevations, in `rings` rings; a pole may be one of them.
void AddSphereRings(std::vector<Triangle>& out, float from, float to, int rings, int slices) {
  const auto elevation = [&](int ring) {
    return from + (to - from) * static_cast<float>(ring) / static_cast<float>(rings);
  };
  const auto is_pole = [](float e) { return std::abs(e) > kPi / 2 - 1e-5F; };
  for (int i = 0; i < rings; ++i) {
    const float low = elevation(i), high = elevation(i + 1);
    for (int j = 0; j < slices; ++j) {
      const float left = Azimuth(j, slices), right = Azimuth(j + 1, slices);
      const Corner pole = {{0, 0, low < 0 ? -1.0F : 1.0F}, {0, 0, low < 0 ? -1.0F : 1.0F}};
      if (is_pole(low)) {
        AddTriangle(out, pole, OnSphere(right, high), OnSphere(left, high));
      } else if (is_pole(high)) {
        AddTriangle(out, OnSphere(left, low), OnSphere(right, low), pole);
      } else {
        AddQuad(out, OnSphere(left, low), OnSphere(right, low), OnSphere(right, high),
                OnSphere(left, high));
      }
    }
  }
}

void AddDisk(std::vector<Triangle>& out, int sign, int slices) {
  const float z = static_cast<float>(sign);
  const auto rim = [&](int j) {
    const float azimuth = Azimuth(j, slices);
    return Corner{{std::cos(azimuth), std::sin(azimuth), z}, {0, 0, z}};
  };
  for (int j = 0; j < slices; ++j) {
    const Corner middle = {{0, 0, z}, {0, 0, z}};
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
  AddFlatQuad(out, {0, 0, 1}, {-1, -1, 1}, {1, -1, 1}, {1, 1, 1}, {-1, 1, 1});
  AddFlatQuad(out, {0, 0, -1}, {-1, 1, -1}, {1, 1, -1}, {1, -1, -1}, {-1, -1, -1});
  AddFlatQuad(out, {1, 0, 0}, {1, -1, -1}, {1, 1, -1}, {1, 1, 1}, {1, -1, 1});
  AddFlatQuad(out, {-1, 0, 0}, {-1, -1, 1}, {-1, 1, 1}, {-1, 1, -1}, {-1, -1, -1});
  AddFlatQuad(out, {0, -1, 0}, {-1, -1, -1}, {1, -1, -1}, {1, -1, 1}, {-1, -1, 1});
  AddFlatQuad(out, {0, 1, 0}, {-1, 1, 1}, {1, 1, 1}, {1, 1, -1}, {-1, 1, -1});
  return out;
}

std::vector<Triangle> UnitSphere(int slices, int stacks) {
  std::vector<Triangle> out;
  const int half = std::max(1, stacks / 2);
  AddSphereRings(out, -kPi / 2, 0, half, slices);
  AddSphereRings(out, 0, kPi / 2, half, slices);
  return out;
}

std::vector<Triangle> UnitHalfSphere(int sign, int slices, int stacks) {
  std::vector<Triangle> out;
  const int rings = std::max(1, stacks / 2);
  if (sign > 0) AddSphereRings(out, 0, kPi / 2, rings, slices);
  if (sign < 0) AddSphereRings(out, -kPi / 2, 0, rings, slices);
  return out;
}

std::vector<Triangle> UnitCylinder(int slices, bool closed) {
  std::vector<Triangle> out;
  const auto corner = [&](int j, float z) {
    const float azimuth = Azimuth(j, slices);
    const Vec3 normal = {std::cos(azimuth), std::sin(azimuth), 0};
    return Corner{{normal.x, normal.y, z}, normal};
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
  const auto x = [&](int c) {
    return static_cast<float>(size[0] * (2.0 * c / (columns - 1) - 1));
  };
  const auto y = [&](int r) { return static_cast<float>(size[1] * (2.0 * r / (rows - 1) - 1)); };
  const auto top = [&](int r, int c) {
    return Vec3{x(c), y(r),
                data[static_cast<ptrdiff_t>(r) * columns + c] * static_cast<float>(size[2])};
  };
  const auto bottom = [&](int r, int c) {
    return Vec3{x(c), y(r), -static_cast<float>(size[3])};
  };
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
