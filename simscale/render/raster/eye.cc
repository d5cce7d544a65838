#include "simscale/render/raster/eye.h"

#include <algorithm>
#include <cmath>

#include "simscale/render/raster/shade.h"

namespace simscale::render::raster {
namespace {

// Levels of detail: how far a surface may be off.
constexpr float kLevelPixels = 0.25F;
constexpr float kLevelMetres = 0.001F;

/// How near a plane is at each sample: exact up to the horizon, where corners a hundred metres away
/// are not.
NearnessPlane PlaneOf(const Instance& instance, const Eye& eye) {
  const View& view = eye.view;
  const Vec3 normal = instance.rotation * Vec3{0, 0, 1};
  const Vec3 gap = instance.position - view.position;
  const auto dot = [](Vec3 a, Vec3 b) {
    return static_cast<double>(a.x) * static_cast<double>(b.x) +
           static_cast<double>(a.y) * static_cast<double>(b.y) +
           static_cast<double>(a.z) * static_cast<double>(b.z);
  };
  const double x = dot(normal, view.right) / static_cast<double>(eye.projection.fx);
  const double y = -dot(normal, view.up) / static_cast<double>(eye.projection.fy);
  const double forward = dot(normal, view.forward), height = dot(normal, gap);
  const double cx = static_cast<double>(eye.projection.cx),
               cy = static_cast<double>(eye.projection.cy);
  if (view.orthographic) {  // depth = (height - x (sx - cx) - y (sy - cy)) / forward, negated
    if (std::abs(forward) < 1e-9) return {};
    return {x / forward, y / forward, -(height + x * cx + y * cy) / forward, true};
  }
  if (std::abs(height) < 1e-9) return {};
  return {x / height, y / height, (forward - x * cx - y * cy) / height, true};
}

DrawCall Place(const Instance& instance, const Eye& eye) {
  const View& view = eye.view;
  DrawCall call;
  const Vec3 gap = instance.position - view.position;
  const float scale[3] = {instance.scale.x, instance.scale.y, instance.scale.z};
  const auto row = [&](int r, Vec3 axis, float factor, float centre) {
    // factor * axis + centre * forward (perspective), or + centre (orthographic).
    Vec3 a = axis * factor;
    if (!view.orthographic) a = a + view.forward * centre;
    const Vec3 turned = instance.rotation.TransposeTimes(a);
    const float parts[3] = {turned.x, turned.y, turned.z};
    for (int k = 0; k < 3; ++k) call.rows[r][k] = parts[k] * scale[k];
    call.rows[r][3] = Dot(a, gap) + (view.orthographic ? centre : 0);
  };
  row(0, view.right, eye.projection.fx, eye.projection.cx);
  row(1, view.up, -eye.projection.fy, eye.projection.cy);
  row(2, view.forward, 1, 0);
  const MeshFrame frame = ToMeshFrame(instance, view.position);
  call.viewer = view.orthographic
                    ? Vec3{Dot(frame.row[0], view.forward), Dot(frame.row[1], view.forward),
                           Dot(frame.row[2], view.forward)}
                    : frame.offset;
  call.max_scale = std::max({std::abs(scale[0]), std::abs(scale[1]), std::abs(scale[2])});
  if (instance.flat) call.flat = PlaneOf(instance, eye);
  return call;
}

}  // namespace

Eye MakeEye(const View& view, int width, int height, int grid) {
  Eye eye;
  eye.view = view;
  const auto scale = static_cast<float>(grid);
  eye.width = width * grid, eye.height = height * grid, eye.grid = grid;
  eye.projection = MakeProjection(view.fx * scale, view.fy * scale, view.cx * scale,
                                  view.cy * scale, eye.width, eye.height);
  eye.projection.near = view.near, eye.projection.far = view.far;
  eye.projection.orthographic = view.orthographic;
  eye.background = view.orthographic ? -view.far : 1 / view.far;
  return eye;
}

void AddInstance(const Instance& instance, const Eye& eye, Area& area) {
  const DrawCall call = Place(instance, eye);
  const Mesh& mesh = *instance.mesh;
  const Extent extent = SphereExtent(eye.projection, call.rows, mesh.center,
                                     mesh.radius * call.max_scale, eye.width, eye.height);
  if (!extent.visible) return;
  if (!extent.safe) {
    area.AddAll();
  } else {
    area.AddBox(extent.x0 / eye.grid, extent.y0 / eye.grid, extent.x1 / eye.grid,
                extent.y1 / eye.grid);
  }
}

void DrawInstance(const Instance& instance, const Eye& eye, VisibilityBuffer& buffer,
                  std::vector<Drawn>& drawn) {
  const View& view = eye.view;
  DrawCall call = Place(instance, eye);
  const Mesh& mesh = *instance.mesh;
  const float radius = mesh.radius * call.max_scale;
  const Extent extent =
      SphereExtent(eye.projection, call.rows, mesh.center, radius, buffer.width, buffer.height);
  if (!extent.visible || (extent.safe && !MayBeSeen(buffer, extent))) return;
  const float* depth_row = call.rows[2];
  const float depth = depth_row[0] * mesh.center.x + depth_row[1] * mesh.center.y +
                      depth_row[2] * mesh.center.z + depth_row[3];
  const float distance = view.orthographic ? 1 : std::max(view.near, depth - radius);
  const float pixel = distance / std::max(view.fx, view.fy);  // m
  const float most =
      std::min(kLevelMetres, kLevelPixels * pixel) / std::max(call.max_scale, 1e-20F);
  size_t level = 0;
  while (level + 1 < mesh.levels.size() && mesh.levels[level + 1].error <= most) ++level;
  call.level = &mesh.levels[level];
  call.instance = static_cast<uint32_t>(drawn.size());
  drawn.push_back({&instance, call.level});
  Draw(call, eye.projection, buffer);
}

}  // namespace simscale::render::raster
