#include "model_renderer.h"

#include <mujoco/mujoco.h>

#include "gl_process.h"
#include "simscale/common/error.h"
#include "simscale/config/fields.h"

namespace simscale::python {
namespace {

const mjModel* ModelAt(uintptr_t address) {
  return reinterpret_cast<const mjModel*>(address);  // NOLINT(performance-no-int-to-ptr)
}
const mjData* DataAt(uintptr_t address) {
  return reinterpret_cast<const mjData*>(address);  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

ModelRenderer::ModelRenderer(uintptr_t model, const std::vector<std::string>& overrides) {
  render::RenderConfig config;
  config.backend = "raster";
  config::Node root = config::Node::Map();
  for (const std::string& one : overrides) config::ApplyOverride(root, one);
  config::Read(root, config);
  if (config.backend != "raster") ClaimOpenGl();
  const nb::gil_scoped_release release;
  renderer_ = render::MakeRenderer(ModelAt(model), config);
  cache_ = renderer_->MakeCache();
}

void ModelRenderer::Render(uintptr_t model, uintptr_t data, int camera,
                           const std::vector<double>& free_camera, std::optional<Rgb> rgb,
                           std::optional<Depth> depth, std::optional<Segmentation> segmentation) {
  if (renderer_->config().backend != "raster") ClaimOpenGl();
  render::Camera view;
  view.id = camera;
  if (!free_camera.empty()) {
    if (free_camera.size() != 6)
      ThrowUser("renderer: a free camera takes 6 numbers, got ", free_camera.size());
    std::copy_n(free_camera.begin(), 3, view.lookat);
    view.distance = free_camera[3];
    view.azimuth = free_camera[4];
    view.elevation = free_camera[5];
  }
  render::Frame frame;
  frame.width = width(), frame.height = height();
  if (rgb) frame.rgb = {rgb->data(), rgb->size()};
  if (depth) frame.depth = {depth->data(), depth->size()};
  if (segmentation) frame.segmentation = {segmentation->data(), segmentation->size()};
  const nb::gil_scoped_release release;
  renderer_->Render(ModelAt(model), DataAt(data), view, frame, cache_.get());
}

}  // namespace simscale::python
