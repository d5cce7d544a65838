#include "simscale/render/raster/assets.h"

#include <algorithm>

#include "simscale/render/raster/shapes.h"

namespace simscale::render::raster {

Assets::Assets(const mjModel* model, bool levels) {
  const int slices = std::clamp(model->vis.quality.numslices, 3, 512);
  const int stacks = std::clamp(model->vis.quality.numstacks, 2, 512);
  const auto build = [&](std::vector<Triangle> triangles) {
    return BuildMesh(std::move(triangles), {.levels = levels});
  };
  shapes_[kPlane] = build(UnitPlane(false));
  shapes_[kPlaneFromBelow] = build(UnitPlane(true));
  shapes_[kBox] = build(UnitBox());
  shapes_[kSphere] = build(UnitSphere(slices, stacks));
  shapes_[kUpperHalf] = build(UnitHalfSphere(1, slices, stacks));
  shapes_[kLowerHalf] = build(UnitHalfSphere(-1, slices, stacks));
  shapes_[kCylinder] = build(UnitCylinder(slices, true));
  shapes_[kTube] = build(UnitCylinder(slices, false));
  meshes_.resize(static_cast<size_t>(model->nmesh));
  height_fields_.resize(static_cast<size_t>(model->nhfield));
  const auto need = [&](int type, int id) {
    if (id < 0) return;
    if (type == mjGEOM_HFIELD) {
      auto& field = height_fields_[static_cast<size_t>(id)];
      if (!field) field = std::make_unique<Mesh>(build(HeightFieldTriangles(model, id)));
    } else if (type == mjGEOM_MESH || type == mjGEOM_SDF) {
      auto& mesh = meshes_[static_cast<size_t>(id)];
      if (!mesh) mesh = std::make_unique<Mesh>(build(MeshTriangles(model, id)));
    }
  };
  for (int i = 0; i < static_cast<int>(model->ngeom); ++i)
    need(model->geom_type[i], model->geom_dataid[i]);
  for (int i = 0; i < static_cast<int>(model->nsite); ++i)
    need(model->site_type[i], model->site_dataid[i]);
  textures_.resize(static_cast<size_t>(model->ntex));
  for (int i = 0; i < static_cast<int>(model->ntex); ++i) {
    textures_[static_cast<size_t>(i)] = std::make_unique<Texture>(model, i);
    if (skybox_ < 0 && model->tex_type[i] == mjTEXTURE_SKYBOX) skybox_ = i;
  }
}

}  // namespace simscale::render::raster
