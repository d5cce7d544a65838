#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "simscale/config/fields.h"
#include "simscale/env/task.h"
#include "simscale/eval/tape.h"
#include "simscale/render/renderer.h"

namespace simscale::eval {

struct FilmConfig {
  std::string dir;               ///< "": no videos
  int episodes = 5;              ///< those of lowest index
  std::string camera;            ///< as Camera::Choose takes it
  bool animations = false;       ///< an animated PNG beside each MP4
  render::RenderConfig picture;  ///< 640x480

  void Describe(config::Fields& f);
};

/// Films the first episodes of an evaluation; the pictures are made when it is over.
class Film : public Tape {
 public:
  /// Opens the renderer and the video plugin once, so that what is missing is told before the run.
  /// title: first line of the caption. Throws UserError for an unknown camera, IoError if no OpenGL
  /// or no H.264 encoder is there or the folder can't be made.
  Film(std::shared_ptr<const env::Task> task, FilmConfig config, std::string title);

  /// Writes <dir>/episode_<index>.mp4 (and .png) for each filmed episode that ended, at the control
  /// rate, and returns the paths of the MP4s. An interrupt ends it after the episode at hand.
  std::vector<std::filesystem::path> WriteVideos() const;

 private:
  void WriteVideo(uint64_t index, const Take& take, FramePainter& painter,
                  const std::filesystem::path& path) const;

  std::shared_ptr<const env::Task> task_;
  FilmConfig config_;
  render::Camera camera_;
  std::string title_;
};

}  // namespace simscale::eval
