#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/agent.h"
#include "simscale/render/renderer.h"
#include "simscale/sim/model.h"

namespace simscale::env {

/// A camera whose pictures are observations: one key a kind, "<name>_<kind>".
struct CameraObservationConfig {
  std::string camera;  ///< of the scene; "": the entry's own name
  int width = 84;      ///< pixels
  int height = 84;
  /// rgb uint8 [H, W, 3]; depth float32 [H, W], m; segmentation int32 [H, W, 2], id and mjtObj
  /// type; points float32 [num_points, 7] (render/point_cloud.h).
  std::vector<std::string> kinds = {"rgb"};
  int num_points = 0;           ///< of kind points; 0: one a pixel
  double rate = 0;              ///< pictures a second; 0: one a control step
  std::vector<int> delay = {};  ///< [least, most] control steps, drawn once an episode; []: none
  double noise = 0;             ///< standard deviation of colours, of 255
  double depth_noise = 0;       ///< standard deviation of depth, as a share of it

  void Describe(config::Fields& f);
  void Validate() const;
};

/// How they are drawn: a render::RenderConfig for learning, without its size.
struct CameraLookConfig {
  std::string backend = "raster";
  int samples = 1;
  bool shadows = false;
  int shadow_size = 512;
  bool skybox = true;
  bool fog = false;
  bool tendons = true;
  std::vector<int> geom_groups = {0, 1, 2};
  std::vector<int> site_groups = {};
  bool levels_of_detail = true;

  void Describe(config::Fields& f);
  render::RenderConfig ToRenderConfig(int width, int height) const;
};

/// The cameras of a task, compiled. Const and shared.
class Cameras {
 public:
  using Configs = std::vector<std::pair<std::string, CameraObservationConfig>>;
  /// Throws UserError for a camera that the model hasn't, or a rate that is no whole number of
  /// control steps.
  Cameras(const Configs& configs, const CameraLookConfig& look, const sim::Model& model,
          double control_rate);

  struct Item {
    std::string name;
    CameraObservationConfig config;
    render::Camera camera;
    int period = 1;      ///< control steps a picture
    int num_frames = 1;  ///< that are remembered, for delays
    int first_spec = 0;  ///< of its kinds, in specs()
  };
  const std::vector<Item>& items() const { return items_; }
  /// One a camera and kind.
  const std::vector<ObservationSpec>& specs() const { return specs_; }
  const render::RenderConfig& look() const { return look_; }
  bool empty() const { return items_.empty(); }

 private:
  std::vector<Item> items_;
  std::vector<ObservationSpec> specs_;
  render::RenderConfig look_;
};

/// Draws the pictures of N rows. What it remembers of a row (late pictures) is not part of the
/// row's state: a state that is restored begins with fresh pictures.
class CameraRows {
 public:
  /// changes: the rows' models differ, or their cameras do, so that each row keeps its own
  /// background.
  CameraRows(const Cameras& cameras, const sim::Model& model, int num_envs, int num_threads,
             bool changes);

  struct Row {
    int row = 0, thread = 0;
    EpisodeKey key;
    int step = 0;        ///< of the episode; 0: it begins
    bool fresh = false;  ///< draw, whatever the rate says, and forget what was before
    const mjModel* model = nullptr;
    const mjData* data = nullptr;
  };
  /// Writes the row's stretch of each buffer, in the order of specs(): rgb in `image`, depth and
  /// points in `state`, segmentation in `ids`.
  struct Buffers {
    std::vector<std::vector<float>>* state;
    std::vector<std::vector<uint8_t>>* image;
    std::vector<std::vector<int32_t>>* ids;
    int first = 0;  ///< index of the first spec's buffers
  };
  void Observe(const Row& row, const Buffers& buffers);

 private:
  struct Scratch {
    std::vector<uint8_t> rgb;
    std::vector<float> depth;
    std::vector<int32_t> segmentation;
  };
  /// Late pictures of one row and camera.
  struct Memory {
    int delay = 0;
    // [keys of that type][num_frames]
    std::vector<std::vector<std::vector<uint8_t>>> rgb;
    std::vector<std::vector<std::vector<float>>> state;
    std::vector<std::vector<std::vector<int32_t>>> ids;
  };
  void Draw(const Row& row, size_t item, const Buffers& buffers);
  void Delay(const Row& row, size_t item, bool drawn, const Buffers& buffers);

  const Cameras& cameras_;
  std::vector<std::unique_ptr<render::Renderer>> renderers_;  ///< one a thread
  std::vector<std::unique_ptr<render::ViewCache>> caches_;    ///< a row or thread, and camera
  bool caches_by_row_;
  std::vector<Scratch> scratch_;  ///< one a thread
  std::vector<Memory> memory_;    ///< one a row and camera
};

}  // namespace simscale::env
