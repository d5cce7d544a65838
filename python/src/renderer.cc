#include "renderer.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "simscale/common/error.h"

namespace simscale::python {
namespace {

// The process that first used OpenGL here. Its driver's threads are missing in a forked child,
// where drawing would wait for them forever.
std::atomic<pid_t> g_drawing_process{0};

void ClaimOpenGl() {
  pid_t nobody = 0;
  if (g_drawing_process.compare_exchange_strong(nobody, getpid()) || nobody == getpid()) return;
  throw Error(
      "can't render in a forked process whose parent has rendered: OpenGL does not survive a fork. "
      "Start the process with multiprocessing's 'spawn' or 'forkserver', or render in the child "
      "only");
}

}  // namespace

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
  const auto width = static_cast<size_t>(renderer_->width());
  const auto height = static_cast<size_t>(renderer_->height());
  std::vector<uint8_t> pixels(width * height * 3);
  {
    const nb::gil_scoped_release release;
    renderer_->Render(env_->model(row), env_->data(row), camera_, pixels);
  }
  return ArrayFrom(std::move(pixels), {height, width, 3});
}

}  // namespace simscale::python
