#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/task.h"
#include "simscale/render/renderer.h"

namespace simscale::eval {

struct RenderBenchConfig {
  std::string camera;  ///< as Camera::Choose takes it
  int width = 64;
  int height = 64;
  std::vector<std::string> kinds = {"rgb", "depth", "segmentation"};
  int samples = 1;  ///< a pixel; the reference has none
  bool shadows = false;
  bool levels_of_detail = true;
  bool keep_fixed = false;  ///< whether ours keeps what stays in front of a camera that does
  int states = 20;          ///< of the task, drawn by each side in turn
  int repeats = 5;
  uint64_t seed = 0;

  void Describe(config::Fields& f);
};

/// One thread of the rasteriser against MuJoCo's OpenGL renderer with its plainest flags (no
/// multisampling, no reflections, shadows as asked), measured in turns on the same states.
struct RenderBenchReport {
  struct Repeat {
    double ours = 0, reference = 0;  ///< ms a picture
    double ratio() const { return reference / ours; }
  };
  std::vector<Repeat> repeats;
  std::string ours, reference;  ///< what drew
  std::string camera;
  // How alike the pictures are.
  double same_ids = 0;      ///< share of pixels
  double same_depth = 0;    ///< share of those that show a geom: within 1 mm
  double colour_error = 0;  ///< mean absolute, of 255
};

RenderBenchReport BenchRendering(const std::shared_ptr<const env::Task>& task,
                                 const RenderBenchConfig& config);

std::string RenderBenchAsJson(const RenderBenchReport& report, const RenderBenchConfig& config,
                              const std::string& env_name);
std::string RenderBenchAsText(const RenderBenchReport& report, const RenderBenchConfig& config,
                              const std::string& env_name);

}  // namespace simscale::eval
