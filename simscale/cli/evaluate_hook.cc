#include "simscale/cli/evaluate_hook.h"

#include <optional>
#include <utility>

#include "simscale/common/error.h"
#include "simscale/common/file.h"
#include "simscale/common/log.h"
#include "simscale/eval/evaluator.h"
#include "simscale/eval/film.h"

namespace simscale::cli {
namespace {

/// Small, by the rasteriser, which needs no OpenGL: some seconds an episode.
render::RenderConfig PictureOfFilms() {
  render::RenderConfig picture;
  picture.width = 320;
  picture.height = 240;
  picture.backend = "raster";
  picture.shadow_size = 1024;
  return picture;
}

/// Films an evaluation; where that can't be (no encoder, a full disk), it is told and left out.
class Filmer {
 public:
  Filmer(const std::shared_ptr<const env::Task>& task, const train::EvalRequest& wanted) {
    if (wanted.videos < 1) return;
    Try([&] {
      film_.emplace(task,
                    eval::FilmConfig{.dir = wanted.video_dir.string(),
                                     .episodes = wanted.videos,
                                     .animations = true,
                                     .picture = PictureOfFilms()},
                    Cat(task->name(), "  step ", wanted.step));
    });
  }
  env::EpisodeObserver* observer() { return film_ ? &*film_ : nullptr; }

  std::vector<train::Video> Videos() {
    std::vector<train::Video> videos;
    if (film_)
      Try([&] {
        for (const fs::path& path : film_->WriteVideos())
          videos.push_back({.mp4 = path,
                            .animation = fs::path(path).replace_extension(".png"),
                            .width = PictureOfFilms().width,
                            .height = PictureOfFilms().height});
      });
    return videos;
  }

 private:
  template <class F>
  void Try(F&& f) {
    try {
      f();
    } catch (const std::exception& error) {
      film_.reset();
      LogWarning("metrics.videos: no film of this evaluation: ", error.what());
    }
  }
  std::optional<eval::Film> film_;
};

}  // namespace

train::TrainHooks EvaluateOn(std::shared_ptr<const env::Task> task) {
  train::TrainHooks hooks;
  hooks.evaluate = [task = std::move(task)](env::Agent& agent, const train::EvalRequest& wanted) {
    const eval::EvalConfig config{.n_episodes = wanted.n_episodes, .seed = wanted.seed};
    Filmer filmer(task, wanted);
    const eval::EvalReport report =
        eval::EvaluateWithSeed(task, agent, wanted.seed, config, filmer.observer(), "evaluation");
    return train::EvalResult{.n_episodes = static_cast<int>(report.episodes.size()),
                             .successes = static_cast<int>(report.successes),
                             .success_rate = report.success_rate,
                             .ci_low = report.success_ci95.low,
                             .ci_high = report.success_ci95.high,
                             .mean_return = report.mean_return,
                             .mean_length = report.mean_length,
                             .mean_reward_terms = report.mean_reward_terms,
                             .videos = filmer.Videos()};
  };
  return hooks;
}

}  // namespace simscale::cli
