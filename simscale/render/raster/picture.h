#pragma once

// Internal to render/raster: one picture, from the state to the numbers.

#include <memory>
#include <span>
#include <vector>

#include "simscale/render/raster/area.h"
#include "simscale/render/raster/draw.h"
#include "simscale/render/raster/eye.h"
#include "simscale/render/raster/scene.h"
#include "simscale/render/raster/shade.h"
#include "simscale/render/raster/shadow.h"
#include "simscale/render/renderer.h"

namespace simscale::render::raster {

/// What doesn't move in front of a camera that doesn't either: seen, lit and kept.
struct FixedLayer : ViewCache {
  bool valid = false, has_colours = false;
  View seen;  ///< by the picture before: a layer is kept once a view comes again
  // What it was made from.
  View view;
  int width = 0, height = 0;
  std::vector<Instance> fixed;
  std::vector<Light> lights;
  Haze haze;
  Fog fog;
  const Texture* sky = nullptr;
  // What it shows.
  std::vector<float> nearness;
  std::vector<uint32_t> id, colours;
  std::vector<TriangleRef> refs;
  std::vector<std::pair<uint32_t, const Level*>> drawn;  ///< place in `fixed`
  // The same as pictures.
  std::vector<uint8_t> rgb;
  std::vector<float> depth;
  std::vector<int32_t> segmentation;
  std::vector<VisibilityBuffer> shadows;  ///< maps, one a light
};

/// Draws pictures of one model. Its buffers grow to what the largest took, then nothing allocates.
class Painter {
 public:
  Painter(const mjModel* model, std::shared_ptr<const Assets> assets, const RenderConfig& config);
  void Paint(const mjModel* model, const mjData* data, const Camera& camera, const Frame& frame,
             FixedLayer* cache);

 private:
  struct Blend {  ///< one transparent object's stretch of blends
    size_t first = 0, count = 0;
    float alpha = 1;
  };

  struct Seen {
    uint32_t sample = 0, instance = 0, triangle = 0;
    int x = 0, y = 0;
  };

  void DrawInstances(const std::vector<Instance>& instances);
  bool Fits(const FixedLayer& cache) const;
  /// Takes over what lies in `area_`.
  void TakeFixedLayer(const FixedLayer& cache);
  /// Of `drawn_`, all that is drawn so far.
  void KeepFixedLayer(bool colours, const Frame& frame, FixedLayer& cache);
  void FillSky();
  /// Shades what of `buffer` has ids from `first_ref` on; writes colours, or, if `blend` is not
  /// null, appends to the blends.
  void ShadeVisible(const VisibilityBuffer& buffer, uint32_t first_ref, const Area& area,
                    Blend* blend);
  void CollectFragments(const VisibilityBuffer& buffer, uint32_t first_ref, const Area& area);
  bool IsFirstOfPixel(const VisibilityBuffer& buffer, int y, size_t sample) const;
  void DrawTransparent(bool colours);
  void DrawLayer(std::span<const Instance* const> parts, bool colours);
  bool MakeShadows(const mjModel& model, FixedLayer* layer);

  /// What lies in `area_`.
  void Write(const Frame& frame) const;
  void WriteRgb(int y, Area::Stretch row, uint8_t* out) const;
  void WriteDepth(int y, Area::Stretch row, float* out) const;
  void WriteSegmentation(int y, Area::Stretch row, int32_t* out) const;
  size_t MainSample(int x, int y) const;
  /// Sample k of a pixel, row by row.
  size_t Sample(int x, int y, int k) const {
    return static_cast<size_t>(y * grid_ + k / grid_) * static_cast<size_t>(buffer_.stride) +
           static_cast<size_t>(x * grid_ + k % grid_);
  }
  float Depth(float nearness) const { return eye_.view.orthographic ? -nearness : 1 / nearness; }

  std::shared_ptr<const Assets> assets_;
  RenderConfig config_;
  int grid_ = 1;  ///< samples a pixel, along each side
  Deformables deformables_;
  Scene scene_;
  Eye eye_;
  Area area_;  ///< where this picture is drawn: elsewhere it is the fixed layer's
  VisibilityBuffer buffer_, layer_;
  std::vector<Drawn> drawn_;
  std::vector<uint32_t> colours_;  ///< a sample, 0x00bbggrr
  ShadowMaps shadows_;
  std::vector<VisibilityBuffer> fixed_shadows_;
  Fragments fragments_;
  std::vector<Seen> seen_;
  std::vector<uint32_t> starts_;  ///< fragments of each of drawn_
  std::vector<std::pair<float, uint32_t>> order_;
  std::vector<std::pair<uint32_t, uint32_t>> blends_;  ///< sample, colour
  std::vector<Blend> objects_;
  std::vector<const Instance*> transparent_;
  Area layer_area_;
  struct Front {
    uint32_t sample = 0, id = 0;
    float nearness = 0;
  };
  std::vector<Front> fronts_;  ///< samples of transparent objects
};

}  // namespace simscale::render::raster
