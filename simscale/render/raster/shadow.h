#pragma once

// Internal to render/raster: shadow maps.

#include <vector>

#include "simscale/render/raster/eye.h"

namespace simscale::render::raster {

/// How near things are to one light. A point is lit if nothing of either buffer is nearer.
struct ShadowMap {
  bool active = false;
  Eye eye;
  /// Rows give (X, Y, depth) of a point of the world relative to the picture's camera.
  float rows[3][4] = {};
  /// m a texel at depth 1 (or at all depths, if orthographic): how far surfaces keep off the map.
  float texel = 0;
  const VisibilityBuffer* fixed = nullptr;  ///< what doesn't move
  VisibilityBuffer moving;
  Area dirty;  ///< of `moving`
};

/// The map's size, and how MuJoCo aims it (vis.map.shadowclip and shadowscale, in metres and as a
/// share of the cone).
struct ShadowConfig {
  int size = 1024;
  float clip = 1, scale = 0.6F;
};

/// The shadow maps of a scene's lights. Const in use; one a renderer.
class ShadowMaps {
 public:
  /// fixed: one buffer a light of what doesn't move, which is drawn where it is empty.
  void Draw(const Scene& scene, const ShadowConfig& config, std::vector<VisibilityBuffer>& fixed);
  bool active() const { return active_; }
  const ShadowMap& light(size_t i) const { return lights_[i]; }

 private:
  std::vector<ShadowMap> lights_;
  std::vector<Drawn> drawn_;
  bool active_ = false;
};

}  // namespace simscale::render::raster
