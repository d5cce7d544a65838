#include "simscale/policy/ppo/gaussian_policy.h"

#include <cmath>
#include <numbers>

#include "simscale/common/error.h"

namespace simscale::policy {
namespace {

const double kHalfLogTwoPi = 0.5 * std::log(2 * std::numbers::pi);

}  // namespace

GaussianPolicy::GaussianPolicy(const PolicySpec& spec, const GaussianConfig& config)
    : Policy(spec),
      config_(config),
      features_(*this, spec, config.displacement_scale, config.image) {
  config_.Validate();
  if (spec.horizon != 1)
    ThrowUser("ppo: a Gaussian policy gives one action, horizon ", spec.horizon);
  const bool from_network = config.std == "network";
  net_ =
      register_module("net", Mlp(MlpOptions{.in = features_.state_size() + features_.image_size(),
                                            .hidden = config.hidden,
                                            .out = spec.action_dim * (from_network ? 2 : 1),
                                            .activation = config.activation,
                                            .layer_norm = config.layer_norm}));
  if (!from_network) {
    log_std_ = register_parameter(
        "log_std", torch::full({spec.action_dim}, std::log(config.std_init), torch::kFloat32));
  }
  action_center_ = register_buffer("action_center", torch::zeros({spec.action_dim}));
  action_half_ = register_buffer("action_half", torch::ones({spec.action_dim}));
}

torch::Tensor GaussianPolicy::Features(const torch::Tensor& state_BTS) const {
  return features_.State(state_BTS, Normalize(state_BTS, config_.obs_clip));
}

torch::Tensor GaussianPolicy::Hidden(const torch::Tensor& features,
                                     const std::vector<torch::Tensor>& images) {
  return net_->Hidden(features_.WithImages(features, images));
}

GaussianPolicy::Distribution GaussianPolicy::Decode(const torch::Tensor& hidden) {
  Distribution distribution;
  torch::Tensor log_std = log_std_;
  distribution.mean = net_->Head(hidden);
  if (!log_std.defined()) {
    const auto parts = distribution.mean.chunk(2, -1);
    distribution.mean = parts[0];
    log_std = parts[1] + std::log(config_.std_init);
  }
  distribution.log_std = log_std.clamp(std::log(config_.std_min), std::log(config_.std_max));
  return distribution;
}

void GaussianPolicy::SetActionBounds(const std::vector<double>& low,
                                     const std::vector<double>& high) {
  SIMSCALE_CHECK(low.size() == high.size() &&
                 static_cast<int64_t>(low.size()) == action_half_.numel());
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < low.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    action_center_[at] = 0.5 * (low[i] + high[i]);
    action_half_[at] = 0.5 * (high[i] - low[i]);
  }
}

torch::Tensor GaussianPolicy::ToAction(const torch::Tensor& u) const {
  return torch::addcmul(action_center_, config_.squash ? u.tanh() : u.clamp(-1, 1), action_half_);
}

torch::Tensor GaussianPolicy::LogProb(const Distribution& distribution,
                                      const torch::Tensor& u) const {
  const torch::Tensor z = (u - distribution.mean) * torch::exp(-distribution.log_std);
  torch::Tensor sum = (z.square() * 0.5 + distribution.log_std).sum(-1).neg() -
                      kHalfLogTwoPi * static_cast<double>(spec().action_dim);
  // log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u)), which stays finite.
  if (config_.squash)
    sum = sum - 2 * (std::numbers::ln2 - u - torch::nn::functional::softplus(-2 * u)).sum(-1);
  return sum;
}

torch::Tensor GaussianPolicy::Entropy(const Distribution& distribution) {
  const torch::Tensor sum = (distribution.log_std + (0.5 + kHalfLogTwoPi)).sum(-1);
  return sum.dim() > 0 ? sum.mean() : sum;
}

Losses GaussianPolicy::Loss(const Batch& batch) {
  const Distribution distribution =
      Decode(Hidden(Features(batch.observation.state), batch.observation.images));
  torch::Tensor u = (batch.action.select(1, 0) - action_center_) / action_half_;
  if (config_.squash) u = torch::atanh(u.clamp(-0.999, 0.999));
  const torch::Tensor mask = batch.mask.select(1, 0);
  const torch::Tensor total = -(LogProb(distribution, u) * mask).sum() / mask.sum();
  return {.total = total, .parts = {{"nll", total.detach()}}};
}

torch::Tensor GaussianPolicy::Act(const Observation& observation) {
  const Distribution distribution = Decode(Hidden(Features(observation.state), observation.images));
  return ToAction(distribution.mean).unsqueeze(1);
}

int GaussianPolicy::inference_block(const torch::Device& device) const {
  return device.is_cpu() && !has_images() ? 1 : device.is_cpu() ? 8 : 32;
}

void InitializeOrthogonally(Mlp& net, double hidden_gain, double head_gain) {
  torch::NoGradGuard no_grad;
  auto& linears = net->linears();
  for (size_t i = 0; i < linears.size(); ++i) {
    torch::nn::init::orthogonal_(linears[i]->weight,
                                 i + 1 < linears.size() ? hidden_gain : head_gain);
    torch::nn::init::zeros_(linears[i]->bias);
  }
}

void GaussianPolicy::InitializeOrthogonally() {
  policy::InitializeOrthogonally(net_, std::numbers::sqrt2, 0.01);
}

}  // namespace simscale::policy
