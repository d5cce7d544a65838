#pragma once

#include <mujoco/mujoco.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/render/image.h"

namespace simscale::render {

/// How pictures are made.
struct RenderConfig {
  int width = 640;
  int height = 480;
  std::string backend = "gl";
  int samples = 4;
  bool shadows = true;
  int shadow_size = 2048;
  bool reflections = true;
  bool skybox = true;
  bool fog = false;
  bool tendons = true;
  std::vector<int> geom_groups = {0, 1, 2};
  std::vector<int> site_groups = {0, 1, 2};
  bool levels_of_detail = true;

  void Describe(config::Fields& f);
  /// Throws UserError, naming the field, where Describe's ranges don't hold.
  void Validate() const;
};

/// Where a picture is taken from: one of the model's cameras by name, or a free one.
struct Camera {
  std::string name;              ///< of the model's camera; "" for the one below
  int id = -1;                   ///< its number in the model; -1 for the free one below
  double lookat[3] = {0, 0, 0};  ///< m, world
  double distance = 1.5;         ///< m
  double azimuth = 90;           ///< degrees; 90 looks along +y
  double elevation = -45;        ///< degrees; negative looks down

  static Camera Named(std::string name);
  /// MuJoCo's default view of the whole model.
  static Camera Overview(const mjModel* model);
  /// The one of that name (UserError that lists the known ones if there is none). For "": `front`,
  /// else the model's first camera, else the overview.
  static Camera Choose(const mjModel* model, const std::string& name);
};

/// Where the numbers of one picture go. A span that is empty is not wanted.
struct Frame {
  int width = 0, height = 0;  ///< pixels, at most the config's
  std::span<uint8_t> rgb;     ///< [height, width, 3], first row on top
  /// [height, width], m along the optical axis to what is seen, transparent or not; the far plane
  /// (vis.map.zfar times stat.extent) where there is nothing. As mujoco.Renderer's depth.
  std::span<float> depth;
  /// [height, width, 2]: what that is: id and mjtObj type (mjOBJ_GEOM, ...); -1, -1 where there is
  /// nothing.
  std::span<int32_t> segmentation;

  /// Throws ShapeError for a span of another size, UserError for sides that are not in
  /// [1, limit].
  void Check(int max_width, int max_height) const;
};

/// What a renderer remembers of a view whose camera and surroundings stay as they are. It may be
/// used with any renderer of the same model and config, by one at a time; pictures are the same
/// with and without.
class ViewCache {
 public:
  virtual ~ViewCache() = default;
};

/// Draws the simulation. Two backends:
///   raster  the project's own rasteriser, on the CPU alone: milliseconds become tens of
///           microseconds at the sizes that policies see. No reflections.
///   gl      MuJoCo's OpenGL renderer, without a window (egl or osmesa picks one; gl tries both).
/// Threads: one at a time a renderer; make one a thread (MakeRenderers).
class Renderer {
 public:
  virtual ~Renderer() = default;

  /// `model` is the one that the renderer was made for or a copy whose numbers (colours, lights,
  /// cameras, sizes of primitives) differ; `data` must have its positions computed (mj_forward,
  /// mj_step) and is not touched. Throws UserError for an unknown camera or another model,
  /// ShapeError for a span of another size.
  virtual void Render(const mjModel* model, const mjData* data, const Camera& camera,
                      const Frame& frame, ViewCache* cache = nullptr) = 0;
  /// Null if the backend remembers nothing.
  virtual std::unique_ptr<ViewCache> MakeCache() const { return nullptr; }
  /// In words, for logs and reports: "raster (AVX3)", "egl, llvmpipe (...)".
  virtual std::string Describe() const = 0;

  /// A colour picture of the config's size.
  Image Picture(const mjModel* model, const mjData* data, const Camera& camera);

  const RenderConfig& config() const { return config_; }

 protected:
  explicit Renderer(const RenderConfig& config) : config_(config) {}
  Renderer(Renderer&&) = default;
  Renderer& operator=(Renderer&&) = default;

 private:
  RenderConfig config_;
};

/// Throws UserError for a bad config, IoError if the backend can't be had; there is no fallback
/// from one to the other. The model is not kept.
std::unique_ptr<Renderer> MakeRenderer(const mjModel* model, const RenderConfig& config);
/// `count` of them, one a thread; what they know of the model is shared where the backend can.
std::vector<std::unique_ptr<Renderer>> MakeRenderers(const mjModel* model,
                                                     const RenderConfig& config, int count);

/// The names of the model's cameras, in the model's order; unnamed ones are left out.
std::vector<std::string> CameraNames(const mjModel* model);
/// MuJoCo's own description of it. Throws UserError for an unknown name.
mjvCamera ToMujoco(const mjModel* model, const Camera& camera);

/// What must not differ between the model that a renderer was made for and the one it draws.
struct ModelShape {
  mjtSize nbody, ngeom, nsite, ncam, nlight, nmesh, nmeshvert, nmeshface, nhfield, nhfielddata,
      nskin, ntex, ntexdata, nmat, nflex, ntendon;
  bool operator==(const ModelShape&) const = default;
};
ModelShape ShapeOf(const mjModel& m);
/// Throws UserError unless model and data are there and the model has that shape.
void CheckModel(const mjModel* model, const mjData* data, const ModelShape& shape);

}  // namespace simscale::render
