#pragma once

// Internal to render/raster: shadow maps.

#include <vector>

#include "simscale/render/raster/draw.h"
#include "simscale/render/raster/scene.h"

namespace simscale::render::raster {

/// How near things are to one light. A point is lit if nothing of the map is nearer.
struct ShadowMap {
  bool active = false;
  VisibilityBuffer buffer;
  Projection projection;
  /// Rows give (X, Y, depth) of a point of the world relative to the camera.
  float rows[3][4] = {};
};

struct ShadowMaps {
  std::vector<ShadowMap> lights;  ///< in the scene's order
};

}  // namespace simscale::render::raster
