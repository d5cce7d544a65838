#pragma once

#include <memory>
#include <string>

#include "simscale/render/renderer.h"

namespace simscale::render {

/// What OpenGL draws with.
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
class GlRenderer : public Renderer {
 public:
  /// Uploads the model's meshes and textures. The model is not kept.
  /// Throws UserError for a bad config, IoError that says what to install if the backend (with
  /// gl: neither) can't be had, or if another backend is already in use.
  GlRenderer(const mjModel* model, const RenderConfig& config);
  ~GlRenderer() override;
  GlRenderer(GlRenderer&&) noexcept;
  GlRenderer& operator=(GlRenderer&&) noexcept;

  void Render(const mjModel* model, const mjData* data, const Camera& camera, const Frame& frame,
              ViewCache* cache = nullptr) override;
  std::string Describe() const override;

  const GlInfo& info() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace simscale::render
