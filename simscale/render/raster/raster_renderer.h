#pragma once

#include <memory>
#include <vector>

#include "simscale/render/renderer.h"

namespace simscale::render {

/// Renderers of the backend raster, which share what they know of the model.
std::vector<std::unique_ptr<Renderer>> MakeRasterRenderers(const mjModel* model,
                                                           const RenderConfig& config, int count);

}  // namespace simscale::render
