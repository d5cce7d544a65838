#include "simscale/policy/bc/bc.h"

namespace simscale::policy {
namespace {

/// Where the observed positions begin in the concatenated state.
std::vector<int64_t> PositionOffsets(const PolicySpec& spec) {
  std::vector<int64_t> offsets;
  int64_t offset = 0;
  for (const ObservationKey& key : spec.observations) {
    if (key.size == 3 && key.name.ends_with("_pos")) offsets.push_back(offset);
    offset += key.size;
  }
  return offsets;
}

}  // namespace

BcPolicy::BcPolicy(const PolicySpec& spec, const BcConfig& config) : Policy(spec), config_(config) {
  config.Validate();
  std::vector<int64_t> from, to;
  if (config.displacement_scale > 0) {
    const std::vector<int64_t> offsets = PositionOffsets(spec);
    for (size_t a = 0; a < offsets.size(); ++a) {
      for (size_t b = a + 1; b < offsets.size(); ++b) {
        for (int64_t k = 0; k < 3; ++k) {
          from.push_back(offsets[a] + k);
          to.push_back(offsets[b] + k);
        }
      }
    }
  }
  from_ = torch::tensor(from, torch::kInt64);
  to_ = torch::tensor(to, torch::kInt64);
  for (const ImageKey& key : spec.images) {
    encoders_.push_back(register_module(Cat("encoder_", key.name),
                                        ImageEncoder(key.height, key.width, config.image)));
  }
  const int num_images = static_cast<int>(spec.images.size());
  net_ = register_module(
      "net",
      Mlp(MlpOptions{.in = spec.n_obs_steps * (spec.state_dim() + static_cast<int>(from.size())) +
                           num_images * config.image.features,
                     .hidden = config.hidden,
                     .out = spec.horizon * spec.action_dim,
                     .activation = config.activation,
                     .layer_norm = config.layer_norm,
                     .dropout = config.dropout}));
}

torch::Tensor BcPolicy::Displacements(const torch::Tensor& state_BTS) const {
  // Halved, so that a table's width is about two: of the size of the other inputs.
  const torch::Device device = state_BTS.device();
  return state_BTS.index_select(2, to_.to(device))
      .sub_(state_BTS.index_select(2, from_.to(device)))
      .div_(config_.displacement_scale)
      .asinh_()
      .mul_(0.5);
}

torch::Tensor BcPolicy::Predict(const Observation& observation) {
  const torch::Tensor& state_BTS = observation.state;
  torch::Tensor x = Normalize(state_BTS, config_.obs_clip);
  if (from_.numel() > 0) x = torch::cat({x, Displacements(state_BTS)}, 2);
  x = x.flatten(1);
  if (config_.obs_noise > 0 && is_training()) x = x + config_.obs_noise * torch::randn_like(x);
  if (!encoders_.empty()) {
    std::vector<torch::Tensor> parts = {x};
    for (size_t i = 0; i < encoders_.size(); ++i)
      parts.push_back(encoders_[i]->forward(observation.images.at(i)));
    x = torch::cat(parts, 1);
  }
  return net_->forward(x).view({-1, spec().horizon, spec().action_dim});
}

Losses BcPolicy::Loss(const Batch& batch) {
  const torch::Tensor prediction = Predict(batch.observation);
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
  return device.is_cpu() && encoders_.empty() ? 1 : device.is_cpu() ? 8 : 32;
}

}  // namespace simscale::policy
