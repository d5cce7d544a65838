#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "simscale/policy/spec.h"

namespace simscale::policy {

/// What a policy sees of B rows. Letters as in spec.h.
struct Observation {
  torch::Tensor state;  ///< [B, T, S] float32, raw units; keys concatenated in the spec's order
  std::vector<torch::Tensor> images;  ///< [B, H, W, 3] uint8 of the present step, a key each
};

/// One batch of training windows.
struct Batch {
  Observation observation;
  torch::Tensor action;  ///< [B, H, A] float32, the labels
  torch::Tensor
      mask;  ///< [B, H] float32: 1 inside the episode, 0 where the chunk runs past its end
};

struct Losses {
  torch::Tensor total;                                       ///< scalar to be minimised
  std::vector<std::pair<std::string, torch::Tensor>> parts;  ///< scalars to be logged by name
};

/// Mean and standard deviation of each component of the concatenated state, [S] each.
struct StateStatistics {
  std::vector<float> mean, std;
};

/// A trainable map from an observation history to a chunk of actions. Normaliser statistics are
/// buffers of the module, so that weights without them can't exist.
/// Threads: one caller at a time.
class Policy : public torch::nn::Module {
 public:
  explicit Policy(PolicySpec spec);

  virtual Losses Loss(const Batch& batch) = 0;
  /// -> [B, H, A] in [-1, 1]. Needs eval() mode for results that repeat.
  virtual torch::Tensor Act(const Observation& observation) = 0;
  /// Rows per network call in PolicyRunner: a fixed size, so that a row's bits don't depend on how
  /// many others there are.
  virtual int inference_block(const torch::Device& device) const = 0;

  /// Statistics of the training data. Throws ShapeError unless there are S of each.
  void SetStatistics(const StateStatistics& statistics, double std_floor);
  const PolicySpec& spec() const { return spec_; }
  int64_t num_parameters() const;

 protected:
  /// (state - mean) / std, clipped to +-clip.
  torch::Tensor Normalize(const torch::Tensor& state, double clip) const;

 private:
  PolicySpec spec_;
  torch::Tensor obs_mean_, obs_std_;  ///< [S] buffers "obs_mean", "obs_std"
};

}  // namespace simscale::policy
