#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "simscale/render/image.h"

namespace simscale::render {

struct VideoConfig {
  int width = 640;
  int height = 480;
  double fps = 20;            ///< frames a second, 1 .. 1000; the control rate plays in real time
  int crf = 20;               ///< x264's quality: 0 lossless .. 51 worst; 18 to 23 is usual
  bool animated_png = false;  ///< in place of MP4; lossless, and any side will do
};

/// Writes an MP4 file: H.264, yuv420p, index in front, so that browsers play it as it loads. Or an
/// animated PNG (video without sound for whoever shows pictures alone), which repeats.
///
/// The file appears under its name, whole, at Finish; until then it grows beside it under a
/// temporary name, and a writer destroyed before Finish leaves nothing. Equal frames give equal
/// bytes. yuv420p needs even sides: an odd one is padded by repeating the last column or row.
/// Threads: one caller at a time.
///
/// The encoder (libavcodec, with over 100 libraries behind it) is a plugin, libsimscale_video.so,
/// opened on first use from <executable's folder>/../lib/simscale or $SIMSCALE_VIDEO_PLUGIN.
class VideoWriter {
 public:
  /// Makes missing parent folders. Throws UserError for a bad config, IoError if the plugin or an
  /// H.264 encoder is missing or the folder can't be written.
  VideoWriter(const std::filesystem::path& path, const VideoConfig& config);
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  /// rgb_HWC: [height, width, 3]. Throws ShapeError for another size, IoError (no space, ...) that
  /// names the path; after an IoError the writer can only be destroyed.
  void AddFrame(std::span<const uint8_t> rgb_HWC);
  void AddFrame(const Image& image);

  /// Ends the file and moves it to its name, over an old one. Throws UserError if there is no
  /// frame, IoError as AddFrame does. Nothing may be added afterwards.
  void Finish();

  int num_frames() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace simscale::render
