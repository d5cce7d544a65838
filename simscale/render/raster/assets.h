#pragma once

// Internal to render/raster: what of a model stays the same from picture to picture.

#include <mujoco/mujoco.h>

#include <array>
#include <memory>
#include <vector>

#include "simscale/render/raster/mesh.h"
#include "simscale/render/raster/texture.h"

namespace simscale::render::raster {

/// The unit shapes that primitive geoms are made of.
enum Shape { kPlane, kPlaneFromBelow, kBox, kSphere, kUpperHalf, kLowerHalf, kCylinder, kTube };
inline constexpr int kNumShapes = 8;

/// Meshes and textures of one model, prepared for drawing. Const, shared by all renderers.
class Assets {
 public:
  /// Prepares what geoms, sites, skins and flexes refer to. levels: with levels of detail.
  Assets(const mjModel* model, bool levels);

  const Mesh& shape(Shape shape) const { return shapes_[static_cast<size_t>(shape)]; }
  /// Null for an id that is out of range, or that nothing visible refers to.
  const Mesh* mesh(int id) const { return Find(meshes_, id); }
  const Mesh* height_field(int id) const { return Find(height_fields_, id); }
  const Texture* texture(int id) const { return Find(textures_, id); }
  /// The model's first skybox texture; null: none.
  const Texture* skybox() const { return texture(skybox_); }

 private:
  template <class T>
  static const T* Find(const std::vector<std::unique_ptr<T>>& list, int id) {
    return id >= 0 && id < static_cast<int>(list.size()) ? list[static_cast<size_t>(id)].get()
                                                         : nullptr;
  }

  std::array<Mesh, kNumShapes> shapes_;
  std::vector<std::unique_ptr<Mesh>> meshes_, height_fields_;
  std::vector<std::unique_ptr<Texture>> textures_;
  int skybox_ = -1;
};

}  // namespace simscale::render::raster
