#include <algorithm>

#include "simscale/render/raster/scene.h"

namespace simscale::render::raster {
namespace {

/// Area-weighted sums of face normals (skins), or sums of unit ones (flexes).
void AddNormal(std::vector<Vec3>& normals, const std::vector<Vec3>& vertices, const int* corner,
               bool unit) {
  const auto at = [&](int k) { return vertices[static_cast<size_t>(corner[k])]; };
  Vec3 normal = Cross(at(1) - at(0), at(2) - at(0));
  if (unit) normal = Normalized(normal);
  for (int k = 0; k < 3; ++k) {
    Vec3& sum = normals[static_cast<size_t>(corner[k])];
    sum = sum + normal;
  }
}

void Replace(const std::vector<Triangle>& triangles, Mesh& mesh) {
  if (mesh.levels.empty() || mesh.levels[0].triangles.size() != triangles.size()) {
    mesh = BuildMesh(triangles, {.levels = false, .deformable = true});
  } else {
    MoveVertices(triangles, mesh);
  }
}

void CopyCoordinates(const float* all, int vertex, float* uv) {
  if (all != nullptr) std::copy_n(all + 2 * static_cast<ptrdiff_t>(vertex), 2, uv);
}

}  // namespace

Deformables::Deformables(const mjModel* model)
    : skins_(static_cast<size_t>(model->nskin)), flexes_(static_cast<size_t>(model->nflex)) {}

const Mesh* Deformables::Skin(const mjModel* m, const mjData* d, int id) {
  const int num_vertices = m->skin_vertnum[id];
  const float* rest = m->skin_vert + 3 * static_cast<ptrdiff_t>(m->skin_vertadr[id]);
  vertices_.assign(static_cast<size_t>(num_vertices), Vec3{});
  normals_.assign(static_cast<size_t>(num_vertices), Vec3{});
  for (int bone = m->skin_boneadr[id]; bone < m->skin_boneadr[id] + m->skin_bonenum[id]; ++bone) {
    const float* bind = m->skin_bonebindquat + 4 * static_cast<ptrdiff_t>(bone);
    const mjtNum back[4] = {bind[0], -bind[1], -bind[2], -bind[3]};
    const int body = m->skin_bonebodyid[bone];
    mjtNum quat[4], matrix[9];
    mju_mulQuat(quat, d->xquat + 4 * static_cast<ptrdiff_t>(body), back);
    mju_quat2Mat(matrix, quat);
    const Mat3 rotation = ToMat3(matrix);
    const Vec3 origin = ToVec3(d->xpos + 3 * static_cast<ptrdiff_t>(body)) -
                        rotation * ToVec3(m->skin_bonebindpos + 3 * static_cast<ptrdiff_t>(bone));
    const int first = m->skin_bonevertadr[bone];
    for (int k = first; k < first + m->skin_bonevertnum[bone]; ++k) {
      const int v = m->skin_bonevertid[k];
      Vec3& sum = vertices_[static_cast<size_t>(v)];
      sum = sum + (origin + rotation * ToVec3(rest + 3 * static_cast<ptrdiff_t>(v))) *
                      m->skin_bonevertweight[k];
    }
  }
  const int* faces = m->skin_face + 3 * static_cast<ptrdiff_t>(m->skin_faceadr[id]);
  const int num_faces = m->skin_facenum[id];
  for (int f = 0; f < num_faces; ++f) AddNormal(normals_, vertices_, faces + 3 * f, false);
  for (size_t v = 0; v < vertices_.size(); ++v) {
    normals_[v] = Normalized(normals_[v]);
    vertices_[v] = vertices_[v] + normals_[v] * m->skin_inflate[id];
  }
  const float* uv = m->skin_texcoordadr[id] < 0
                        ? nullptr
                        : m->skin_texcoord + 2 * static_cast<ptrdiff_t>(m->skin_texcoordadr[id]);
  triangles_.resize(static_cast<size_t>(num_faces));
  for (int f = 0; f < num_faces; ++f) {
    Triangle& t = triangles_[static_cast<size_t>(f)];
    for (int k = 0; k < 3; ++k) {
      const int v = faces[3 * f + k];
      t.position[k] = vertices_[static_cast<size_t>(v)];
      t.normal[k] = normals_[static_cast<size_t>(v)];
      CopyCoordinates(uv, v, t.uv[k]);
    }
  }
  if (triangles_.empty()) return nullptr;
  Mesh& mesh = skins_[static_cast<size_t>(id)];
  Replace(triangles_, mesh);
  return &mesh;
}

const Mesh* Deformables::Flex(const mjModel* m, const mjData* d, int id) {
  const int dim = m->flex_dim[id];
  const float radius = static_cast<float>(m->flex_radius[id]);
  const mjtNum* positions = d->flexvert_xpos + 3 * static_cast<ptrdiff_t>(m->flex_vertadr[id]);
  const auto num_vertices = static_cast<size_t>(m->flex_vertnum[id]);
  vertices_.resize(num_vertices);
  normals_.assign(num_vertices, Vec3{});
  for (size_t v = 0; v < num_vertices; ++v) vertices_[v] = ToVec3(positions + 3 * v);
  const int* elements = m->flex_elem + m->flex_elemdataadr[id];
  const int* element_uv = m->flex_elemtexcoord + m->flex_elemdataadr[id];
  const int* shells = m->flex_shell + m->flex_shelldataadr[id];
  const int num_elements = m->flex_elemnum[id], num_shells = m->flex_shellnum[id];
  const float* uv = m->flex_texcoordadr[id] < 0
                        ? nullptr
                        : m->flex_texcoord + 2 * static_cast<ptrdiff_t>(m->flex_texcoordadr[id]);
  const int* faces = dim == 2 ? elements : shells;
  const int num_faces = dim == 2 ? num_elements : num_shells;
  for (int f = 0; f < num_faces; ++f) AddNormal(normals_, vertices_, faces + 3 * f, true);
  for (Vec3& normal : normals_) normal = Normalized(normal);
  triangles_.clear();
  // side: which side of the surface, +1 or -1; a corner's position is off it by the radius.
  const auto add = [&](const int* corner, const int* coordinate, float side) {
    Triangle t;
    const int order[3] = {0, side > 0 ? 1 : 2, side > 0 ? 2 : 1};
    for (int k = 0; k < 3; ++k) {
      const auto v = static_cast<size_t>(corner[order[k]]);
      t.position[k] = vertices_[v] + normals_[v] * (side * radius);
      t.normal[k] = normals_[v] * side;
      CopyCoordinates(uv, coordinate[order[k]], t.uv[k]);
    }
    if (m->flex_flatskin[id]) {
      const Vec3 flat =
          Normalized(Cross(t.position[1] - t.position[0], t.position[2] - t.position[0]));
      std::fill_n(t.normal, 3, flat);
    }
    triangles_.push_back(t);
  };
  if (dim == 2) {
    for (int e = 0; e < num_elements; ++e) {
      add(elements + 3 * e, element_uv + 3 * e, 1);
      add(elements + 3 * e, element_uv + 3 * e, -1);
    }
    // The rim closes both sides.
    for (int s = 0; s < num_shells; ++s) {
      for (const bool forwards : {true, false}) {
        const int from = shells[2 * s + (forwards ? 0 : 1)];
        const int to = shells[2 * s + (forwards ? 1 : 0)];
        const float side = forwards ? radius : -radius;
        const auto at = [&](int v, float by) {
          return vertices_[static_cast<size_t>(v)] + normals_[static_cast<size_t>(v)] * by;
        };
        Triangle t;
        t.position[0] = at(from, side), t.position[1] = at(to, -side), t.position[2] = at(to, side);
        Vec3 normal = Normalized(Cross(at(to, 0) - at(from, 0), normals_[static_cast<size_t>(to)]));
        if (!forwards) normal = normal * -1;
        std::fill_n(t.normal, 3, normal);
        CopyCoordinates(uv, from, t.uv[0]);
        CopyCoordinates(uv, to, t.uv[1]);
        CopyCoordinates(uv, to, t.uv[2]);
        triangles_.push_back(t);
      }
    }
  } else {
    for (int s = 0; s < num_shells; ++s) add(shells + 3 * s, shells + 3 * s, 1);
  }
  if (triangles_.empty()) return nullptr;
  Mesh& mesh = flexes_[static_cast<size_t>(id)];
  Replace(triangles_, mesh);
  return &mesh;
}

}  // namespace simscale::render::raster
