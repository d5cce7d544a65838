#pragma once

#include <memory>
#include <string>

#include "env.h"
#include "simscale/render/gl_renderer.h"

namespace simscale::python {

/// Pictures of an Env's rows.
class Renderer {
 public:
  /// camera: one of the model's; "": its camera "front" if it has one, else the whole scene.
  /// Throws Error in a forked process whose parent has drawn: OpenGL does not survive that.
  Renderer(const Env& env, int width, int height, const std::string& camera);

  nb::object Render(int row);  ///< [height, width, 3] uint8, first row on top

 private:
  std::shared_ptr<env::BatchedEnv> env_;
  render::Camera camera_;
  std::unique_ptr<render::GlRenderer> renderer_;
};

}  // namespace simscale::python
