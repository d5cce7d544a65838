#pragma once

// Internal to render/raster: instances onto a screen, a camera's or a light's.

#include <vector>

#include "simscale/render/raster/area.h"
#include "simscale/render/raster/draw.h"
#include "simscale/render/raster/scene.h"

namespace simscale::render::raster {

/// A view and how it maps to a buffer of width x height samples, `grid` a pixel along each side.
struct Eye {
  View view;
  Projection projection;
  float background = 0;  ///< nearness of the far plane
  int width = 0, height = 0, grid = 1;
};
Eye MakeEye(const View& view, int width, int height, int grid);

/// Adds where the instance may be seen.
void AddInstance(const Instance& instance, const Eye& eye, Area& area);

/// An instance that was drawn, with the level of detail that was chosen for it.
struct Drawn {
  const Instance* instance = nullptr;
  const Level* level = nullptr;
};
/// Draws it, unless it can't be seen, and adds it to `drawn`, whose indices ids refer to.
void DrawInstance(const Instance& instance, const Eye& eye, VisibilityBuffer& buffer,
                  std::vector<Drawn>& drawn);

}  // namespace simscale::render::raster
