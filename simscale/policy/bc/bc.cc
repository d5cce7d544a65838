#include "simscale/policy/bc/bc.h"

namespace simscale::policy {
BcPolicy::BcPolicy(const PolicySpec& spec, const BcConfig& config)
    : Policy(spec),
      config_(config),
      features_(*this, spec, config.displacement_scale, config.image) {
  config_.Validate();
  if (config.trunk == "transformer") {
    transformer_ = register_module(
        "net", ChunkTransformer(ChunkTransformerOptions{.in = features_.TokenSizes(),
                                                        .horizon = spec.horizon,
                                                        .out = spec.action_dim,
                                                        .transformer = config.transformer}));
    return;
  }
  net_ =
      register_module("net", Mlp(MlpOptions{.in = features_.state_size() + features_.image_size(),
                                            .hidden = config.hidden,
                                            .out = spec.horizon * spec.action_dim,
                                            .activation = config.activation,
                                            .layer_norm = config.layer_norm,
                                            .dropout = config.dropout}));
}

torch::Tensor BcPolicy::Predict(const Observation& observation) {
  const torch::Tensor& state = observation.state;
  torch::Tensor x = features_.State(state, Normalize(state, config_.obs_clip));
  if (config_.obs_noise > 0 && is_training()) x = x + config_.obs_noise * torch::randn_like(x);
  if (transformer_) return transformer_->forward(features_.Tokens(x, observation.images));
  x = features_.WithImages(x, observation.images);
  return net_->forward(x).view({-1, spec().horizon, spec().action_dim});
}

Losses BcPolicy::Loss(const Batch& batch) {
  // In float32 under autocast as well.
  const torch::Tensor prediction = Predict(batch.observation).to(torch::kFloat32);
  torch::Tensor error;
  if (config_.loss == "mse")
    error = torch::mse_loss(prediction, batch.action, at::Reduction::None);
  else if (config_.loss == "huber")
    error = torch::huber_loss(prediction, batch.action, at::Reduction::None, config_.huber_delta);
  else
    error = torch::l1_loss(prediction, batch.action, at::Reduction::None);
  const torch::Tensor total = (error.mean(2) * batch.mask).sum() / batch.mask.sum();
  return {.total = total, .parts = {{config_.loss, total.detach()}}};
}

torch::Tensor BcPolicy::Act(const Observation& observation) {
  return Predict(observation).clamp(-1, 1);
}

int BcPolicy::inference_block(const torch::Device& device) const {
  // One row a call is the quickest answer for a single robot, and on a CPU (60 us for three
  // layers of 512) small against the physics of the steps between two calls. A GPU is bound by
  // launches; pictures are quicker in fours or more.
  return device.is_cpu() && !features_.has_images() ? 1 : device.is_cpu() ? 8 : 32;
}

}  // namespace simscale::policy
