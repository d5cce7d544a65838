#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "simscale/data/window_loader.h"
#include "simscale/policy/spec.h"
#include "simscale/train/config.h"

namespace simscale::train {

/// The pictures of a dataset's windows, read from the files by threads while the network computes,
/// as uint8: they are decoded and augmented on the device.
class PictureFeed {
 public:
  /// keys: pictures of the present step. episode_begin: [episodes + 1], which windows are whose.
  PictureFeed(std::vector<data::RowReader::Episode> episodes,
              const std::vector<policy::ImageKey>& keys, std::vector<int64_t> episode_begin,
              const LoaderConfig& config, torch::Device device);

  /// Begins to read those of the windows (global steps).
  void Ask(const int64_t* windows, int64_t count);
  /// [B, H, W, 3] of each key, of the oldest windows that were asked for; on the device.
  std::vector<torch::Tensor> Take();
  /// Those of windows out of turn.
  std::vector<torch::Tensor> Load(const int64_t* windows, int64_t count);

  bool keeps_all() const { return reader_.keeps_all(); }
  int64_t total_bytes() const { return reader_.total_bytes(); }

 private:
  std::vector<data::WindowId> Ids(const int64_t* windows, int64_t count) const;
  std::vector<torch::Tensor> AsTensors(const data::WindowBatch& batch) const;
  std::unique_ptr<data::WindowLoader> MakeLoader() const;

  std::vector<policy::ImageKey> keys_;
  std::vector<int64_t> episode_begin_;
  int threads_;
  torch::Device device_;
  data::RowReader reader_;
  std::unique_ptr<data::WindowLoader> ahead_, at_once_;
};

}  // namespace simscale::train
