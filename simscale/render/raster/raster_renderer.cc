#include "simscale/render/raster/raster_renderer.h"

#include "simscale/common/error.h"
#include "simscale/render/raster/picture.h"

namespace simscale::render {
namespace {

class RasterRenderer : public Renderer {
 public:
  RasterRenderer(const mjModel* model, std::shared_ptr<const raster::Assets> assets,
                 const RenderConfig& config)
      : Renderer(config), shape_(ShapeOf(*model)), painter_(model, std::move(assets), config) {}

  void Render(const mjModel* model, const mjData* data, const Camera& camera, const Frame& frame,
              ViewCache* cache) override {
    CheckModel(model, data, shape_);
    frame.Check(config().width, config().height);
    painter_.Paint(model, data, camera, frame, static_cast<raster::FixedLayer*>(cache));
  }
  std::unique_ptr<ViewCache> MakeCache() const override {
    return std::make_unique<raster::FixedLayer>();
  }
  std::string Describe() const override { return Cat("raster (", raster::Instructions(), ")"); }

 private:
  ModelShape shape_;
  raster::Painter painter_;
};

}  // namespace

std::vector<std::unique_ptr<Renderer>> MakeRasterRenderers(const mjModel* model,
                                                           const RenderConfig& config, int count) {
  const auto assets = std::make_shared<const raster::Assets>(model, config.levels_of_detail);
  std::vector<std::unique_ptr<Renderer>> renderers;
  for (int i = 0; i < count; ++i)
    renderers.push_back(std::make_unique<RasterRenderer>(model, assets, config));
  return renderers;
}

}  // namespace simscale::render
