#include "simscale/render/raster/projection.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace simscale::render::raster {

Projection MakeProjection(float fx, float fy, float cx, float cy, int width, int height) {
  Projection p;
  p.fx = fx, p.fy = fy, p.cx = cx, p.cy = cy;
  const float w = static_cast<float>(width), h = static_cast<float>(height);
  p.side[0] = std::hypot(fx, cx);
  p.side[1] = std::hypot(fx, cx - w);
  p.side[2] = std::hypot(fy, cy);
  p.side[3] = std::hypot(fy, cy - h);
  p.scale = std::max(fx, fy);
  return p;
}

Extent SphereExtent(const Projection& p, const float rows[3][4], Vec3 c, float radius, int width,
                    int height) {
  float at[3];
  for (int r = 0; r < 3; ++r)
    at[r] = ((rows[r][0] * c.x + rows[r][1] * c.y) + rows[r][2] * c.z) + rows[r][3];
  const float x = at[0], y = at[1], depth = at[2];
  const float w = static_cast<float>(width), h = static_cast<float>(height);
  constexpr float kGuard = 8000;  // samples; a little less than where triangles are clipped
  constexpr float kRounding = 1e-5F;
  Extent e;
  // Written so that what is not finite counts as visible and unsafe: triangles are looked at then.
  if (depth + radius < p.near || depth - radius > p.far) return e;
  float x_low, x_high, y_low, y_high;
  if (p.orthographic) {
    x_low = x - radius * p.fx, x_high = x + radius * p.fx;
    y_low = y - radius * p.fy, y_high = y + radius * p.fy;
    e.nearest = radius - depth + kRounding * (std::abs(depth) + radius);
  } else {
    if (x < -radius * p.side[0] || x - w * depth > radius * p.side[1] || y < -radius * p.side[2] ||
        y - h * depth > radius * p.side[3])
      return e;
    e.nearest = std::numeric_limits<float>::infinity();
    if (!(depth - radius > p.near)) {
      e.visible = true;
      return e;
    }
    // (x +- r) / depth' with the depth that makes it widest; cx moves along.
    const float nearest = 1 / (depth - radius), farthest = 1 / (depth + radius);
    const float dx = x - p.cx * depth, dy = y - p.cy * depth;
    const float left = dx - radius * p.fx, right = dx + radius * p.fx;
    const float top = dy - radius * p.fy, bottom = dy + radius * p.fy;
    x_low = p.cx + left * (left < 0 ? nearest : farthest);
    x_high = p.cx + right * (right > 0 ? nearest : farthest);
    y_low = p.cy + top * (top < 0 ? nearest : farthest);
    y_high = p.cy + bottom * (bottom > 0 ? nearest : farthest);
    e.nearest = nearest * (1 + kRounding);
  }
  e.visible = !(x_high < 0 || x_low > w || y_high < 0 || y_low > h);
  e.safe = depth - radius > p.near && x_low > -kGuard && x_high < kGuard && y_low > -kGuard &&
           y_high < kGuard;
  if (!e.visible || !e.safe) return e;
  e.span = std::max(x_high - x_low, y_high - y_low);
  // One sample more on each side: vertices are rounded.
  e.x0 = std::max(0, static_cast<int>(x_low) - 1);
  e.y0 = std::max(0, static_cast<int>(y_low) - 1);
  e.x1 = std::min(width - 1, static_cast<int>(x_high) + 1);
  e.y1 = std::min(height - 1, static_cast<int>(y_high) + 1);
  return e;
}

}  // namespace simscale::render::raster
