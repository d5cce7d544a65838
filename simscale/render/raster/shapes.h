#pragma once

// Internal to render/raster: the triangles of each kind of geom, with the corners that MuJoCo's own
// renderer gives them (vis.quality: numslices, numstacks). Flat parts are not subdivided: lighting
// is computed at every pixel.

#include <mujoco/mujoco.h>

#include <vector>

#include "simscale/render/raster/mesh.h"

namespace simscale::render::raster {

std::vector<Triangle> UnitPlane(bool facing_down);  ///< [-1, 1]^2 at z = 0, the normal up
std::vector<Triangle> UnitBox();                    ///< [-1, 1]^3
std::vector<Triangle> UnitSphere(int slices, int stacks);
/// Half of the unit sphere, its open side at z = 0; sign +1: the upper, -1: the lower.
std::vector<Triangle> UnitHalfSphere(int sign, int slices, int stacks);
std::vector<Triangle> UnitCylinder(int slices, bool closed);  ///< radius 1, z in [-1, 1]

/// A mesh asset, in its own units. Corners whose normal is far from the face's are flat, unless it
/// has texture coordinates.
std::vector<Triangle> MeshTriangles(const mjModel* model, int mesh);
/// A height field with its sides and bottom, in metres.
std::vector<Triangle> HeightFieldTriangles(const mjModel* model, int hfield);

}  // namespace simscale::render::raster
