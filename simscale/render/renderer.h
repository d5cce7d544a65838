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
  std::string backend = "auto";
  int samples = 4;
  bool shadows = true;
  int shadow_size = 2048;
  bool reflections = true;
  bool skybox = true;
  std::vector<int> geom_groups = {0, 1, 2};
  std::vector<int> site_groups = {0, 1, 2};

  void Describe(config::Fields& f) {
    f.Field("width", width, {.help = "picture width", .unit = "pixels", .min = 1, .max = 16384});
    f.Field("height", height, {.help = "picture height", .unit = "pixels", .min = 1, .max = 16384});
    f.Field("backend", backend,
            {.help = "headless OpenGL; auto tries egl (GPU or software), then osmesa (software)",
             .choices = {"auto", "egl", "osmesa"}});
    f.Field("samples", samples,
            {.help = "multisampling; 0: no anti-aliasing", .min = 0, .max = 16});
    f.Field("shadows", shadows, {.help = "draw shadows (dear without a GPU)"});
    f.Field("shadow_size", shadow_size,
            {.help = "side of the shadow map", .unit = "pixels", .min = 16, .max = 16384});
    f.Field("reflections", reflections, {.help = "draw reflections of reflective planes"});
    f.Field("skybox", skybox, {.help = "draw the sky texture, if the model has one"});
    f.Field("geom_groups", geom_groups,
            {.help = "visible geom groups", .min = 0, .max = mjNGROUP - 1});
    f.Field("site_groups", site_groups,
            {.help = "visible site groups", .min = 0, .max = mjNGROUP - 1});
  }
  /// Throws UserError, naming the field, where Describe's ranges don't hold.
  void Validate() const;
};

/// Where a picture is taken from: one of the model's cameras by name, or a free one.
struct Camera {
  std::string name;              ///< of the model's camera; "" for the free one below
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

/// What the pictures are drawn with.
struct GlInfo {
  std::string backend;   ///< "egl" or "osmesa"
  std::string vendor;    ///< OpenGL's own strings
  std::string renderer;  ///< e.g. "llvmpipe (LLVM 15.0.6, 256 bits)"
  std::string version;
};

/// Draws the simulation through MuJoCo's OpenGL renderer, without a window.
///
/// Each renderer has an OpenGL context, which is current only during its calls: one renderer may be
/// used, moved and destroyed on any thread, by one thread at a time. For parallel pictures make one
/// renderer a thread.
///
/// libEGL and libOSMesa are opened on first use. MuJoCo binds its OpenGL functions once a process,
/// so the first backend that works is the only one of that process. SIMSCALE_EGL_LIBRARY and
/// SIMSCALE_OSMESA_LIBRARY name other library files; MUJOCO_EGL_DEVICE_ID picks one of several
/// GPUs.
class GlRenderer {
 public:
  /// Uploads the model's meshes and textures. The model is not kept.
  /// Throws UserError for a bad config, IoError that says what to install if the backend (with
  /// auto: neither) can't be had, or if another backend is already in use.
  GlRenderer(const mjModel* model, const RenderConfig& config);
  ~GlRenderer();
  GlRenderer(GlRenderer&&) noexcept;
  GlRenderer& operator=(GlRenderer&&) noexcept;

  /// Writes the picture to rgb_HWC: [height, width, 3], first row on top. `model` is the
  /// constructor's or a copy whose numbers (colours, lights, cameras, sizes of primitives) may
  /// differ; `data` must have its positions computed (mj_forward, mj_step) and is not touched.
  /// Throws UserError for an unknown camera or another model, ShapeError for a span of another
  /// size.
  void Render(const mjModel* model, const mjData* data, const Camera& camera,
              std::span<uint8_t> rgb_HWC);
  Image Render(const mjModel* model, const mjData* data, const Camera& camera);

  int width() const;
  int height() const;
  const GlInfo& info() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The names of the model's cameras, in the model's order; unnamed ones are left out.
std::vector<std::string> CameraNames(const mjModel* model);

}  // namespace simscale::render
