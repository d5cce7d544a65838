#pragma once

#include <cstdint>
#include <span>

#include "simscale/render/renderer.h"

namespace simscale::render {

/// Numbers of a point: x, y, z (m, world), red, green, blue (0 .. 1), object id.
inline constexpr int kPointSize = 7;

/// The pixels of a picture as points of the world.
///
/// frame: what Render gave for the same model, data and camera, all three kinds.
/// points: [n, kPointSize]. With n = width * height point i is pixel i, row by row; else the pixels
/// that show something are taken at even steps (some of them twice where there are fewer than n).
/// Where a pixel shows nothing, or none does, a point is zeros with id -1.
/// Throws ShapeError for spans of another size.
void MakePointCloud(const mjModel* model, const mjData* data, const Camera& camera,
                    const Frame& frame, std::span<float> points);

}  // namespace simscale::render
