#pragma once

// Internal to render/raster: triangle meshes, prepared for drawing.

#include <cstdint>
#include <vector>

#include "simscale/render/raster/vec.h"

namespace simscale::render::raster {

/// One triangle as it is shaded, counter-clockwise seen from outside; in the mesh's own frame.
struct Triangle {
  Vec3 position[3];
  Vec3 normal[3];       ///< unit
  float uv[3][2] = {};  ///< texture coordinates, where the mesh has any
};

/// Arrays that vectors are loaded from are padded, so that a vector may start at any element.
inline constexpr int kLanes = 16;
inline constexpr int kClusterVertices = 64;
inline constexpr int kClusterTriangles = 124;

/// Up to 64 vertices and 124 triangles that lie together and look the same way: what is culled, and
/// transformed, at once.
struct Cluster {
  uint32_t first_vertex = 0;    ///< in Level::x, y, z; num_vertices rounded up to kLanes lie there
  uint32_t first_corner = 0;    ///< in Level::corner[]; likewise
  uint32_t first_triangle = 0;  ///< in Level::triangles
  int num_vertices = 0;
  int num_triangles = 0;
  Vec3 center;  ///< of the sphere around it
  float radius = 0;
  /// All its triangles show their backs to a viewer at p if Dot(Normalized(cone_apex - p),
  /// cone_axis) >= cone_cutoff. 2: never.
  Vec3 cone_apex, cone_axis;
  float cone_cutoff = 2;
};

/// One level of detail.
struct Level {
  float error = 0;  ///< how far its surface may lie off the finest one's, in the mesh's unit
  std::vector<float> x, y, z;      ///< the clusters' vertices
  std::vector<uint8_t> corner[3];  ///< the triangles' corners, as vertices of their cluster
  std::vector<Triangle> triangles;
  std::vector<Cluster> clusters;
};

struct Mesh {
  std::vector<Level> levels;  ///< finest first; at least one, which may be empty
  Vec3 center;                ///< of the sphere around it
  float radius = 0;
};

struct MeshOptions {
  bool levels = true;       ///< levels of detail
  bool deformable = false;  ///< its vertices move: neither levels nor normal cones
};

/// Builds clusters and levels of detail (meshoptimizer). Triangles that are degenerate or not
/// finite are left out.
Mesh BuildMesh(std::vector<Triangle> triangles, const MeshOptions& options = {});

/// For deformable meshes: takes over the positions and normals of `triangles`, which come in the
/// order of BuildMesh's and are as many.
void MoveVertices(const std::vector<Triangle>& triangles, Mesh& mesh);

}  // namespace simscale::render::raster
