#pragma once

#include "simscale/policy/bc/config.h"
#include "simscale/policy/nets/chunk_transformer.h"
#include "simscale/policy/nets/mlp.h"
#include "simscale/policy/nets/observation_features.h"
#include "simscale/policy/policy.h"

namespace simscale::policy {

/// Behaviour cloning: the observation's features through an MLP or a transformer. The loss is the
/// mean over the steps inside the episode and over A of |e|, e^2 or huber(e).
class BcPolicy : public Policy {
 public:
  BcPolicy(const PolicySpec& spec, const BcConfig& config);

  Losses Loss(const Batch& batch) override;
  torch::Tensor Act(const Observation& observation) override;
  int inference_block(const torch::Device& device) const override;

 private:
  torch::Tensor Predict(const Observation& observation);  ///< -> [B, H, A], not clipped
  BcConfig config_;
  ObservationFeatures features_;
  Mlp net_{nullptr};                       ///< trunk mlp
  ChunkTransformer transformer_{nullptr};  ///< trunk transformer
};

}  // namespace simscale::policy
