#pragma once

#include "simscale/policy/bc/config.h"
#include "simscale/policy/nets/image_encoder.h"
#include "simscale/policy/nets/mlp.h"
#include "simscale/policy/policy.h"

namespace simscale::policy {

/// Behaviour cloning: [B, T, S] normalised, flattened to [B, T*S], an MLP, reshaped to [B, H, A].
/// With displacement_scale, the differences between observed positions are inputs as well, through
/// asinh: millimetres near zero, where "is the cube between the fingers" is decided, and bounded
/// far away. (A network must else find them as small differences of large numbers.) Pictures, if
/// the spec has any, are encoded each by a network of its own and join the inputs. The loss is the
/// mean over the steps inside the episode and over A of |e|, e^2 or huber(e).
class BcPolicy : public Policy {
 public:
  BcPolicy(const PolicySpec& spec, const BcConfig& config);

  Losses Loss(const Batch& batch) override;
  torch::Tensor Act(const Observation& observation) override;
  int inference_block(const torch::Device& device) const override;

 private:
  torch::Tensor Predict(const Observation& observation);  ///< -> [B, H, A], not clipped
  /// [B, T, S] as observed -> [B, T, 3 * pairs].
  torch::Tensor Displacements(const torch::Tensor& state_BTS) const;
  BcConfig config_;
  torch::Tensor from_, to_;  ///< [3 * pairs] places of the pairs' components in the state
  std::vector<ImageEncoder> encoders_;  ///< one a picture
  Mlp net_{nullptr};
};

}  // namespace simscale::policy
