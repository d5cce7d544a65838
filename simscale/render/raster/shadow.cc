#include "simscale/render/raster/shadow.h"

#include <algorithm>
#include <cmath>

namespace simscale::render::raster {
namespace {

constexpr float kPi = 3.14159265358979F;

/// The light as a camera.
View LightView(const Light& light, const View& camera, const ShadowConfig& config) {
  View view;
  view.position = light.position;
  view.forward = light.direction;
  const Vec3 side = std::abs(light.direction.x) < 0.7F ? Vec3{1, 0, 0} : Vec3{0, 1, 0};
  view.up = Normalized(Cross(side, light.direction));
  view.right = Cross(view.forward, view.up);
  view.near = camera.near, view.far = camera.far;
  view.orthographic = light.type == mjLIGHT_DIRECTIONAL;
  const float half = static_cast<float>(config.size) / 2;
  float focal = half / std::max(config.clip, 1e-6F);
  if (!view.orthographic) {
    const float cutoff = std::acos(std::clamp(light.cos_cutoff, -1.0F, 1.0F));
    const float angle = std::min(2 * cutoff * config.scale, 160 * kPi / 180);
    focal = half / std::tan(std::max(angle, 0.01F) / 2);
  }
  view.fx = view.fy = focal;
  view.cx = view.cy = half;
  return view;
}

void MapRows(const View& light, const View& camera, float (&rows)[3][4]) {
  const Vec3 gap = camera.position - light.position;
  const auto row = [&](int r, Vec3 axis, float factor, float centre) {
    Vec3 a = axis * factor;
    if (!light.orthographic) a = a + light.forward * centre;
    rows[r][0] = a.x, rows[r][1] = a.y, rows[r][2] = a.z;
    rows[r][3] = Dot(a, gap) + (light.orthographic ? centre : 0);
  };
  row(0, light.right, light.fx, light.cx);
  row(1, light.up, -light.fy, light.cy);
  row(2, light.forward, 1, 0);
}

void Clear(VisibilityBuffer& buffer, const Area& area, float background) {
  buffer.num_refs = 0;
  for (int y = area.first_row(); y <= area.last_row(); ++y) {
    const Area::Stretch& row = area.row(y);
    if (row.empty()) continue;
    const auto begin = buffer.nearness.begin() + static_cast<ptrdiff_t>(y) * buffer.stride;
    std::fill(begin + row.first, begin + row.last + 1, background);
  }
}

}  // namespace

void ShadowMaps::Draw(const Scene& scene, const ShadowConfig& config,
                      std::vector<VisibilityBuffer>& fixed) {
  lights_.resize(std::max(lights_.size(), scene.lights.size()));
  fixed.resize(std::max(fixed.size(), scene.lights.size()));
  active_ = false;
  for (size_t i = 0; i < scene.lights.size(); ++i) {
    const Light& light = scene.lights[i];
    ShadowMap& map = lights_[i];
    map.active =
        light.casts_shadow && (light.type == mjLIGHT_DIRECTIONAL || light.type == mjLIGHT_SPOT);
    if (!map.active) continue;
    active_ = true;
    map.eye = MakeEye(LightView(light, scene.view, config), config.size, config.size, 1);
    MapRows(map.eye.view, scene.view, map.rows);
    map.texel = 1 / map.eye.view.fx;
    if (map.moving.width != config.size) {
      map.moving.Resize(config.size, config.size);
      map.dirty.Reset(config.size, config.size);
      map.dirty.AddAll();
    }
    drawn_.clear();
    if (fixed[i].width != config.size) {
      fixed[i].Resize(config.size, config.size);
      fixed[i].Clear(map.eye.background);
      for (const Instance& instance : scene.fixed)
        DrawInstance(instance, map.eye, fixed[i], drawn_);
    }
    map.fixed = &fixed[i];
    Clear(map.moving, map.dirty, map.eye.background);
    map.dirty.Reset(config.size, config.size);
    for (const Instance& instance : scene.moving) {
      AddInstance(instance, map.eye, map.dirty);
      DrawInstance(instance, map.eye, map.moving, drawn_);
    }
  }
}

}  // namespace simscale::render::raster
