#pragma once

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrays.h"
#include "simscale/render/renderer.h"

namespace simscale::python {

/// Pictures of a mujoco.MjModel of Python's package, by its address and its data's.
class ModelRenderer {
 public:
  /// overrides: "samples=1", ... of render::RenderConfig.
  ModelRenderer(uintptr_t model, const std::vector<std::string>& overrides);

  /// camera: an index of the model, or (lookat x, y, z, distance, azimuth, elevation) of a free
  /// one. Arrays that are not wanted are null: rgb uint8 [H, W, 3], depth float32 [H, W],
  /// segmentation int32 [H, W, 2].
  using Rgb = nb::ndarray<uint8_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
  using Depth = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
  using Segmentation = nb::ndarray<int32_t, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
  void Render(uintptr_t model, uintptr_t data, int camera, const std::vector<double>& free_camera,
              std::optional<Rgb> rgb, std::optional<Depth> depth,
              std::optional<Segmentation> segmentation);

  std::string Describe() const { return renderer_->Describe(); }
  int width() const { return renderer_->config().width; }
  int height() const { return renderer_->config().height; }

 private:
  std::unique_ptr<render::Renderer> renderer_;
  std::unique_ptr<render::ViewCache> cache_;
};

}  // namespace simscale::python
