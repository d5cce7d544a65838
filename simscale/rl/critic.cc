#include "simscale/rl/critic.h"

#include <numbers>

namespace simscale::rl {

Critic::Critic(const policy::PolicySpec& spec, const policy::GaussianConfig& policy,
               const PpoConfig& config, int num_privileged)
    : shares_trunk_(config.critic_shares_trunk),
      num_privileged_(num_privileged),
      clip_(policy.obs_clip) {
  int in = policy.hidden.back();
  if (!shares_trunk_) {
    encoders_ = std::make_unique<policy::ObservationFeatures>(
        *this, spec, policy.displacement_scale, policy.image);
    in = encoders_->state_size() + encoders_->image_size();
  }
  net_ = register_module("net",
                         policy::Mlp(policy::MlpOptions{
                             .in = in + num_privileged,
                             .hidden = shares_trunk_ ? std::vector<int>() : config.critic_hidden,
                             .out = 1,
                             .activation = policy.activation,
                             .layer_norm = policy.layer_norm}));
  mean_ = register_buffer("privileged_mean", torch::zeros({num_privileged}));
  std_ = register_buffer("privileged_std", torch::ones({num_privileged}));
}

torch::Tensor Critic::WithPrivileged(const torch::Tensor& x,
                                     const torch::Tensor& privileged) const {
  if (num_privileged_ == 0) return x;
  return torch::cat({x, ((privileged - mean_) / std_).clamp(-clip_, clip_)}, 1);
}

torch::Tensor Critic::Value(const torch::Tensor& features, const torch::Tensor& hidden,
                            const std::vector<torch::Tensor>& images,
                            const torch::Tensor& privileged) {
  const torch::Tensor x = shares_trunk_ ? hidden : encoders_->WithImages(features, images);
  return net_->forward(WithPrivileged(x, privileged)).squeeze(-1);
}

void Critic::SetPrivilegedStatistics(const policy::StateStatistics& statistics, double std_floor) {
  torch::NoGradGuard no_grad;
  mean_.copy_(torch::tensor(statistics.mean));
  std_.copy_(torch::tensor(statistics.std).clamp_min(std_floor));
}

void Critic::InitializeOrthogonally() {
  policy::InitializeOrthogonally(net_, std::numbers::sqrt2, 1.0);
}

}  // namespace simscale::rl
