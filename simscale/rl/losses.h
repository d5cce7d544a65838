#pragma once

#include <torch/torch.h>

#include <vector>

#include "simscale/policy/ppo/gaussian_policy.h"
#include "simscale/rl/config.h"

namespace simscale::rl {

/// The steps that an update learns from: B of them, all on the learner's device.
struct Experience {
  torch::Tensor features;             ///< [B, F] of the policy
  std::vector<torch::Tensor> images;  ///< [B, H, W, 3] each
  torch::Tensor privileged;           ///< [B, P]
  torch::Tensor u;                    ///< [B, A] as drawn, before clipping or squashing
  torch::Tensor log_prob;             ///< [B] under the policy that drew it
  torch::Tensor value;                ///< [B] of the critic then
  torch::Tensor advantage, returns;   ///< [B]
};

/// Where each number stands in a record of losses.
enum LossRecord { kTotal, kPolicy, kValue, kEntropy, kKl, kClipped, kLossRecordSize };

/// PPO's losses of one minibatch, or of a part of one.
struct PpoLosses {
  torch::Tensor total;                                ///< scalar to be minimised
  torch::Tensor policy, value, entropy, kl, clipped;  ///< scalars, for the record

  /// All of them by LossRecord, without gradients: float32 [kLossRecordSize].
  torch::Tensor Record() const;
};

/// kl: Schulman's estimator (r - 1) - log r, which is never negative. clipped: the share of ratios
/// beyond the clip range. All are means over the steps given.
PpoLosses ComputePpoLosses(const policy::GaussianPolicy& policy,
                           const policy::GaussianPolicy::Distribution& distribution,
                           const torch::Tensor& value, const Experience& batch,
                           const PpoConfig& config, double entropy_coef);

}  // namespace simscale::rl
