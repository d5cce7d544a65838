#include "simscale/render/point_cloud.h"

#include <algorithm>

#include "simscale/common/error.h"
#include "simscale/render/raster/scene.h"

namespace simscale::render {

void MakePointCloud(const mjModel* model, const mjData* data, const Camera& camera,
                    const Frame& frame, std::span<float> points) {
  const auto pixels = static_cast<size_t>(frame.width) * static_cast<size_t>(frame.height);
  frame.Check(frame.width, frame.height);
  if (frame.rgb.empty() || frame.depth.empty() || frame.segmentation.empty())
    throw ShapeError("point cloud: needs colour, depth and segmentation");
  if (points.empty() || points.size() % kPointSize != 0) {
    throw ShapeError(Cat("point cloud: takes [n, ", kPointSize, "] numbers, got ", points.size()));
  }
  const raster::View view = raster::MakeView(model, data, camera, frame.width, frame.height);
  const auto put = [&](size_t pixel, float* out) {
    std::fill_n(out, kPointSize - 1, 0.0F);
    out[kPointSize - 1] = -1;
    if (pixel >= pixels || frame.segmentation[2 * pixel] < 0) return;
    const auto width = static_cast<size_t>(frame.width);
    const size_t row = pixel / width;
    const float x = static_cast<float>(pixel - row * width) + 0.5F;
    const float y = static_cast<float>(row) + 0.5F;
    const float depth = frame.depth[pixel];
    const float spread = view.orthographic ? 1 : depth;
    const raster::Vec3 p = view.position + view.forward * depth +
                           view.right * ((x - view.cx) / view.fx * spread) +
                           view.up * ((view.cy - y) / view.fy * spread);
    out[0] = p.x, out[1] = p.y, out[2] = p.z;
    for (size_t c = 0; c < 3; ++c) out[3 + c] = static_cast<float>(frame.rgb[3 * pixel + c]) / 255;
    out[6] = static_cast<float>(frame.segmentation[2 * pixel]);
  };
  const size_t count = points.size() / kPointSize;
  if (count == pixels) {
    for (size_t i = 0; i < count; ++i) put(i, &points[i * kPointSize]);
    return;
  }
  size_t shown = 0;
  for (size_t i = 0; i < pixels; ++i) shown += frame.segmentation[2 * i] >= 0;
  size_t pixel = 0, before = 0;  // `before` pixels that show something come before `pixel`
  for (size_t i = 0; i < count; ++i) {
    const size_t wanted = shown == 0 ? 0 : (2 * i + 1) * shown / (2 * count);
    while (pixel < pixels && (frame.segmentation[2 * pixel] < 0 || before < wanted)) {
      before += frame.segmentation[2 * pixel] >= 0;
      ++pixel;
    }
    put(shown == 0 ? pixels : pixel, &points[i * kPointSize]);
  }
}

}  // namespace simscale::render
