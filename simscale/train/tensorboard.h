#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "simscale/train/sink.h"

namespace simscale::train {

/// Writes TensorBoard's event files natively: TFRecord framing (length, masked CRC-32C, payload,
/// masked CRC-32C) around `tensorflow.Event` protobufs, encoded by hand (event.proto,
/// summary.proto).
class TensorBoardWriter {
 public:
  /// Makes a new file in `dir`. resumed_step >= 0: earlier files' records past it are declared void
  /// (SessionLog START), so that curves of an interrupted run go on without a double piece.
  TensorBoardWriter(const std::filesystem::path& dir, int64_t resumed_step = -1);
  ~TensorBoardWriter();
  TensorBoardWriter(const TensorBoardWriter&) = delete;
  TensorBoardWriter& operator=(const TensorBoardWriter&) = delete;

  void Scalar(std::string_view tag, int64_t step, double value);
  void AddHistogram(std::string_view tag, int64_t step, const Histogram& histogram);
  /// encoded: a PNG file.
  void Image(std::string_view tag, int64_t step, int width, int height, std::string_view encoded);
  /// Hands what was written to the operating system.
  void Flush();
  const std::filesystem::path& path() const { return path_; }

 private:
  /// One value of a summary; its fields beside the tag.
  void Value(std::string_view tag, int64_t step, const std::string& fields);
  void Record(const std::string& payload);
  std::filesystem::path path_;
  std::string pending_;
  int fd_ = -1;
};

/// CRC-32C (Castagnoli), as in RFC 3720.
uint32_t Crc32c(std::string_view bytes);

}  // namespace simscale::train
