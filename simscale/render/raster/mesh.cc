#include "simscale/render/raster/mesh.h"

#include <meshoptimizer.h>

#include <algorithm>
#include <array>
#include <utility>

namespace simscale::render::raster {
namespace {

/// What makes two corners one vertex: vertices apart in texture coordinates alone are a seam, which
/// simplification must keep.
struct Vertex {
  Vec3 position;
  float uv[2];
};

struct Indexed {
  std::vector<Vertex> vertices;
  std::vector<unsigned> indices;
};

bool IsGood(const Triangle& triangle) {
  float sum = 0;
  for (const Vec3& p : triangle.position) sum += std::abs(p.x) + std::abs(p.y) + std::abs(p.z);
  for (const Vec3& n : triangle.normal) sum += std::abs(n.x) + std::abs(n.y) + std::abs(n.z);
  if (!(sum < 1e18F)) return false;
  const Vec3 cross = Cross(triangle.position[1] - triangle.position[0],
                           triangle.position[2] - triangle.position[0]);
  return Dot(cross, cross) > 0;
}

Indexed Index(const std::vector<Triangle>& triangles) {
  std::vector<Vertex> corners;
  corners.reserve(triangles.size() * 3);
  for (const Triangle& t : triangles)
    for (int k = 0; k < 3; ++k) corners.push_back({t.position[k], {t.uv[k][0], t.uv[k][1]}});
  // -0 and 0 are one place.
  for (Vertex& v : corners) v.position = v.position + Vec3{0, 0, 0};
  Indexed result;
  if (corners.empty()) return result;
  std::vector<unsigned> remap(corners.size());
  const size_t count = meshopt_generateVertexRemap(remap.data(), nullptr, corners.size(),
                                                   corners.data(), corners.size(), sizeof(Vertex));
  result.vertices.resize(count);
  meshopt_remapVertexBuffer(result.vertices.data(), corners.data(), corners.size(), sizeof(Vertex),
                            remap.data());
  result.indices = std::move(remap);
  return result;
}

/// Splits into clusters; triangles[i] belongs to indices[3 i ..].
Level Clusters(const Indexed& mesh, const std::vector<unsigned>& indices,
               const std::vector<Triangle>& triangles, bool cones) {
  Level level;
  if (indices.empty()) return level;
  const size_t most =
      meshopt_buildMeshletsBound(indices.size(), kClusterVertices, kClusterTriangles);
  std::vector<meshopt_Meshlet> meshlets(most);
  std::vector<unsigned> vertices(most * kClusterVertices);
  std::vector<unsigned char> corners(most * kClusterTriangles * 3);
  meshlets.resize(meshopt_buildMeshlets(meshlets.data(), vertices.data(), corners.data(),
                                        indices.data(), indices.size(),
                                        &mesh.vertices[0].position.x, mesh.vertices.size(),
                                        sizeof(Vertex), kClusterVertices, kClusterTriangles, 1.0F));
  // Meshlets keep a triangle's corners in order but not the triangles: find each by its corners.
  std::vector<std::pair<std::array<unsigned, 3>, unsigned>> order(triangles.size());
  const auto rotated = [](std::array<unsigned, 3> c) {
    std::rotate(c.begin(), std::min_element(c.begin(), c.end()), c.end());
    return c;
  };
  for (size_t t = 0; t < triangles.size(); ++t)
    order[t] = {rotated({indices[3 * t], indices[3 * t + 1], indices[3 * t + 2]}),
                static_cast<unsigned>(t)};
  std::sort(order.begin(), order.end());
  std::vector<bool> taken(order.size());
  for (const meshopt_Meshlet& meshlet : meshlets) {
    Cluster cluster;
    cluster.first_vertex = static_cast<uint32_t>(level.x.size());
    cluster.first_corner = static_cast<uint32_t>(level.corner[0].size());
    cluster.first_triangle = static_cast<uint32_t>(level.triangles.size());
    cluster.num_vertices = static_cast<int>(meshlet.vertex_count);
    cluster.num_triangles = static_cast<int>(meshlet.triangle_count);
    const unsigned* vertex = &vertices[meshlet.vertex_offset];
    const unsigned char* corner = &corners[meshlet.triangle_offset];
    const meshopt_Bounds bounds = meshopt_computeMeshletBounds(
        vertex, corner, meshlet.triangle_count, &mesh.vertices[0].position.x, mesh.vertices.size(),
        sizeof(Vertex));
    cluster.center = ToVec3(bounds.center);
    cluster.radius = bounds.radius;
    if (cones && bounds.cone_cutoff < 1) {
      cluster.cone_apex = ToVec3(bounds.cone_apex);
      cluster.cone_axis = ToVec3(bounds.cone_axis);
      cluster.cone_cutoff = bounds.cone_cutoff;
    }
    for (unsigned v = 0; v < meshlet.vertex_count; ++v) {
      const Vec3& p = mesh.vertices[vertex[v]].position;
      level.x.push_back(p.x), level.y.push_back(p.y), level.z.push_back(p.z);
    }
    for (unsigned t = 0; t < meshlet.triangle_count; ++t) {
      const std::array<unsigned, 3> key =
          rotated({vertex[corner[3 * t]], vertex[corner[3 * t + 1]], vertex[corner[3 * t + 2]]});
      auto found = std::lower_bound(order.begin(), order.end(), std::pair(key, 0U));
      while (taken[static_cast<size_t>(found - order.begin())]) ++found;
      taken[static_cast<size_t>(found - order.begin())] = true;
      // The record's own corners come in the record's order: find where each went.
      const Triangle& triangle = triangles[found->second];
      level.triangles.push_back(triangle);
      const unsigned* index = &indices[3 * static_cast<size_t>(found->second)];
      for (int k = 0; k < 3; ++k) {
        for (int j = 0; j < 3; ++j) {
          if (vertex[corner[3 * t + static_cast<unsigned>(j)]] == index[k]) {
            level.corner[k].push_back(corner[3 * t + static_cast<unsigned>(j)]);
            break;
          }
        }
      }
    }
    while (level.x.size() % kLanes != 0)
      level.x.push_back(level.x.back()), level.y.push_back(level.y.back()),
          level.z.push_back(level.z.back());
    // All corners in one vertex: an empty triangle.
    for (auto& list : level.corner)
      while (list.size() % kLanes != 0) list.push_back(0);
    level.clusters.push_back(cluster);
  }
  return level;
}

/// The triangles of a coarser level: smooth normals but over sharp edges.
std::vector<Triangle> Retriangulate(const Indexed& mesh, const std::vector<unsigned>& indices) {
  constexpr float kSharp = 0.5F;
  std::vector<Vec3> smooth(mesh.vertices.size());
  std::vector<Triangle> triangles(indices.size() / 3);
  for (size_t t = 0; t < triangles.size(); ++t) {
    for (size_t k = 0; k < 3; ++k) {
      const Vertex& v = mesh.vertices[indices[3 * t + k]];
      triangles[t].position[k] = v.position;
      std::copy_n(v.uv, 2, triangles[t].uv[k]);
    }
    const Vec3 area = Cross(triangles[t].position[1] - triangles[t].position[0],
                            triangles[t].position[2] - triangles[t].position[0]);
    for (size_t k = 0; k < 3; ++k) smooth[indices[3 * t + k]] = smooth[indices[3 * t + k]] + area;
  }
  for (size_t t = 0; t < triangles.size(); ++t) {
    const Vec3 flat = Normalized(Cross(triangles[t].position[1] - triangles[t].position[0],
                                       triangles[t].position[2] - triangles[t].position[0]));
    for (size_t k = 0; k < 3; ++k) {
      const Vec3 normal = Normalized(smooth[indices[3 * t + k]]);
      triangles[t].normal[k] = Dot(normal, flat) > kSharp ? normal : flat;
    }
  }
  return triangles;
}

void AddLevels(const Indexed& mesh, Mesh& result) {
  constexpr float kRatio = 0.4F, kMostError = 0.1F;
  constexpr size_t kFewest = 24;  // triangles
  const float scale =
      meshopt_simplifyScale(&mesh.vertices[0].position.x, mesh.vertices.size(), sizeof(Vertex));
  size_t before = mesh.indices.size();
  std::vector<unsigned> indices(mesh.indices.size());
  while (before / 3 > kFewest) {
    const size_t triangles = before / 3;
    const size_t target = static_cast<size_t>(static_cast<float>(triangles) * kRatio) * 3;
    float error = 0;
    indices.resize(mesh.indices.size());
    indices.resize(meshopt_simplify(indices.data(), mesh.indices.data(), mesh.indices.size(),
                                    &mesh.vertices[0].position.x, mesh.vertices.size(),
                                    sizeof(Vertex), target, kMostError, 0, &error));
    if (indices.size() * 5 > before * 4) return;  // seams and borders hold it
    before = indices.size();
    Level level = Clusters(mesh, indices, Retriangulate(mesh, indices), true);
    level.error = std::max(error * scale, result.levels.back().error);
    result.levels.push_back(std::move(level));
  }
}

void BoundSphere(const std::vector<Triangle>& triangles, Mesh& mesh) {
  mesh.center = {};
  mesh.radius = 0;
  if (triangles.empty()) return;
  Vec3 low = triangles[0].position[0], high = low;
  for (const Triangle& t : triangles) {
    for (const Vec3& p : t.position) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
    }
  }
  mesh.center = (low + high) * 0.5F;
  for (const Triangle& t : triangles)
    for (const Vec3& p : t.position) mesh.radius = std::max(mesh.radius, Norm(p - mesh.center));
}

}  // namespace

Mesh BuildMesh(std::vector<Triangle> triangles, const MeshOptions& options) {
  if (!options.deformable) std::erase_if(triangles, [](const Triangle& t) { return !IsGood(t); });
  Mesh result;
  BoundSphere(triangles, result);
  const Indexed mesh = Index(triangles);
  if (options.deformable) {
    // Clusters of neighbours in the given order, so that MoveVertices finds them again.
    Level level;
    constexpr size_t kCount = kClusterVertices / 3;
    for (size_t first = 0; first < triangles.size(); first += kCount) {
      const size_t count = std::min(kCount, triangles.size() - first);
      Cluster cluster;
      cluster.first_vertex = static_cast<uint32_t>(level.x.size());
      cluster.first_corner = static_cast<uint32_t>(level.corner[0].size());
      cluster.first_triangle = static_cast<uint32_t>(first);
      cluster.num_vertices = static_cast<int>(count * 3);
      cluster.num_triangles = static_cast<int>(count);
      for (size_t k = 0; k < 3; ++k) {
        for (size_t t = 0; t < count; ++t)
          level.corner[k].push_back(static_cast<uint8_t>(3 * t + k));
        while (level.corner[k].size() % kLanes != 0) level.corner[k].push_back(0);
      }
      const size_t size = level.x.size() + static_cast<size_t>(kClusterVertices);
      for (auto* list : {&level.x, &level.y, &level.z}) list->resize(size);
      level.clusters.push_back(cluster);
    }
    level.triangles = triangles;
    result.levels.push_back(std::move(level));
    MoveVertices(triangles, result);
    return result;
  }
  result.levels.push_back(Clusters(mesh, mesh.indices, triangles, true));
  if (options.levels && !triangles.empty()) AddLevels(mesh, result);
  return result;
}

void MoveVertices(const std::vector<Triangle>& moved, Mesh& mesh) {
  Level& level = mesh.levels[0];
  level.triangles = moved;
  // A state may be not finite: nothing is drawn of such a triangle.
  for (Triangle& t : level.triangles)
    if (!IsGood(t)) t = Triangle{};
  const std::vector<Triangle>& triangles = level.triangles;
  BoundSphere(triangles, mesh);
  for (Cluster& cluster : level.clusters) {
    Vec3 low = triangles[cluster.first_triangle].position[0], high = low;
    size_t at = cluster.first_vertex;
    for (int t = 0; t < cluster.num_triangles; ++t) {
      for (const Vec3& p : triangles[cluster.first_triangle + static_cast<size_t>(t)].position) {
        level.x[at] = p.x, level.y[at] = p.y, level.z[at] = p.z;
        ++at;
        low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
        high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
      }
    }
    cluster.center = (low + high) * 0.5F;
    cluster.radius = Norm(high - low) * 0.5F;
  }
}

}  // namespace simscale::render::raster
