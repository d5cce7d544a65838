#include "renderer.h"

#include "gl_process.h"

namespace simscale::python {
Renderer::Renderer(const Env& env, int width, int height, const std::string& camera)
    : env_(env.env()) {
  render::RenderConfig config;
  config.width = width;
  config.height = height;
  config.Validate();
  ClaimOpenGl();
  const mjModel* model = env_->task().model().get();
  camera_ = render::Camera::Choose(model, camera);
  const nb::gil_scoped_release release;
  renderer_ = std::make_unique<render::GlRenderer>(model, config);
}

nb::object Renderer::Render(int row) {
  ClaimOpenGl();
  const auto width = static_cast<size_t>(renderer_->config().width);
  const auto height = static_cast<size_t>(renderer_->config().height);
  std::vector<uint8_t> pixels(width * height * 3);
  {
    const nb::gil_scoped_release release;
    renderer_->Render(
        env_->model(row), env_->data(row), camera_,
        {.width = static_cast<int>(width), .height = static_cast<int>(height), .rgb = pixels});
  }
  return ArrayFrom(std::move(pixels), {height, width, 3});
}

}  // namespace simscale::python
