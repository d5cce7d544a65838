#pragma once

// Internal to render/raster: from the camera's coordinates to samples of the picture, and where on
// it a sphere may be seen.

#include "simscale/render/raster/vec.h"

namespace simscale::render::raster {

/// How camera coordinates (x right, y down, depth) map to samples.
struct Projection {
  float fx = 1, fy = 1, cx = 0, cy = 0;
  float near = 0.01F, far = 100;
  bool orthographic = false;
  /// Lengths of the normals of the frustum's left, right, top and bottom planes.
  float side[4] = {1, 1, 1, 1};
  /// The most samples a length of 1 m across the view can take at depth 1 m.
  float scale = 1;
};
Projection MakeProjection(float fx, float fy, float cx, float cy, int width, int height);

/// Where a sphere lies on the screen, in samples (a bound), and how near it comes.
struct Extent {
  bool visible = false;  ///< some of it may be in the frustum
  bool safe = false;     ///< all of it is in front of the near plane and within the guard band
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;  ///< clipped to the buffer; both ends belong to it
  float span = 0;                      ///< its longer side, before clipping
  float nearest = 0;                   ///< nearness; infinite where it reaches the near plane
};
Extent SphereExtent(const Projection& projection, const float rows[3][4], Vec3 center, float radius,
                    int width, int height);

}  // namespace simscale::render::raster
