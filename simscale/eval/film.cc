#include "simscale/eval/film.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/interrupt.h"
#include "simscale/common/progress.h"
#include "simscale/render/video.h"

namespace simscale::eval {
namespace {

constexpr double kHoldSeconds = 1;  // the last frame stays, so that the outcome can be read

fs::path PathOf(const FilmConfig& config, uint64_t index) {
  char name[48];
  std::snprintf(name, sizeof name, "episode_%04llu.mp4", static_cast<unsigned long long>(index));
  return fs::path(config.dir) / name;
}

}  // namespace

void FilmConfig::Describe(config::Fields& f) {
  f.Field("dir", dir, {.help = "folder for MP4 files of the first episodes; none if empty"});
  f.Field("episodes", episodes, {.help = "episodes that are filmed", .min = 0, .max = 10000});
  f.Field("camera", camera,
          {.help = "camera of the scene; empty: front, else the first, else a view of all of it"});
  f.Field("animations", animations,
          {.help = "an animated PNG beside each MP4, for where only pictures go"});
  f.Struct("picture", picture, "how the pictures are made");
}

Film::Film(std::shared_ptr<const env::Task> task, FilmConfig config, std::string title)
    : Tape(config.episodes),
      task_(std::move(task)),
      config_(std::move(config)),
      title_(std::move(title)) {
  camera_ = render::Camera::Choose(task_->model().get(), config_.camera);
  MakeDirs(config_.dir);
  // The episode's time is the control rate's, and players want a whole number of frames a second at
  // most; the writer takes any.
  render::MakeRenderer(task_->model().get(), config_.picture);
  const render::VideoWriter video(
      PathOf(config_, 0),
      {config_.picture.width, config_.picture.height, task_->config().control_rate});
}

std::vector<fs::path> Film::WriteVideos() const {
  std::vector<fs::path> paths;
  int64_t total = 0, done = 0;
  for (const auto& [index, take] : takes()) total += take.finished;
  if (total == 0) return paths;
  const std::unique_ptr<render::Renderer> renderer =
      render::MakeRenderer(task_->model().get(), config_.picture);
  env::BatchedEnv env(task_, {});
  FramePainter painter(*renderer, env, camera_, title_);
  Progress progress("video", total, "episodes");
  for (const auto& [index, take] : takes()) {
    if (!take.finished || InterruptRequested()) continue;
    paths.push_back(PathOf(config_, index));
    WriteVideo(index, take, painter, paths.back());
    progress.Update(++done);
  }
  return paths;
}

void Film::WriteVideo(uint64_t index, const Take& take, FramePainter& painter,
                      const fs::path& path) const {
  const double rate = task_->config().control_rate;
  render::VideoConfig config{config_.picture.width, config_.picture.height, rate};
  render::VideoWriter video(path, config);
  std::optional<render::VideoWriter> animation;
  config.animated_png = true;
  if (config_.animations) animation.emplace(fs::path(path).replace_extension(".png"), config);
  const auto hold = static_cast<size_t>(std::lround(kHoldSeconds * rate));
  render::Image image;
  for (size_t i = 0; i < take.frames.size() + hold; ++i) {
    if (i < take.frames.size()) image = painter.Paint(index, take, i);
    video.AddFrame(image);
    if (animation) animation->AddFrame(image);
  }
  video.Finish();
  if (animation) animation->Finish();
}

}  // namespace simscale::eval
