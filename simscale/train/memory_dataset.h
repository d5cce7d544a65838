#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "simscale/policy/policy.h"
#include "simscale/train/sources.h"

namespace simscale::train {

/// The state observations and labels of the sources as contiguous tensors in memory, M steps in
/// their order. A window is named by its present step, 0 .. M-1. Pictures stay in the files
/// (picture_feed.h).
struct MemoryDataset {
  std::vector<policy::ObservationKey> observations;
  std::vector<policy::ImageKey> image_keys;  ///< of the pictures that were asked for
  int action_dim = 0;
  torch::Tensor state;   ///< [M, S] float32
  torch::Tensor action;  ///< [M, A] float32: "expert_actions" if the file has them, else "actions"
  torch::Tensor first;   ///< [M] int64: the first step of the window's episode
  torch::Tensor last;    ///< [M] int64: the last one
  std::vector<int64_t> episode_begin;  ///< [episodes + 1]

  int64_t num_episodes() const { return static_cast<int64_t>(episode_begin.size()) - 1; }
  int64_t num_steps() const { return episode_begin.back(); }
  /// Steps of the given episodes (ascending), or of all others.
  std::vector<int64_t> StepsOf(const std::vector<int64_t>& episodes, bool others) const;
  void To(torch::Device device);

  /// Windows as a batch. History before the episode's first step repeats that step; the chunk past
  /// its last step repeats that action, with mask 0. index: [B] int64 on the dataset's device.
  policy::Batch Gather(const torch::Tensor& index, int n_obs_steps, int horizon) const;
  /// How many labels of the windows lie within their episode: the sum of Gather's mask; a scalar.
  torch::Tensor NumLabels(const torch::Tensor& index, int horizon) const;
  /// Mean and standard deviation of the state over the given steps.
  policy::StateStatistics Statistics(const std::vector<int64_t>& steps) const;
};

/// Loads the named state observations (all float32 vectors of the file if none are named) and
/// pictures. Throws UserError, one line, for what does not fit: unknown observations or of another
/// kind, in one of the files only, no actions, numbers that are not finite, actions outside of
/// [-1, 1], no steps.
MemoryDataset LoadDataset(const Sources& sources, const std::vector<std::string>& names,
                          const std::vector<std::string>& images);

}  // namespace simscale::train
