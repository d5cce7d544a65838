#pragma once

// Internal to render/raster: instances onto a screen, a camera's or a light's.

#include <algorithm>
#include <vector>

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

/// Rows of samples, both ends included; none by default.
struct Rows {
  int first = 0, last = -1;
  bool empty() const { return last < first; }
};
inline Rows Union(Rows a, Rows b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.first, b.first), std::max(a.last, b.last)};
}
/// Where the instance may be seen, in whole pixels.
Rows RowsOf(const Instance& instance, const Eye& eye);

/// An instance that was drawn, with the level of detail that was chosen for it.
struct Drawn {
  const Instance* instance = nullptr;
  const Level* level = nullptr;
};
/// Draws it, unless it can't be seen, and adds it to `drawn`, whose indices ids refer to.
void DrawInstance(const Instance& instance, const Eye& eye, VisibilityBuffer& buffer,
                  std::vector<Drawn>& drawn);

}  // namespace simscale::render::raster
