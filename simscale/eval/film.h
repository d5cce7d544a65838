#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/episode_runner.h"
#include "simscale/env/task.h"
#include "simscale/render/renderer.h"

namespace simscale::eval {

struct FilmConfig {
  std::string dir;               ///< "": no videos
  int episodes = 5;              ///< those of lowest index
  std::string camera;            ///< as Camera::Choose takes it
  render::RenderConfig picture;  ///< 640x480

  void Describe(config::Fields& f);
};

/// Films the first episodes of an evaluation: while they run it only notes their states, and the
/// pictures are made afterwards, so that figures and speed don't depend on rendering.
class Film : public env::EpisodeObserver {
 public:
  /// Opens the renderer and the video plugin once, so that what is missing is told before the run.
  /// title: first line of the caption. Throws UserError for an unknown camera, IoError if no OpenGL
  /// or no H.264 encoder is there or the folder can't be made.
  Film(std::shared_ptr<const env::Task> task, FilmConfig config, std::string title);
  ~Film() override;

  void OnReset(const env::BatchedEnv& env, int row, const env::EpisodeKey& key) override;
  void AfterStep(const env::BatchedEnv& env) override;
  void OnEpisodeEnd(const env::BatchedEnv& env, const env::EpisodeOutcome& outcome) override;

  /// Writes <dir>/episode_<index>.mp4 for each filmed episode that ended, at the control rate, and
  /// returns their paths. An interrupt ends it after the file at hand.
  std::vector<std::filesystem::path> WriteVideos() const;

 private:
  struct Frame {
    std::vector<double> state;  ///< BatchedEnv's, randomised values included
    double episode_return = 0;
  };
  struct Take {
    std::vector<Frame> frames;
    bool finished = false, success = false;
  };
  void Note(const env::BatchedEnv& env, int row, double reward);
  void WriteVideo(uint64_t index, const Take& take, render::Renderer& renderer,
                  env::BatchedEnv& env, const std::filesystem::path& path) const;

  std::shared_ptr<const env::Task> task_;
  FilmConfig config_;
  render::Camera camera_;
  std::string title_;
  std::map<uint64_t, Take> takes_;
  std::map<int, uint64_t> filming_;  ///< row -> episode index
};

}  // namespace simscale::eval
