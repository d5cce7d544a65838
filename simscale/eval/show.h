#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "simscale/config/fields.h"
#include "simscale/env/task.h"
#include "simscale/eval/tape.h"
#include "simscale/render/renderer.h"

namespace simscale::eval {

/// Several episodes in one picture or video.
struct ShowConfig {
  int columns = 0;               ///< of tiles; 0: as square as it gets, or all frames of an episode
  int frames = 6;                ///< of each episode in a PNG, spread over it; 1: its start
  std::string camera;            ///< as Camera::Choose takes it
  render::RenderConfig picture;  ///< of one tile

  ShowConfig() { picture.width = 320, picture.height = 240; }
  void Describe(config::Fields& f);
};

/// Throws UserError unless the path ends in .png or .mp4 (any case).
void CheckShowPath(const std::filesystem::path& path);

/// Draws the finished takes of the tape: a PNG contact sheet (an episode a row, unless one frame of
/// each is wanted), or an MP4 with the episodes side by side, at the control rate; an episode that
/// is over stands still. Throws UserError if there is no take or the camera is unknown, IoError.
void WriteShow(const std::shared_ptr<const env::Task>& task, const Tape& tape,
               const ShowConfig& config, const std::string& title,
               const std::filesystem::path& path);

}  // namespace simscale::eval
